package ledger_test

import (
	"context"
	"fmt"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves that concurrent holds and spends from two replicas never take one point too many.
func TestHoldsAndSpendsTogether(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t, store.Postgres)
	replicas := []*store.DB{storetest.OpenURL(t, url, nil), storetest.OpenURL(t, url, nil)}
	b := &book{t: t, db: replicas[0], clock: storetest.NewClock(), id: storetest.NewAccount(t, replicas[0]).ID}
	for i := range 3 {
		b.grant(fmt.Sprint("pack:", i), 10, never)
	}
	var taken, refused atomic.Int64
	err := together(80, func(i int) (err error) {
		if i%4 < 2 {
			_, err = ledger.Hold(
				context.Background(), replicas[i%2], b.id,
				ledger.HoldRequest{Amount: 1, TTL: time.Hour, Key: fmt.Sprint(i)},
			)
		} else {
			_, err = ledger.Spend(
				context.Background(), replicas[i%2], b.id, ledger.SpendRequest{Amount: 1, Key: fmt.Sprint(i)},
			)
		}
		switch billing.CodeOf(err) {
		case "":
			taken.Add(1)
		case billing.EInsufficientPoints:
			refused.Add(1)
		default:
			return err
		}
		return nil
	})
	if err != nil || taken.Load() != 30 || refused.Load() != 50 {
		t.Errorf("%d taken and %d refused (%v), want 30 and 50", taken.Load(), refused.Load(), err)
	}
	if got := b.stored().Available; got != 0 {
		t.Errorf("%d points are available, want none", got)
	}
	b.tick()
}

// Proves that 20 concurrent copies of one request have one effect and get equal results, for each of the three
// requests.
func TestOneHoldKeyTogether(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	b.grant("pack:1", 5, never)
	b.grant("pack:2", 5, never)
	ctx := context.Background()
	first := b.copies(func() (ledger.Held, error) {
		return ledger.Hold(ctx, b.db, b.id, ledger.HoldRequest{Amount: 7, TTL: time.Hour, Key: "hold"})
	})
	b.wantBalance(billing.Balance{Available: 3, Held: 7})
	b.copies(func() (ledger.Held, error) {
		return ledger.Capture(ctx, b.db, b.id, ledger.CaptureRequest{Hold: first.Hold.ID, Amount: 6, Key: "capture"})
	})
	b.wantBalance(billing.Balance{Available: 4})
	last := b.hold(4, time.Hour)
	b.copies(func() (ledger.Held, error) {
		return ledger.Release(ctx, b.db, b.id, ledger.ReleaseRequest{Hold: last.ID, Key: "release"})
	})
	b.wantBalance(billing.Balance{Available: 4})
	b.tick()
}

// copies sends 20 copies of a request at once.
func (b *book) copies(ask func() (ledger.Held, error)) ledger.Held {
	b.t.Helper()
	answers := make([]ledger.Held, 20)
	err := together(len(answers), func(i int) (err error) {
		answers[i], err = ask()
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	firsts := 0
	for i, h := range answers {
		if !h.Replayed {
			firsts++
		}
		if !reflect.DeepEqual(h.Hold, answers[0].Hold) || h.Account.Balance != answers[0].Account.Balance {
			b.t.Errorf("answer %d is %+v, the first %+v", i, h, answers[0])
		}
	}
	if firsts != 1 {
		b.t.Errorf("%d answers say that they are the first, want 1", firsts)
	}
	return answers[0]
}

// Proves that a hold ends once. Of concurrent captures, releases and its expiry exactly one has its effect. In the
// meantime spends take what is free, and every balance follows from the one before.
func TestHoldEndsOnce(t *testing.T) {
	t.Parallel()
	clock := storetest.NewClock()
	b := &book{t: t, db: storetest.OpenAt(t, store.Postgres, clock), clock: clock}
	ctx := context.Background()
	for round := range 10 {
		b.id = storetest.NewAccount(t, b.db).ID
		b.grant(fmt.Sprint("pack:", round), 20, never)
		h := b.hold(10, time.Hour)
		var captured, released, spent atomic.Int64
		err := together(24, func(i int) error {
			var err error
			won := &spent
			switch i % 4 {
			case 0:
				_, err = ledger.Capture(ctx, b.db, b.id, ledger.CaptureRequest{Hold: h.ID, Amount: 4})
				won = &captured
			case 1:
				_, err = ledger.Release(ctx, b.db, b.id, ledger.ReleaseRequest{Hold: h.ID})
				won = &released
			case 2:
				_, err = ledger.Spend(ctx, b.db, b.id, ledger.SpendRequest{Amount: 5})
			default:
				if round%2 == 1 {
					clock.Set(h.ExpiresAt)
				}
				_, err := ledger.ReleaseDue(ctx, b.db, 10)
				return err
			}
			switch billing.CodeOf(err) {
			case "":
				won.Add(1)
			case billing.EConflict, billing.EInsufficientPoints:
			default:
				return err
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		now, err := ledger.ReadHold(ctx, b.db, b.id, h.ID)
		ends := map[billing.HoldStatus]int64{
			billing.HoldCaptured: captured.Load(), billing.HoldReleased: released.Load(),
		}
		if sum := captured.Load() + released.Load(); err != nil || now.EndedAt == nil || sum > 1 ||
			sum == 1 && ends[now.Status] != 1 ||
			sum == 0 && now.Status != billing.HoldExpired {
			t.Errorf(
				"round %d: %d captures and %d releases went through, and the hold is %s (%v)", round, captured.Load(),
				released.Load(), now.Status, err,
			)
		}
		b.wantBalance(
			billing.Balance{Available: 20 - 4*billing.Points(captured.Load()) - 5*billing.Points(spent.Load())},
		)
		b.tick()
	}
}
