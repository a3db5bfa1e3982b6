package reconcile

import (
	"context"
	"fmt"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

const (
	// userPatience is how long a request waits for Stripe.
	userPatience = 2 * time.Second
	// jobPatience is how long a job does.
	jobPatience = 30 * time.Second

	budgetInterval = 10 * time.Second
)

// budgets are how many syncs an account's own requests may cause at once, by their cause, and then how often one more.
// They share one balance. For example: after 5 spends a look at an order may cause 3 more, so a row of spends makes no
// customer who comes back from paying wait for the webhook. A cause that is not here has no bound.
var budgets = map[billing.SyncCause]billing.Budget{
	billing.CauseSpend: {Burst: 5, Every: budgetInterval},
	billing.CauseOrder: {Burst: 8, Every: budgetInterval},
	// a change is looked at before it is made, perhaps more than once
	billing.CauseChange: {Burst: 12, Every: budgetInterval},
}

// Outcome is what came of a sync that a request asked for.
type Outcome string

// How a sync can end for who asked for it.
const (
	Synced     Outcome = "synced"      // the database knows what Stripe knew when the sync began, or later
	NoCustomer Outcome = "no-customer" // nothing was ever sold to the account: the database knows all there is
	NoBudget   Outcome = "no-budget"   // the account asked too often; the database alone decides
	Failed     Outcome = "failed"      // Stripe did not answer in time
	NotNeeded  Outcome = "not-needed"  // a condition does not hold, perhaps since another sync was faster
)

// Condition reports whether an account still has to be synced. It is called under the account's lock, before the ticket
// is taken: of many callers who want one sync at the same time one alone syncs.
type Condition func(ctx context.Context, tx *store.Tx, a billing.Account) (bool, error)

// EventWaits returns the condition that an event of the account has waited since before the given time, and no sync for
// an event has begun since then.
func EventWaits(since time.Time) Condition {
	return func(ctx context.Context, tx *store.Tx, a billing.Account) (bool, error) {
		return tx.IsOverdue(ctx, a.ID, since)
	}
}

// reason is why a sync is wanted, and what bounds it.
type reason struct {
	cause      billing.SyncCause
	budget     billing.Budget // of the account's requests; zero: no bound
	conditions []Condition
}

// Sync syncs an account for a job, or for a request that has to know that Stripe was asked: it waits for Stripe 30 s at
// the most and costs nothing of the budget. It does nothing where a condition does not hold. applied is false then, and
// also when a later sync was applied before this one could be, which is as good. Errors: EStripeUnavailable,
// EStripeRefused, ENotFound, and the database's.
func (s *Syncer) Sync(
	ctx context.Context, id billing.AccountID, cause billing.SyncCause, only ...Condition,
) (applied bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, jobPatience)
	defer cancel()
	ticket, outcome, err := s.begin(ctx, id, reason{cause: cause, conditions: only})
	if err != nil || outcome != Synced {
		return false, err
	}
	return s.insist(ctx, ticket, cause)
}

// SyncNow syncs an account for a user's request, within the budget of its cause. The picture it rests on began after
// the call: calls with one cause share a sync until its ticket is taken, and those that come later wait for the next. A
// sync takes 2 s at the most. A failure of Stripe is an Outcome, not an error: the caller decides by what the database
// knows. Errors: ENotFound, and the database's.
func (s *Syncer) SyncNow(ctx context.Context, id billing.AccountID, cause billing.SyncCause) (Outcome, error) {
	outcome, err := s.flights.join(fmt.Sprint(id, "/", cause), func(depart func()) (Outcome, error) {
		// The first caller may leave; the others still want the outcome.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), userPatience)
		defer cancel()
		return s.forUser(ctx, id, reason{cause: cause, budget: budgets[cause]}, depart)
	})
	if err != nil {
		return Failed, err
	}
	return outcome, nil
}

func (s *Syncer) forUser(ctx context.Context, id billing.AccountID, why reason, depart func()) (Outcome, error) {
	ticket, outcome, err := s.begin(ctx, id, why)
	depart()
	if err == nil && outcome == Synced {
		_, err = s.insist(ctx, ticket, why.cause)
	}
	switch billing.CodeOf(err) {
	case "":
		return outcome, nil
	case billing.EStripeUnavailable, billing.EStripeRefused:
		s.log.WarnContext(ctx, "sync for a user failed", "account", id, "error", err)
		return Failed, nil
	}
	if ctx.Err() != nil { // patience ended, be it with Stripe or with others who change this account
		return Failed, nil
	}
	return Failed, err
}
