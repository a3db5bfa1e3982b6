package reconcile

import (
	"context"
	"fmt"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/metric"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/trace"
)

const (
	// userPatience is how long a request waits for Stripe.
	userPatience = 2 * time.Second
	// JobPatience is how long a sync for a job waits for Stripe.
	JobPatience = 30 * time.Second

	budgetInterval = 10 * time.Second
)

// budgets limit, by cause, the syncs that an account's own requests may cause: Burst at once, then one more each
// interval. All causes share one balance. For example, after 5 spends a look at an order may cause 3 more syncs. So a
// row of spends never makes a customer who comes back from paying wait for the webhook. A cause that is not listed has
// no bound.
var budgets = map[billing.SyncCause]billing.Budget{
	billing.CauseSpend: {Burst: 5, Every: budgetInterval},
	billing.CauseOrder: {Burst: 8, Every: budgetInterval},
	// a change is previewed before it is made, perhaps more than once
	billing.CauseChange: {Burst: 12, Every: budgetInterval},
}

// Outcome is the result of a sync that a request asked for.
type Outcome string

// The outcomes of a sync, as its caller sees them.
const (
	Synced     Outcome = "synced"      // the database knows what Stripe knew when the sync began, or later
	NoCustomer Outcome = "no-customer" // nothing was ever sold to the account, so the database knows everything
	NoBudget   Outcome = "no-budget"   // the account asked too often, so the database alone decides
	Failed     Outcome = "failed"      // Stripe did not reply in time
	NotNeeded  Outcome = "not-needed"  // a condition does not hold, perhaps because another sync was faster
)

// Condition reports whether an account still has to be synced. It is called under the account's lock, before the ticket
// is taken. So if many callers want one sync at the same time, only one of them syncs.
type Condition func(ctx context.Context, tx *store.Tx, a billing.Account) (bool, error)

// EventWaits returns a Condition that holds if an event of the account has waited since before the given time, and no
// sync for an event has begun since then.
func EventWaits(since time.Time) Condition {
	return func(ctx context.Context, tx *store.Tx, a billing.Account) (bool, error) {
		return tx.IsOverdue(ctx, a.ID, since)
	}
}

// reason is why a sync is wanted, and what limits it.
type reason struct {
	cause      billing.SyncCause
	budget     billing.Budget // of the account's requests; the zero value is no bound
	conditions []Condition
}

// Sync syncs an account for a job, or for a request that must know that Stripe was asked. It waits for Stripe 30 s at
// most and uses none of the budget.
//
// applied is false if a condition does not hold: then Sync does nothing. It is also false if a later sync was applied
// before this one could be, which is as good. Errors: EStripeUnavailable, EStripeRefused, ENotFound, and the
// database's.
func (s *Syncer) Sync(
	ctx context.Context, id billing.AccountID, cause billing.SyncCause, only ...Condition,
) (applied bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, JobPatience)
	defer cancel()
	_, applied, err = s.run(ctx, id, reason{cause: cause, conditions: only}, func() {})
	return applied, err
}

// run runs a whole sync and counts it. It calls depart as soon as it has its ticket or knows that it gets none.
func (s *Syncer) run(
	ctx context.Context, id billing.AccountID, why reason, depart func(),
) (outcome Outcome, applied bool, err error) {
	began := time.Now()
	ctx, span := trace.Start(ctx, "sync", trace.Internal)
	span.Text("pointsync.account.id", string(id))
	span.Text("pointsync.sync.cause", string(why.cause))
	defer func() {
		span.Text("pointsync.sync.outcome", string(outcome))
		span.End(err)
	}()
	ticket, outcome, err := s.begin(ctx, id, why)
	depart()
	if err == nil && outcome != Synced {
		s.metrics.SyncSkipped(why.cause, skips[outcome])
		return outcome, false, nil
	}
	if err == nil {
		applied, err = s.insist(ctx, ticket, why.cause)
	}
	end := billing.SyncOutrun
	switch {
	case err != nil:
		end = billing.SyncFailed
	case applied:
		end = billing.SyncApplied
	}
	s.metrics.Sync(why.cause, end, time.Since(began))
	return outcome, applied, err
}

// skips are the outcomes of syncs that were not begun.
var skips = map[Outcome]metric.Skip{
	NoCustomer: metric.SkipNoCustomer, NoBudget: metric.SkipNoBudget, NotNeeded: metric.SkipNotNeeded,
}

// SyncNow syncs an account for a user's request, within the budget of its cause. The picture that it uses was begun
// after the call. Calls with one cause share a sync until its ticket is taken, and calls that come later wait for the
// next sync. One sync takes 2 s at most.
//
// A failure of Stripe is an Outcome, not an error: the caller then decides by what the database knows. Errors:
// ENotFound, and the database's.
func (s *Syncer) SyncNow(ctx context.Context, id billing.AccountID, cause billing.SyncCause) (Outcome, error) {
	outcome, err := s.flights.join(fmt.Sprint(id, "/", cause), func(depart func()) (Outcome, error) {
		// The first caller may leave, but the others still want the outcome.
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
	outcome, _, err := s.run(ctx, id, why, depart)
	switch billing.CodeOf(err) {
	case "":
		return outcome, nil
	case billing.EStripeUnavailable, billing.EStripeRefused:
		s.log.WarnContext(ctx, "sync for a user failed", "account", id, "error", err)
		return Failed, nil
	}
	if ctx.Err() != nil { // the time is up, spent on Stripe or on others who change this account
		return Failed, nil
	}
	return Failed, err
}
