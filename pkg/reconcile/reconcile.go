// Package reconcile makes the database agree with Stripe, one account at a time:
//
//	begin  (one transaction)   take the account's next ticket and read what the sync has to look at
//	fetch  (no transaction)    a picture of the customer at Stripe: whole objects, never an event's payload
//	decide (pure)              what the picture means for the account
//	apply  (one transaction)   change the database, unless a picture of a later ticket was applied already
//
// These four steps are a sync. The package owns every change that follows from Stripe. It has two entry points: Sync is
// for jobs, and SyncNow is for requests, which cannot wait long. The webhook's job, the success page, a spend outside
// the token's window and the operator's command all run the same four steps. So orders are fulfilled in one place only.
//
// A sync fetches after it has taken its ticket, and a fetch that began later saw a Stripe that was at least as new. So
// the latest ticket wins, and no lock is held while Stripe is asked. The requests of an earlier ticket may still reach
// Stripe late. So if a picture of an earlier ticket was applied in the meantime and the two disagree, the sync takes
// the next ticket and looks again. Nothing is lost when a picture is thrown away, because the one that won was as
// complete.
//
// The package refuses to know HTTP, tokens and what a spend is.
package reconcile

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/metric"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/stripegw"
	"github.com/pointsync/pointsync/pkg/trace"
)

// Policy is what the operator decides about grace times, and about how much may be granted before a person looks.
type Policy struct {
	PastDueGrace time.Duration // access and points while Stripe retries a failed renewal
	RenewalGrace time.Duration // how long points outlive their period: Stripe charges a renewal about an hour late

	// An account that would be granted more than this within a day is parked. 0 means no bound.
	ParkGrants int64
	ParkPoints billing.Points
}

const (
	// wholePatience is how long a comparison waits for everything that Stripe has of a customer, at 100 objects a call.
	wholePatience = 5 * time.Minute
	// maxNamed is how many objects a sync fetches one by one. If events name more, it reads the whole lists.
	maxNamed = 50
	// maxOrigins is how many events a sync's span links to.
	maxOrigins = 100
)

// Syncer syncs accounts.
type Syncer struct {
	db      *store.DB
	stripe  *stripegw.Gateway
	catalog *catalog.Catalog
	policy  Policy
	log     *slog.Logger
	metrics *metric.Metrics
	flights flights
}

// New returns a Syncer over one database and one Stripe. It counts its syncs in m, which may be nil.
func New(
	db *store.DB, stripe *stripegw.Gateway, c *catalog.Catalog, p Policy, m *metric.Metrics, log *slog.Logger,
) *Syncer {
	return &Syncer{db: db, stripe: stripe, catalog: c, policy: p, metrics: m, log: log}
}

// maxPictures limits how many pictures one sync takes. It takes another if the last one may be older than a picture
// that was applied since the sync began.
const maxPictures = 3

// insist finishes a sync. If its picture may be older than one that was applied, it takes a new ticket and a new
// picture.
func (s *Syncer) insist(ctx context.Context, t billing.Ticket, cause billing.SyncCause) (applied bool, err error) {
	for n := 1; ; n++ {
		applied, older, err := s.finish(ctx, t)
		if err != nil || !older {
			return applied, err
		}
		if n == maxPictures {
			return false, billing.Errorf(
				billing.EStripeUnavailable, "The account changes too often at Stripe; try again shortly.",
			)
		}
		var outcome Outcome
		if t, outcome, err = s.begin(ctx, t.Account.ID, reason{cause: cause}); err != nil || outcome != Synced {
			return false, err
		}
	}
}

