package inbox_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/housetest"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/outbox"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// endpoint is one of the operator's. It passes on the id of each event that comes, and then replies.
func (w *world) endpoint(answer http.HandlerFunc) (billing.Webhook, chan string) {
	w.t.Helper()
	came := make(chan string, 1000)
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		came <- r.Header.Get("webhook-id")
		if answer != nil {
			answer(out, r)
		}
	}))
	w.t.Cleanup(server.Close)
	hook, err := outbox.NewPost(w.db, true).Add(context.Background(), "", outbox.Endpoint{URL: server.URL})
	must(w.t, err)
	return hook, came
}

// rich returns an account with 100 points and no customer at Stripe.
func (w *world) rich() billing.AccountID {
	w.t.Helper()
	id := storetest.NewAccount(w.t, w.db).ID
	w.grant(id, billing.Grant{Key: "first:" + string(id), Source: "test", Amount: 100})
	return id
}

func (w *world) grant(id billing.AccountID, g billing.Grant) {
	w.t.Helper()
	storetest.Change(w.t, w.db, id, func(ctx context.Context, tx *store.Tx, a billing.Account) error {
		_, _, err := ledger.Grant(ctx, tx, a, g)
		return err
	})
}

// holdSyncs keeps every worker of events busy at the gate, with as many syncs waiting behind them: 40 accounts have an
// event. Before let is called, Stripe does not reply for them. For every other customer it replies.
func (w *world) holdSyncs() (let func()) {
	w.t.Helper()
	const crowd, workers = 40, 8
	held := map[string]bool{}
	for range crowd {
		a := w.draft()
		w.insert(a)
		held[string(a.CustomerID)] = true
	}
	came, released := make(chan string, 1000), make(chan struct{})
	w.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
		if id := r.URL.Query().Get("customer"); held[id] {
			came <- id
			select {
			case <-released:
			case <-r.Context().Done():
			}
		}
		w.Gate.Stripe.ServeHTTP(out, r)
	})
	n := 0
	for customer := range held {
		w.ring(fmt.Sprint("evt_crowd_", n), billing.CustomerID(customer))
		n++
	}
	w.start(w.t)
	at := map[string]bool{}
	for len(at) < workers {
		select {
		case id := <-came:
			at[id] = true
		case <-time.After(storetest.Patience):
			w.t.Fatalf("%d syncs are under way, and there are workers for %d", len(at), workers)
		}
	}
	return func() { close(released) }
}

const crowdWaits = "SELECT count(*) FROM river_job WHERE kind = 'sync' AND finalized_at IS NULL"

// Proves that work that falls due does not wait for an event's sync, however slow Stripe is. All 8 workers of events
// are held at Stripe and 32 more syncs wait. Even so, the points of an expired hold return, points expire, and a month
// of a paid year falls due and is granted. Each comes with the first or second look, after 20 s at most. The waiting
// syncs alone would take 5 × 25 s, because 40 syncs of 25 s have 8 workers.
func TestTimeWaitsForNoSync(t *testing.T) {
	t.Parallel()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		s := newShop(t)
		s.sells(housetest.BasicYear)
		w := s.replica(t, storetest.URL(t, dialect))
		ctx := t.Context()
		year := w.account(w.yearly(100).ID)
		let := w.holdSyncs()
		defer let()
		began := w.count(crowdWaits)

		holder, short := w.rich(), storetest.NewAccount(t, w.db).ID
		_, err := ledger.Hold(ctx, w.db, holder, ledger.HoldRequest{Amount: 7, TTL: 5 * time.Second})
		must(t, err)
		end := w.Now().Add(5 * time.Second)
		w.grant(short, billing.Grant{Key: "short", Source: "test", Amount: 100, ExpiresAt: &end})
		w.Advance(year.Sync.NextGrantAt.Sub(w.Now()) + time.Second)
		for what, ok := range map[string]func() bool{
			"the held points are back":          func() bool { return w.account(holder).Available == 100 },
			"the points that ran out are ended": func() bool { return w.account(short).Available == 0 },
			"the second month is granted":       func() bool { return w.account(year.ID).Available == 500 },
		} {
			storetest.WaitFor(t, what, ok)
		}
		if left := w.count(crowdWaits); left != began {
			t.Errorf("%d of %d syncs waited to the end: that they were slow proves nothing", left, began)
		}
	})
}

// Proves that endpoints that do not reply delay neither a sync nor another endpoint, however many events wait for them.
func TestDeadEndpoints(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		over := make(chan struct{})
		defer close(over) // before the test waits for those who wait
		var stuck []chan string
		for range outbox.MaxWebhooks - 1 {
			_, came := w.endpoint(func(_ http.ResponseWriter, r *http.Request) {
				select {
				case <-r.Context().Done():
				case <-over:
				}
			})
			stuck = append(stuck, came)
		}
		_, came := w.endpoint(nil)
		ids := make([]billing.AccountID, 10)
		w.start(w.t)
		for n := range ids {
			ids[n] = w.rich()
		}
		for _, s := range stuck {
			storetest.Next(w.t, s)
		}
		for range ids {
			storetest.Next(w.t, came)
		}
		a, _ := w.buyer()
		w.ring("evt_1", a.CustomerID)
		w.wantStatus("evt_1", billing.InboxProcessed)
	})
}
