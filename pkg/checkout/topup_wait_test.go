package checkout_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// TestTopUpRefused proves that an order whose charge Stripe keeps refusing is retried, whichever replica runs. The
// pauses grow with the order's age up to a limit. It is charged once Stripe accepts.
func TestTopUpRefused(t *testing.T) {
	t.Parallel()
	const bound = 5 * time.Minute
	eachTops(t, func(t *testing.T, s *tops) {
		a := s.low()
		var asks atomic.Int64
		s.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
			if !isCharge(r) {
				s.Gate.Stripe.ServeHTTP(out, r)
				return
			}
			asks.Add(1)
			out.WriteHeader(http.StatusBadRequest)
			_, _ = out.Write(
				[]byte(
					`{"error": {"type": "invalid_request_error", "message": "Your account cannot currently make live charges."}}`,
				),
			)
		})
		var before, after []time.Time // times of the runs that asked Stripe
		for n := range int(30 * time.Minute / checkout.TopUpInterval) {
			known, began := asks.Load(), s.Now()
			must(t, s.replicas[n%2].Run(t.Context()))
			if asks.Load() > known {
				before, after = append(before, began), append(after, s.Now())
			}
			s.Skew(checkout.TopUpInterval)
		}
		if n := len(before); n < 6 || n > 20 || asks.Load() != int64(n) {
			t.Fatalf("%d runs asked %d times", n, asks.Load())
		}
		made := s.automatic(a.ID)[0].CreatedAt
		for n := range before[1:] {
			if pause, age := after[n+1].Sub(before[n]), before[n].Sub(made); pause < min(age, bound) ||
				pause > bound+time.Minute {
				t.Errorf("a pause of %s after %s", pause, age)
			}
		}
		s.Gate.Open()
		s.Skew(bound)
		s.settled(a.ID, 1)
	})
}

// TestTopUpParked proves that an automatic order that parks its account stays paid and open, so that nothing more is
// bought however much time passes. Its points come once a person lets them through.
func TestTopUpParked(t *testing.T) {
	t.Parallel()
	eachTops(t, func(t *testing.T, s *tops) {
		s.Policy.ParkGrants = 1
		s.wire()
		a := s.low()
		for range 3 {
			s.together(2)
			_, err := s.syncer.Sync(t.Context(), a.ID, billing.CauseEvent) // a webhook
			must(t, err)
			orders, intents := s.automatic(a.ID), s.intents()
			if len(orders) != 1 || orders[0].Status != billing.OrderPaid || orders[0].FulfilledAt != nil ||
				len(intents) != 1 || intents[0]["status"] != "succeeded" {
				t.Fatalf("%+v\n%v", orders, intents)
			}
			if got := s.account(a.ID); got.Parking.At == nil || got.Available != 40 {
				t.Fatalf("%+v, %+v", got.Parking, got.Balance)
			}
			s.Advance(12 * time.Hour)
		}
		s.sound()
		s.unpark(a.ID)
		s.together(2)
		_, err := s.syncer.Sync(t.Context(), a.ID, billing.CauseDue) // as the job after unparking does
		must(t, err)
		if got := s.account(a.ID); got.Parking.At != nil || got.Available != 140 || s.get(a.ID).Used != 1 {
			t.Errorf("after unparking: %+v, %+v", got.Parking, got.Balance)
		}
		s.settled(a.ID, 1)
		s.sound()
		if drift, err := s.syncer.Drift(t.Context(), a.ID); err != nil || len(drift) != 0 {
			t.Errorf("%+v, %v", drift, err)
		}
		s.Advance(24 * time.Hour)
		s.spend(a.ID, 100)
		s.together(2)
		s.settled(a.ID, 2)
	})
}

// unpark is a person's approval, without the note that package account makes of it.
func (s *tops) unpark(id billing.AccountID) {
	s.t.Helper()
	s.change(id, func(ctx context.Context, tx *store.Tx, a billing.Account) error {
		a.Parking = billing.Parking{Approved: true, EndedAt: &tx.Now}
		return tx.SaveParking(ctx, a)
	})
}

// change writes under the account's lock.
func (s *tops) change(id billing.AccountID, f func(ctx context.Context, tx *store.Tx, a billing.Account) error) {
	s.t.Helper()
	ctx := s.t.Context()
	must(s.t, s.db.InTx(ctx, func(tx *store.Tx) error {
		a, err := tx.LockAccount(ctx, id)
		if err != nil {
			return err
		}
		return f(ctx, tx, a)
	}))
}

// TestTopUpUndoneMeanwhile proves that the job decides under the account's lock. A top-up that a customer disables or
// deletes while the job runs buys nothing, and is not restored.
func TestTopUpUndoneMeanwhile(t *testing.T) {
	t.Parallel()
	for name, undo := range map[string]func(ctx context.Context, tx *store.Tx, t billing.TopUp) error{
		"TurnedOff": func(ctx context.Context, tx *store.Tx, t billing.TopUp) error {
			t.Status = billing.TopUpOff
			return tx.SaveTopUp(ctx, t)
		},
		"Deleted": func(ctx context.Context, tx *store.Tx, t billing.TopUp) error {
			return tx.DeleteTopUp(ctx, t.AccountID)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTops(t, store.Postgres)
			a := s.low()
			ran := make(chan error, 1)
			s.change(a.ID, func(ctx context.Context, tx *store.Tx, _ billing.Account) error {
				top, err := tx.TopUp(ctx, a.ID)
				must(t, err)
				must(t, undo(ctx, tx, top))
				go func() { ran <- s.replicas[0].Run(ctx) }()
				storetest.WaitForLock(s.t, s.db)
				return nil
			})
			must(t, <-ran)
			if orders := s.automatic(a.ID); len(orders) != 0 {
				t.Errorf("it was bought: %+v", orders)
			}
			if got, err := s.replicas[0].Get(t.Context(), a.ID); err != nil ||
				got != nil && got.Status != billing.TopUpOff {
				t.Errorf("it is back: %+v, %v", got, err)
			}
		})
	}
}
