package reconcile

import (
	"context"
	"fmt"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/store"
)

// comparisonPauses are how long a comparison waits before it starts, and before it starts over because the account was
// synced while it ran. An account with much news is synced several times in a row, and then is quiet.
var comparisonPauses = []time.Duration{0, 200 * time.Millisecond, 800 * time.Millisecond, 3200 * time.Millisecond}

// Drift returns how an account differs from its customer at Stripe, and changes nothing. It looks at everything that
// Stripe has of the customer, however old. Errors: EStripeUnavailable, EStripeRefused (also for a customer that Stripe
// never knew), EConflict for an account that was synced during every comparison, and the database's.
func (s *Syncer) Drift(ctx context.Context, id billing.AccountID) ([]billing.Drift, error) {
	ctx, cancel := context.WithTimeout(ctx, wholePatience)
	defer cancel()
	for _, pause := range comparisonPauses {
		if err := jobs.Pause(ctx, pause); err != nil {
			return nil, err
		}
		before, books, err := s.open(ctx, id)
		if err != nil || before.Account.CustomerID == "" {
			return nil, err
		}
		picture, err := s.fetch(ctx, everything(before, books.Former))
		if err != nil {
			return nil, fmt.Errorf("fetch account %s from Stripe: %w", id, err)
		}
		after, books, err := s.open(ctx, id) // as they are now
		if err != nil {
			return nil, err
		}
		// A sync that was applied in the meantime may have seen a newer Stripe than this picture. The difference would
		// not be real.
		if sameTickets(before.Account.Sync, after.Account.Sync) && len(before.Orders) == len(after.Orders) {
			now := s.db.Now()
			return Compare(Input{
				Account: after.Account,
				Orders:  after.Orders,
				Picture: picture,
				Began:   now,
				Now:     now,
				Catalog: s.catalog,
				Policy:  s.policy,
			}, books), nil
		}
	}
	return nil, billing.Errorf(billing.EConflict, "The account %s was synced each time it was compared.", id)
}

// Repair syncs an account from everything that Stripe has of the customer. It returns the drift that is left, which
// only a person can repair. Errors: those of Drift.
func (s *Syncer) Repair(ctx context.Context, id billing.AccountID) (left []billing.Drift, err error) {
	within, cancel := context.WithTimeout(ctx, wholePatience)
	defer cancel()
	ticket, outcome, err := s.begin(within, id, reason{cause: billing.CauseOperator})
	if err != nil || outcome != Synced {
		return nil, err
	}
	former, err := s.db.FormerCustomers(within, id)
	if err != nil {
		return nil, err
	}
	if _, _, err := s.finish(within, everything(ticket, former)); err != nil {
		return nil, err
	}
	return s.Drift(ctx, id)
}

// everything returns the ticket changed so that its sync looks at invoices and charges of any age, as if none had been
// seen yet.
func everything(t billing.Ticket, former []billing.FormerCustomer) billing.Ticket {
	t.Account.Sync.InvoicesSince = nil
	return whole(t, former)
}

// whole returns the ticket changed so that its sync reads the whole lists of charges, and of the earlier customers'
// charges and invoices, instead of what events name.
func whole(t billing.Ticket, former []billing.FormerCustomer) billing.Ticket {
	t.Named, t.AllCharges = nil, true
	for _, c := range former {
		t.Former = append(t.Former, c.ID)
	}
	return t
}

// open reads what the database has of an account, all at one moment.
func (s *Syncer) open(ctx context.Context, id billing.AccountID) (t billing.Ticket, b Books, err error) {
	err = s.db.InTx(ctx, func(tx *store.Tx) (err error) {
		if t.Account, err = tx.LockAccount(ctx, id); err != nil {
			return err
		}
		if t.Orders, err = tx.WatchedOrders(ctx, id); err != nil {
			return err
		}
		if b.Orders, err = tx.OrdersWithPayment(ctx, id); err != nil {
			return err
		}
		if b.Former, err = tx.FormerCustomers(ctx, id); err != nil {
			return err
		}
		b.Lots, err = tx.AllLots(ctx, id)
		return err
	})
	return t, b, err
}

func sameTickets(a, b billing.SyncState) bool {
	return a.TicketIssued == b.TicketIssued && a.TicketApplied == b.TicketApplied
}
