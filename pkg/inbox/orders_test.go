package inbox_test

import (
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

const (
	randomOrders = 200 / slowdown // on PostgreSQL
	sqliteOrders = 4 + 16/slowdown
	couriers     = 4 // deliveries under way at once
)

// life is one buyer's story: what Stripe really sent about it, and the account and its orders as they were before it
// began.
type life struct {
	account billing.Account
	orders  []billing.Order
	events  []string
}

// Proves that the order in which the events of a subscription arrive, and how often each does, has no effect on the
// result. Two lives are recorded: one recovers from a failed renewal, and one ends because of it. Many accounts repeat
// them. Each gets the events in a random order, a third of them twice, mixed with the others' and several at once. All
// accounts with the same life end in the same rows.
func TestAnyOrderOfEvents(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	lives := s.record(t)
	s.impersonate(idsOf(lives...))
	for _, c := range []struct {
		dialect store.Dialect
		orders  int
	}{{store.Postgres, randomOrders}, {store.SQLite, sqliteOrders}} {
		t.Run(string(c.dialect), func(t *testing.T) {
			t.Parallel()
			w := s.replica(t, storetest.URL(t, c.dialect))
			people := make([]person, c.orders)
			for n := range people {
				people[n] = newPerson(n, lives[n%len(lives)])
				w.insert(people[n].account, people[n].orders...)
			}
			seed := rand.Uint64()
			w.deliverAll(people, rand.New(rand.NewPCG(seed, 0)))
			w.waitIdle()
			for n, p := range people {
				first := people[n%len(lives)]
				if got, want := p.rows(w), first.rows(w); got != want {
					t.Fatalf("seed %d: person %d ends in\n%s\nand the first with this life in\n%s", seed, n, got, want)
				}
			}
			people[0].want(w, billing.SubActive, 500)
			people[1].want(w, billing.SubCanceled, 0)
		})
	}
}

// record makes both lives happen and returns what Stripe sent about them. After that Stripe does not change.
func (s *shop) record(t *testing.T) []life {
	t.Helper()
	bodies := s.listen(t)
	var lives []life
	var subscriptions []string
	for range 2 {
		a := s.draft()
		o := s.sell(a, "basic_monthly")
		lives = append(lives, life{account: a, orders: []billing.Order{o}})
		subscriptions = append(subscriptions, s.pay(o)["subscription"].(string))
	}
	const month = 31*24*time.Hour + 2*time.Hour // plus the time in which Stripe drafts the invoice
	s.Advance(month)
	for _, id := range subscriptions {
		s.Ask(
			http.MethodPost, "/v1/subscriptions/"+id,
			url.Values{"default_payment_method": {"pm_card_chargeCustomerFail"}},
		)
	}
	s.Advance(month)
	s.Ask(
		http.MethodPost, "/v1/subscriptions/"+subscriptions[0], url.Values{"default_payment_method": {"pm_card_visa"}},
	)
	s.Advance(retryAfter) // the one recovers, and the other is canceled
	s.Flush()
	for _, body := range bodies() {
		for n := range lives {
			if strings.Contains(body, string(lives[n].account.CustomerID)) {
				lives[n].events = append(lives[n].events, body)
			}
		}
	}
	for n, l := range lives {
		if len(l.events) < 25 {
			t.Fatalf("only %d events of life %d were recorded", len(l.events), n)
		}
	}
	return lives
}

// listen makes an endpoint that keeps what Stripe sends.
func (s *shop) listen(t *testing.T) (all func() []string) {
	t.Helper()
	var mu sync.Mutex
	var bodies []string
	endpoint := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		bodies = append(bodies, string(body))
	}))
	t.Cleanup(endpoint.Close)
	s.Ask(
		http.MethodPost, "/v1/webhook_endpoints",
		url.Values{"url": {endpoint.URL}, "enabled_events[]": {"*"}, "api_version": {"2023-10-16"}},
	)
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(bodies)
	}
}

// deliverAll delivers all persons' events in one random order. The jobs begin when half of them is delivered, so that
// accounts get events in a batch as well as one by one.
func (w *world) deliverAll(people []person, random *rand.Rand) {
	w.t.Helper()
	var sent []string
	for _, p := range people {
		for _, body := range p.events {
			sent = append(sent, body)
			if random.IntN(3) == 0 {
				sent = append(sent, body)
			}
		}
	}
	random.Shuffle(len(sent), func(a, b int) { sent[a], sent[b] = sent[b], sent[a] })
	w.deliverAtOnce(sent[:len(sent)/2])
	w.start(w.t)
	w.deliverAtOnce(sent[len(sent)/2:])
}

func (w *world) deliverAtOnce(bodies []string) {
	w.t.Helper()
	var deliveries sync.WaitGroup
	for n := range couriers {
		deliveries.Go(func() {
			for m := n; m < len(bodies); m += couriers {
				err := w.deliver(bodies[m])
				// SQLite's one writer was too busy: a sender tries again.
				for billing.CodeOf(err) == billing.EUnavailable {
					err = w.deliver(bodies[m])
				}
				if err != nil {
					w.t.Error(err)
				}
			}
		})
	}
	deliveries.Wait()
}
