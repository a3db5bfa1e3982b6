package inbox_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves that two replicas on one database share one queue, while purchases are paid and refunded at the same time. It
// does not matter which one receives an event and which one handles it. All events are processed, and nothing is
// granted or clawed back twice.
func TestTwoReplicas(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	database := storetest.URL(t, store.Postgres)
	replicas := []*world{s.replica(t, database), s.replica(t, database)}
	const (
		buyers = 20
		rounds = 10 // events of each
	)
	accounts := make([]billing.Account, buyers)
	orders := make([][]billing.Order, buyers)
	for n := range accounts {
		accounts[n] = s.draft()
		orders[n] = []billing.Order{
			s.sell(accounts[n], "pack_100"), s.sell(accounts[n], "pack_1000"), s.sell(accounts[n], "basic_monthly"),
		}
		replicas[0].insert(accounts[n], orders[n]...)
	}
	for _, w := range replicas {
		w.start(t)
	}
	var deliveries sync.WaitGroup
	for round := range rounds {
		for n, a := range accounts {
			s.step(round, orders[n])
			body := eventOf(
				fmt.Sprint("evt_", n, "_", round), "customer.updated",
				fmt.Sprintf(`{"object":"customer","id":%q}`, a.CustomerID),
			)
			deliveries.Go(func() {
				if err := replicas[(n+round)%2].deliver(body); err != nil {
					t.Error(err)
				}
			})
		}
	}
	deliveries.Wait()
	replicas[0].waitIdle()
	w := replicas[1]
	if n := w.count("SELECT count(*) FROM inbox_events WHERE status = 'processed'"); n != buyers*rounds {
		t.Errorf("%d of %d events are processed", n, buyers*rounds)
	}
	for _, a := range accounts {
		must(t, ledger.Audit(t.Context(), w.db, a.ID))
		if got := w.account(a.ID); got.Available != 50+1000+500 || got.Debt != 0 || got.Subscription == nil ||
			got.Subscription.Window == nil {
			t.Errorf("%d points, %d owed, subscription %+v", got.Available, got.Debt, got.Subscription)
		}
		entries, err := w.db.Entries(context.Background(), a.ID, "", 100)
		must(t, err)
		if len(entries) != 4 { // two packs, a period, half a pack clawed back
			t.Errorf("entries %+v", entries)
		}
	}
	if n := w.count("SELECT count(DISTINCT attempted_by[1]) FROM river_job WHERE kind = 'sync'"); n != len(replicas) {
		t.Errorf("%d replicas did the work", n)
	}
}

// step is what a buyer does next: pay each order, then refund half of the first one, then nothing more.
func (s *shop) step(round int, orders []billing.Order) {
	switch {
	case round < len(orders):
		s.pay(orders[round])
	case round == len(orders):
		intent := s.Ask(
			http.MethodGet, "/v1/checkout/sessions/"+string(orders[0].CheckoutID), nil,
		)["payment_intent"].(string)
		s.Ask(http.MethodPost, "/v1/refunds", url.Values{"payment_intent": {intent}, "amount": {"250"}})
	}
}
