// Package reconcile makes the database agree with Stripe, one account at a time:
//
//	begin  (one transaction)   take the account's next ticket and note what the sync has to look at
//	fetch  (no transaction)    a picture of the customer at Stripe: whole objects, never an event's payload
//	decide (pure)              what the picture means for the account
//	apply  (one transaction)   make it so, unless a picture of a later ticket was applied already
//
// The webhook's job, the success page, the spend outside its window and the operator's command all come through
// here, so there is one function that fulfils an order. A fetch that began later saw at least as new a Stripe; so the
// latest start wins, no lock is held while Stripe is asked, and a picture that is thrown away loses nothing: the one that
// won was as complete. It refuses to know HTTP, tokens and what a spend is.
package reconcile

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// Policy is what the operator decides about time, and about how much may be granted unseen.
type Policy struct {
	PastDueGrace time.Duration // access and points while Stripe retries a failed renewal
	RenewalGrace time.Duration // a period's points outlive it so long: Stripe charges a renewal about an hour late

	// An account that would be granted more within a day is parked. 0 is no bound.
	ParkGrants int64
	ParkPoints billing.Points
}

const (
	// An account's own requests may cause so many syncs at once, then one each interval. A customer who comes back from
	// paying may use some more than spends may, so that no row of spends makes them wait for the webhook.
	budgetForSpend = 5
	budgetForOrder = 8
	// A change of plan is looked at before it is made, perhaps more than once.
	budgetForChange = 12
	budgetInterval  = 10 * time.Second
	// userPatience is how long a request waits for Stripe.
	userPatience = 2 * time.Second
	// jobPatience is how long a job does.
	jobPatience = 30 * time.Second
	// wholePatience is how long a comparison does with all that Stripe has of a customer: 100 objects a call.
	wholePatience = 5 * time.Minute
	// maxNamed is how many charges a sync fetches one by one. Where events name more, it reads the whole list.
	maxNamed = 50
)

// Syncer syncs accounts.
type Syncer struct {
	db      *store.DB
	stripe  *stripegw.Gateway
	catalog *catalog.Catalog
	policy  Policy
	log     *slog.Logger
	flights flights
}

// New answers a Syncer over one database and one Stripe.
func New(db *store.DB, stripe *stripegw.Gateway, c *catalog.Catalog, p Policy, log *slog.Logger) *Syncer {
	return &Syncer{db: db, stripe: stripe, catalog: c, policy: p, log: log}
}

// Outcome says what came of a sync that a user's request asked for.
type Outcome string

// How a sync can end for who asked for it.
const (
	Synced     Outcome = "synced"      // the database knows what Stripe knew when the sync began, or later
	NoCustomer Outcome = "no-customer" // nothing was ever sold to the account: the database knows all there is
	NoBudget   Outcome = "no-budget"   // the account asked too often; the database alone decides
	Failed     Outcome = "failed"      // Stripe did not answer in time
	Answered   Outcome = "answered"    // no event waits too long, or another sync for it has begun
)

// ForSpend syncs because a spend needs it, and ForOrder because a customer looks at an order. The picture it rests on began after the
// call: calls that come for the same reason share a sync until its ticket is taken, and those that come later wait for the next. A sync
// takes userPatience at the most. A failure is an Outcome, not an error: the caller decides by what the database knows. Errors: those of
// the database.
func (s *Syncer) ForSpend(ctx context.Context, id billing.AccountID) (Outcome, error) {
	return s.shared(ctx, id, wish{cause: billing.CauseSpend, budget: budgetForSpend})
}

// ForOrder is explained at ForSpend.
func (s *Syncer) ForOrder(ctx context.Context, id billing.AccountID) (Outcome, error) {
	return s.shared(ctx, id, wish{cause: billing.CauseOrder, budget: budgetForOrder})
}

// ForChange syncs because a customer wants to change the subscription. It is explained at ForSpend.
func (s *Syncer) ForChange(ctx context.Context, id billing.AccountID) (Outcome, error) {
	return s.shared(ctx, id, wish{cause: billing.CauseChange, budget: budgetForChange})
}

// ForOperator syncs because an admin wants to see what comes of it. It is explained at ForSpend, and bounded by no budget.
func (s *Syncer) ForOperator(ctx context.Context, id billing.AccountID) (Outcome, error) {
	return s.shared(ctx, id, wish{cause: billing.CauseOperator})
}