// begin takes the account's next ticket. It ties the events stored until now to that ticket: this sync looks at Stripe
// after they were sent.
func (s *Syncer) begin(
	ctx context.Context, id billing.AccountID, why reason,
) (t billing.Ticket, outcome Outcome, err error) {
	outcome = Synced
	ctx, span := trace.Start(ctx, "sync begin", trace.Internal)
	var origins []string
	defer func() {
		span.Link(origins...)
		span.End(err)
	}()
	err = s.db.InTx(ctx, func(tx *store.Tx) error {
		a, err := tx.LockAccount(ctx, id)
		if err != nil {
			return err
		}
		if a.CustomerID == "" {
			outcome = NoCustomer
			return nil
		}
		for _, holds := range why.conditions {
			if ok, err := holds(ctx, tx, a); err != nil || !ok {
				outcome = NotNeeded
				return err
			}
		}
		budgetAt := a.Sync.BudgetAt
		if why.budget.Burst > 0 {
			var wait time.Duration
			if budgetAt, wait = why.budget.Take(budgetAt, tx.Now); wait > 0 {
				outcome = NoBudget
				return nil
			}
		}
		if err := tx.IssueTicket(ctx, id, budgetAt); err != nil {
			return err
		}
		t = billing.Ticket{Number: a.Sync.TicketIssued + 1, BeganAt: tx.Now, Account: a}
		if err := tx.BeginSync(ctx, id, t.Number, why.cause); err != nil {
			return err
		}
		if origins, err = stamp(ctx, tx, t, span); err != nil {
			return err
		}
		if t.Named, err = tx.NamedObjects(ctx, id, heldSince(a), maxNamed+1); err != nil {
			return err
		}
		if len(t.Named) > maxNamed {
			former, err := tx.FormerCustomers(ctx, id)
			if err != nil {
				return err
			}
			t = whole(t, former)
		}
		t.Orders, err = tx.WatchedOrders(ctx, id)
		return err
	})
	return t, outcome, err
}

// stamp ties the account's events to the ticket. If the sync is traced, it returns the traces in which they were
// stored.
func stamp(ctx context.Context, tx *store.Tx, t billing.Ticket, span trace.Span) (origins []string, err error) {
	if err := tx.StampEvents(ctx, t.Account.ID, t.Number); err != nil || !span.On() {
		return nil, err
	}
	return tx.EventOrigins(ctx, t.Account.ID, t.Number, maxOrigins)
}

// finish runs the rest of a sync whose ticket is taken: fetch, decide, apply. older reports whether the picture may be
// older than one that was applied since the ticket was taken; then nothing was applied.
func (s *Syncer) finish(ctx context.Context, t billing.Ticket) (applied, older bool, err error) {
	picture, err := s.fetch(ctx, t)
	if err != nil {
		err = fmt.Errorf("fetch account %s from Stripe: %w", t.Account.ID, err)
		s.noteFailure(ctx, t, err)
		return false, false, err
	}
	d := Decide(Input{
		Account: t.Account,
		Orders:  t.Orders,
		Picture: picture,
		Began:   t.BeganAt,
		Now:     s.db.Now(),
		Catalog: s.catalog,
		Policy:  s.policy,
	})
	for _, w := range d.Warnings {
		s.log.WarnContext(ctx, w, "account", t.Account.ID)
	}
	applied, older, err = s.apply(ctx, t, d)
	if err != nil {
		err = fmt.Errorf("apply to account %s: %w", t.Account.ID, err)
		s.noteFailure(ctx, t, err)
		return false, false, err
	}
	if applied {
		for _, u := range d.Unknown {
			s.metrics.UnknownItem(u.Thing)
		}
	}
	return applied, older, nil
}

const (
	// notePatience is how long recording a failed sync may take. It gets its own time because the sync's context may
	// have ended already.
	notePatience = time.Second
	maxNoteText  = 500
)

// noteFailure records for an operator why a sync failed. If that fails as well, the log still has it.
func (s *Syncer) noteFailure(ctx context.Context, t billing.Ticket, failure error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), notePatience)
	defer cancel()
	err := s.db.InTx(ctx, func(tx *store.Tx) error {
		return tx.EndSync(
			ctx, t.Account.ID, t.Number,
			billing.SyncEnd{Outcome: billing.SyncFailed, Detail: billing.Storable(failure.Error(), maxNoteText)},
		)
	})
	if err != nil {
		s.log.WarnContext(
			ctx, "the failure of a sync could not be noted", "account", t.Account.ID, "failure", failure, "error", err,
		)
	}
}

func (s *Syncer) fetch(ctx context.Context, t billing.Ticket) (picture billing.Snapshot, err error) {
	ctx, span := trace.Start(ctx, "sync fetch", trace.Internal)
	defer func() { span.End(err) }()
	want := stripegw.Want{
		Customer:      t.Account.CustomerID,
		InvoicesSince: t.Account.Sync.InvoicesSince,
		Named:         t.Named,
		AllCharges:    t.AllCharges,
		Former:        t.Former,
	}
	for _, o := range t.Orders {
		switch {
		case o.Automatic:
			want.Automatic = append(want.Automatic, o)
		case o.CheckoutID != "":
			want.Checkouts = append(want.Checkouts, o.CheckoutID)
		}
	}
	return s.stripe.Fetch(ctx, want)
}
