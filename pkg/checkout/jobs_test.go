package checkout_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// TestJobs proves that a running server tops up and follows changes by itself.
func TestJobs(t *testing.T) {
	t.Parallel()
	eachTops(t, func(t *testing.T, s *tops) {
		runner, err := jobs.New(s.db, slog.New(slog.DiscardHandler))
		must(t, err)
		s.service.RegisterJobs(runner)
		s.replicas[0].RegisterJobs(runner)
		a := s.low()
		(&planShop{s.shop}).cutOff(a.ID)
		s.Advance(2 * time.Minute)
		must(t, runner.Start(t.Context()))
		t.Cleanup(func() { must(t, runner.Stop(context.Background())) })
		storetest.WaitFor(t, "the points are bought", func() bool { return s.account(a.ID).Available == 140 })
		storetest.WaitFor(t, "the change is given up", func() bool {
			_, pending, err := s.db.PendingChange(t.Context(), a.ID)
			must(t, err)
			return !pending
		})
	})
}

// many is one more than a job reads at a time.
const many = 101

// TestManyTopUps proves that one run orders for all accounts that are due, and tries to charge all orders, however many
// there are. None of them can be charged, because the accounts have no customer at Stripe: their orders are put off.
func TestManyTopUps(t *testing.T) {
	t.Parallel()
	eachTops(t, func(t *testing.T, s *tops) {
		s.manyDue()
		s.run()
		const orders = "SELECT count(DISTINCT account_id) FROM orders WHERE automatic"
		made, tried := storetest.Count(t, s.db, orders), storetest.Count(
			t, s.db, orders+" AND charge_after IS NOT NULL",
		)
		if made != many || tried != many {
			t.Errorf("%d of %d accounts have an order, and %d of these were tried", made, many, tried)
		}
	})
}

// TestManyTopUpsFail proves that accounts that cannot be ordered for, however many there are, do not hide the others.
func TestManyTopUpsFail(t *testing.T) {
	t.Parallel()
	eachTops(t, func(t *testing.T, s *tops) {
		ids := s.manyDue()
		s.refuseOrders(ids[many-1])
		s.run()
		if got := s.automatic(ids[many-1]); len(got) != 1 {
			t.Errorf("the last of %d accounts has the orders %+v", many, got)
		}
	})
}

// manyDue makes accounts whose top-up is due. They have no points, and no customer at Stripe. Ids grow with time.
func (s *tops) manyDue() []billing.AccountID {
	s.t.Helper()
	pack, _ := s.Catalog.Pack("pack_100")
	ids := make([]billing.AccountID, many)
	for n := range ids {
		ids[n] = storetest.NewAccount(s.t, s.db).ID
	}
	ctx := s.t.Context()
	must(s.t, s.db.InTx(ctx, func(tx *store.Tx) error {
		for _, id := range ids {
			if err := tx.SaveTopUp(ctx, billing.TopUp{
				AccountID: id, Status: billing.TopUpOn, Pack: pack.ID, Quantity: 1, Points: pack.Points,
				Amount: pack.Amount, Currency: pack.Currency, Threshold: 50, MonthlyLimit: 1, DueAt: tx.Now,
				CreatedAt: tx.Now,
			}); err != nil {
				return err
			}
		}
		return nil
	}))
	slices.Sort(ids)
	return ids
}

// TestManyChanges proves that one run gives up all changes that were cut off, however many there are.
func TestManyChanges(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		for range many {
			s.cutOff(storetest.NewAccount(t, s.db).ID)
		}
		s.Advance(2 * time.Minute)
		s.follow()
		if n := storetest.Count(t, s.db, fmt.Sprintf(
			"SELECT count(*) FROM subscription_changes WHERE status = '%s'", billing.ChangeFailed,
		)); n != many {
			t.Errorf("%d of %d changes are given up", n, many)
		}
	})
}