// wish is who wants a sync, and how many of them an account may cause at once.
type wish struct {
	cause  billing.SyncCause
	budget int
	since  time.Time // not zero: only if an event has waited since before, and no sync for an event has begun since
}

func (s *Syncer) shared(ctx context.Context, id billing.AccountID, w wish) (Outcome, error) {
	outcome, err := s.flights.join(fmt.Sprint(id, "/", w.cause), func(depart func()) (Outcome, error) {
		// The first caller may leave; the others still want the outcome.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), userPatience)
		defer cancel()
		return s.forUser(ctx, id, w, depart)
	})
	if err != nil {
		return Failed, err
	}
	return outcome, nil
}

func (s *Syncer) forUser(ctx context.Context, id billing.AccountID, w wish, depart func()) (Outcome, error) {
	ticket, outcome, err := s.begin(ctx, id, w)
	depart()
	if err == nil && outcome == Synced {
		_, err = s.insist(ctx, ticket, w)
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

// SyncDue syncs because points that were paid for have fallen due. It is explained at Sync.
func (s *Syncer) SyncDue(ctx context.Context, id billing.AccountID) (applied bool, err error) {
	return s.sync(ctx, id, wish{cause: billing.CauseDue})
}

// SyncTopUp syncs because an automatic order was charged, or is given up. It is explained at Sync.
func (s *Syncer) SyncTopUp(ctx context.Context, id billing.AccountID) (applied bool, err error) {
	return s.sync(ctx, id, wish{cause: billing.CauseTopUp})
}

// SyncExpiry syncs because points ran out while a subscription lives. It is explained at Sync.
func (s *Syncer) SyncExpiry(ctx context.Context, id billing.AccountID) (applied bool, err error) {
	return s.sync(ctx, id, wish{cause: billing.CauseExpiry})
}

// Sync syncs because an event asks for it. applied is false when a later sync was applied before this one
// could be, which is as good. Errors: EStripeUnavailable, EStripeRefused, and the database's.
func (s *Syncer) Sync(ctx context.Context, id billing.AccountID) (applied bool, err error) {
	return s.sync(ctx, id, wish{cause: billing.CauseEvent})
}

// SyncOverdue is Sync, and does nothing unless an event of the account waits since before the given time and no sync for an event has begun
// since. That is looked at under the account's lock, so of many who want it at once one alone syncs.
func (s *Syncer) SyncOverdue(ctx context.Context, id billing.AccountID, since time.Time) (applied bool, err error) {
	return s.sync(ctx, id, wish{cause: billing.CauseEvent, since: since})
}

// AfterChange syncs because Stripe has been asked for a change. It costs nothing of the budget: ForChange, before it, did. Errors: those of Sync.
func (s *Syncer) AfterChange(ctx context.Context, id billing.AccountID) error {
	_, err := s.sync(ctx, id, wish{cause: billing.CauseChange})
	return err
}

func (s *Syncer) sync(ctx context.Context, id billing.AccountID, w wish) (applied bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, jobPatience)
	defer cancel()
	ticket, outcome, err := s.begin(ctx, id, w)
	if err != nil || outcome != Synced {
		return false, err
	}
	return s.insist(ctx, ticket, w)
}

// maxPictures bounds how often a sync takes its picture again because it may be older than one applied since it began.
const maxPictures = 3

// insist finishes a sync, and takes its picture again, with a ticket of its own, where that may be an older one.
func (s *Syncer) insist(ctx context.Context, t billing.Ticket, w wish) (applied bool, err error) {
	for range maxPictures {
		applied, older, err := s.finish(ctx, t)
		if err != nil || !older {
			return applied, err
		}
		var outcome Outcome
		if t, outcome, err = s.begin(ctx, t.Account.ID, wish{cause: w.cause}); err != nil || outcome != Synced {
			return false, err
		}
	}
	return false, billing.Errorf(billing.EStripeUnavailable, "The account changes too often at Stripe; try again shortly.")
}

// begin takes the account's next ticket. Events stored until now are tied to it: this sync looks at Stripe after they
// were sent.
func (s *Syncer) begin(ctx context.Context, id billing.AccountID, w wish) (t billing.Ticket, outcome Outcome, err error) {
	outcome = Synced
	err = s.db.InTx(ctx, func(tx *store.Tx) error {
		a, err := tx.LockAccount(ctx, id)
		if err != nil {
			return err
		}
		if a.CustomerID == "" {
			outcome = NoCustomer
			return nil
		}
		if !w.since.IsZero() {
			if overdue, err := tx.IsOverdue(ctx, id, w.since); err != nil || !overdue {
				outcome = Answered
				return err
			}
		}
		budgetAt := a.Sync.BudgetAt
		if w.budget != unlimited {
			var ok bool
			if budgetAt, ok = spendBudget(budgetAt, tx.Now, w.budget); !ok {
				outcome = NoBudget
				return nil
			}
		}
		if err := tx.IssueTicket(ctx, id, budgetAt); err != nil {
			return err
		}
		t = billing.Ticket{Number: a.Sync.TicketIssued + 1, BeganAt: tx.Now, Account: a}
		if err := tx.BeginSync(ctx, id, t.Number, w.cause); err != nil {
			return err
		}
		if err := tx.StampEvents(ctx, id, t.Number); err != nil {
			return err
		}
		if t.Named, err = tx.NamedCharges(ctx, id, maxNamed+1); err != nil {
			return err
		}
		if len(t.Named) > maxNamed {
			t.Named, t.AllCharges = nil, true
		}
		t.Orders, err = tx.OpenOrders(ctx, id)
		return err
	})
	return t, outcome, err
}

// unlimited is the budget of syncs that no request of a user's causes.
const unlimited = 0

// spendBudget takes one sync out of a budget that is whole again at the given time.
func spendBudget(wholeAt, now time.Time, budget int) (time.Time, bool) {
	next, wait := billing.Budget{Burst: budget, Every: budgetInterval}.Take(wholeAt, now)
	return next, wait == 0
}

// finish is the rest of a sync whose ticket is taken. older is explained at apply.
func (s *Syncer) finish(ctx context.Context, t billing.Ticket) (applied, older bool, err error) {
	picture, err := s.fetch(ctx, t)
	if err != nil {
		err = fmt.Errorf("fetch account %s from Stripe: %w", t.Account.ID, err)
		s.noteFailure(ctx, t, err)
		return false, false, err
	}
	d := Decide(Input{Account: t.Account, Orders: t.Orders, Picture: picture, Now: s.db.Now(), Catalog: s.catalog, Policy: s.policy})
	for _, w := range d.Warnings {
		s.log.WarnContext(ctx, w, "account", t.Account.ID)
	}
	applied, older, err = s.apply(ctx, t, d)
	if err != nil {
		err = fmt.Errorf("apply to account %s: %w", t.Account.ID, err)
		s.noteFailure(ctx, t, err)
		return false, false, err
	}
	return applied, older, nil
}

const (
	// notePatience is how long the note of a failed sync may take: its context may have ended already.
	notePatience = time.Second
	maxNoteText  = 500
)

// noteFailure writes down for an operator why a sync failed. When that fails as well, the log has it all the same.
func (s *Syncer) noteFailure(ctx context.Context, t billing.Ticket, failure error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), notePatience)
	defer cancel()
	err := s.db.InTx(ctx, func(tx *store.Tx) error {
		return tx.EndSync(ctx, t.Account.ID, t.Number, billing.SyncEnd{Outcome: billing.SyncFailed, Detail: billing.Storable(failure.Error(), maxNoteText)})
	})
	if err != nil {
		s.log.WarnContext(ctx, "the failure of a sync could not be noted", "account", t.Account.ID, "failure", failure, "error", err)
	}
}

func (s *Syncer) fetch(ctx context.Context, t billing.Ticket) (billing.Snapshot, error) {
	want := stripegw.Want{
		Customer: t.Account.CustomerID, InvoicesSince: t.Account.Sync.InvoicesSince, Named: t.Named, AllCharges: t.AllCharges, Former: t.Former,
	}
	for _, o := range t.Orders {
		switch {
		case o.Automatic:
			want.Automatic = &o
		case o.CheckoutID != "":
			want.Checkouts = append(want.Checkouts, o.CheckoutID)
		}
	}
	return s.stripe.Fetch(ctx, want)
}
