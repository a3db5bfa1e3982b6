package checkout_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// lines is a log to which several goroutines write.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// count returns how often a text occurs in the log.
func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

// logging returns TopUps that log to a buffer.
func (s *tops) logging(to *lines) *checkout.TopUps {
	return checkout.NewTopUps(
		s.db, s.Stripe, s.Catalog, s.Syncer(s.db, s.Stripe, slog.New(slog.DiscardHandler)), coolOff,
		slog.New(slog.NewTextHandler(to, nil)),
	)
}

// TestTopUpIsLogged proves what a run logs: an order that could not be made, with its account; an order that could not
// be charged, with the order; and nothing if all goes well.
func TestTopUpIsLogged(t *testing.T) {
	t.Parallel()
	eachTops(t, func(t *testing.T, s *tops) {
		var log lines
		top, a := s.logging(&log), s.low()
		wants := func(unordered, uncharged int) {
			t.Helper()
			must(t, top.Run(t.Context()))
			if log.count("a top-up could not be ordered\" account="+string(a.ID)) != unordered ||
				log.count("an automatic order could not be charged\" account="+string(a.ID)) != uncharged ||
				log.count("level=") != unordered+uncharged {
				t.Errorf("want %d and %d lines in %s", unordered, uncharged, log.b.String())
			}
		}
		allow := s.refuseOrders("")
		wants(1, 0)
		allow()
		s.Gate.Refuse()
		wants(1, 1)
		s.Gate.Open()
		s.untilRetried()
		wants(1, 1)
		s.settled(a.ID, 1)
	})
}

// refuseOrders makes the database refuse the orders of all accounts but one, until allow is called.
func (s *tops) refuseOrders(but billing.AccountID) (allow func()) {
	s.t.Helper()
	if s.db.Dialect() == store.SQLite {
		storetest.Exec(s.t, s.db, fmt.Sprintf(
			"CREATE TRIGGER broken BEFORE INSERT ON orders WHEN NEW.account_id <> '%s' "+
				"BEGIN SELECT RAISE(ABORT, 'broken'); END", but,
		))
		return func() { storetest.Exec(s.t, s.db, "DROP TRIGGER broken") }
	}
	storetest.Exec(s.t, s.db, fmt.Sprintf(
		"ALTER TABLE orders ADD CONSTRAINT broken CHECK (account_id = '%s') NOT VALID", but,
	))
	return func() { storetest.Exec(s.t, s.db, "ALTER TABLE orders DROP CONSTRAINT broken") }
}

// TestTopUpOfTwoPacks proves that a top-up of two packs buys two: 200 points for 10.00 dollars, as the customer agreed.
// An order that the customer has left open does not delay it.
func TestTopUpOfTwoPacks(t *testing.T) {
	t.Parallel()
	eachTops(t, func(t *testing.T, s *tops) {
		a, two := s.buyer(), wish
		two.Quantity = 2
		s.put(a.ID, two)
		s.order(a.ID, checkout.Request{Item: "pack_1000"})
		s.spend(a.ID, 60)
		s.run()
		if got := s.automatic(a.ID); len(got) != 1 || got[0].Quantity != 2 || got[0].Points != 200 ||
			got[0].Amount != 1000 || s.account(a.ID).Available != 240 || s.intents()[0]["amount"] != 1000.0 {
			t.Fatalf("%+v, %v", got, s.intents())
		}
		paid := s.intents()[0]["id"].(string)
		if n := s.Gate.Asked("POST /v1/payment_intents/" + paid + "/cancel"); n != 0 {
			t.Errorf("the paid charge was cancelled %d times", n)
		}
	})
}

// TestTopUpCoolOffOverMonth proves that the time between two attempts is kept when a month ends in it, even if the
// customer saves the top-up again: an order two minutes before the month's end, none a minute after it, and the next
// one when ten minutes are over.
func TestTopUpCoolOffOverMonth(t *testing.T) {
	t.Parallel()
	eachTops(t, func(t *testing.T, s *tops) {
		a := s.low()
		_, next := billing.MonthOf(s.Now())
		s.Advance(next.Sub(s.Now()) - 2*time.Minute)
		s.run()
		s.spend(a.ID, 100)
		for after, want := range []int{1, 2} {
			s.Advance([]time.Duration{3 * time.Minute, coolOff}[after])
			s.put(a.ID, wish)
			s.run()
			if n := len(s.automatic(a.ID)); n != want {
				t.Errorf("%d orders, want %d", n, want)
			}
		}
	})
}

// TestTopUpPackGone proves that a top-up stops with the reason if its pack is no longer sold: if it is retired, gone,
// or no longer sold in this quantity.
func TestTopUpPackGone(t *testing.T) {
	t.Parallel()
	eachTops(t, func(t *testing.T, s *tops) {
		pack, two := s.Catalog.Packs[0], wish
		two.Quantity = 2
		retired, other, one := pack, pack, pack
		retired.Retired, other.ID, one.MaxQuantity = true, "pack_of_others", 1
		for name, now := range map[string]billing.Pack{"retired": retired, "gone": other, "one at a time": one} {
			s.Catalog.Packs[0] = pack
			a := s.buyer()
			s.put(a.ID, two)
			s.spend(a.ID, 60)
			s.Catalog.Packs[0] = now
			s.run()
			if got := s.get(a.ID); got.Status != billing.TopUpAttention || got.Reason != billing.TopUpPackGone ||
				len(s.automatic(a.ID)) != 0 {
				t.Errorf("%s: %+v", name, got)
			}
		}
	})
}

// TestTopUpChargesFew proves that a run asks Stripe about no more than four orders at a time, however many wait. A
// fifth would have the time of five syncs to show up.
func TestTopUpChargesFew(t *testing.T) {
	t.Parallel()
	eachTops(t, func(t *testing.T, s *tops) {
		other, held := s.buyer(), map[string]bool{}
		for range 9 {
			held[string(s.low().CustomerID)] = true
		}
		var mu sync.Mutex
		at, released := map[string]bool{}, make(chan struct{})
		s.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
			if id := r.URL.Query().Get("customer"); held[id] {
				mu.Lock()
				at[id] = true
				mu.Unlock()
				select {
				case <-released:
				case <-r.Context().Done():
				}
			}
			s.Gate.Stripe.ServeHTTP(out, r)
		})
		asked := func() int {
			mu.Lock()
			defer mu.Unlock()
			return len(at)
		}
		var run sync.WaitGroup
		run.Go(func() {
			if err := s.replicas[0].Run(context.Background()); err != nil {
				t.Error(err)
			}
		})
		storetest.WaitFor(t, "four orders are being charged", func() bool { return asked() >= 4 })
		for range 5 {
			must(t, synced(s.syncer.Sync(t.Context(), other.ID, billing.CauseEvent)))
		}
		if n := asked(); n != 4 {
			t.Errorf("Stripe was asked about %d orders at a time", n)
		}
		close(released)
		run.Wait()
	})
}