// TestTopUpDeletedBeforeCharge proves that an order that could not be charged is not charged once its top-up is
// deleted. It waits without asking Stripe for more than whether it was charged, and runs out.
func TestTopUpDeletedBeforeCharge(t *testing.T) {
	t.Parallel()
	eachTops(t, func(t *testing.T, s *tops) {
		a := s.low()
		s.Gate.Refuse()
		s.run()
		s.Gate.Open()
		must(t, s.replicas[0].Delete(t.Context(), a.ID, ""))
		s.untilRetried()
		syncs := s.account(a.ID).Sync.TicketIssued
		s.run()
		if got := s.automatic(a.ID); len(got) != 1 || got[0].Status != billing.OrderPending || len(s.intents()) != 0 ||
			s.account(a.ID).Sync.TicketIssued != syncs {
			t.Errorf("deleted before the charge: %+v, %v", got, s.intents())
		}
		s.Gate.Refuse() // the order is put off: Stripe is not asked again at once
		asked := s.Gate.Asked("GET /v1/payment_intents")
		s.run()
		if n := s.Gate.Asked("GET /v1/payment_intents") - asked; n != 0 {
			t.Errorf("asked %d times at once again", n)
		}
		s.Gate.Open()
		s.Advance(givenUp)
		s.run()
		if got := s.automatic(a.ID); len(got) != 1 || got[0].Status != billing.OrderExpired || len(s.intents()) != 0 {
			t.Errorf("when it is old: %+v, %v", got, s.intents())
		}
	})
}

// TestTopUpTooLateInBetween proves that an order that becomes too old while Stripe is asked for the card is not
// charged: a sync may have given it up by then. It waits and runs out.
func TestTopUpTooLateInBetween(t *testing.T) {
	t.Parallel()
	eachTops(t, func(t *testing.T, s *tops) {
		a := s.low()
		asked := s.onceAsked("/v1/customers/"+string(a.CustomerID), func() { s.Skew(time.Hour) })
		syncs := s.account(a.ID).Sync.TicketIssued
		s.run()
		s.Gate.Open()
		if got := s.automatic(a.ID); !asked.Load() || len(got) != 1 || got[0].Status != billing.OrderPending ||
			len(s.intents()) != 0 || s.account(a.ID).Sync.TicketIssued != syncs {
			t.Errorf("asked for the card %v: %+v, %v", asked.Load(), got, s.intents())
		}
	})
}

// TestTopUpEnoughAgain proves that nothing is bought if points come back to the threshold itself while the job runs:
// 40 and 10 points are not fewer than 50.
func TestTopUpEnoughAgain(t *testing.T) {
	t.Parallel()
	s := newTops(t, store.Postgres)
	a := s.low()
	ran := make(chan error, 1)
	s.change(a.ID, func(ctx context.Context, tx *store.Tx, locked billing.Account) error {
		_, _, err := ledger.Grant(ctx, tx, locked, billing.Grant{Key: "test:again", Source: "test", Amount: 10})
		must(t, err)
		go func() { ran <- s.replicas[0].Run(ctx) }()
		storetest.WaitForLock(s.t, s.db)
		return nil
	})
	must(t, <-ran)
	if orders := s.automatic(a.ID); len(orders) != 0 {
		t.Errorf("it was bought: %+v", orders)
	}
	s.spend(a.ID, 1)
	s.run()
	if orders := s.automatic(a.ID); len(orders) != 1 || orders[0].Status != billing.OrderFulfilled {
		t.Errorf("49 points are fewer: %+v", orders)
	}
}

// onceAsked does something while the first request for a path is under way, and reports whether that request came.
func (s *shop) onceAsked(path string, do func()) *atomic.Bool {
	asked := new(atomic.Bool)
	s.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
		if r.URL.Path == path && asked.CompareAndSwap(false, true) {
			do()
		}
		s.Gate.Stripe.ServeHTTP(out, r)
	})
	return asked
}
