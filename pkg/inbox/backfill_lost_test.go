package inbox_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// listen makes Stripe send its webhooks to this replica.
func (w *world) listen() {
	w.t.Helper()
	server := httptest.NewUnstartedServer(nil) // its address is known now, and its handler needs the secret
	endpoint, err := w.Stripe.EnsureEndpoint(w.t.Context(), "http://"+server.Listener.Addr().String()+"/webhook")
	must(w.t, err)
	w.wire(endpoint.Secret)
	server.Config.Handler = http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = w.inbox.Accept(r.Context(), body, r.Header.Get("Stripe-Signature"))
		}
		if err != nil {
			http.Error(out, err.Error(), http.StatusInternalServerError)
		}
	})
	server.Start()
	w.t.Cleanup(server.Close)
}

// listed counts the events of our types at Stripe.
func (s *shop) listed() (n int) {
	s.t.Helper()
	for after, more := billing.StripeEventID(""), true; more; {
		page, err := s.Stripe.Events(s.t.Context(), s.Now().Add(-time.Hour), after)
		must(s.t, err)
		n, after, more = n+len(page.Events), page.Last, page.More
	}
	return n
}

// refundHalf refunds half of an order's money.
func (s *shop) refundHalf(o billing.Order) {
	s.t.Helper()
	intent := s.Ask(http.MethodGet, "/v1/checkout/sessions/"+string(o.CheckoutID), nil)["payment_intent"].(string)
	s.Ask(http.MethodPost, "/v1/refunds", url.Values{"payment_intent": {intent}, "amount": {"250"}})
}

// wantWalked checks that every event at Stripe was received, and that this number of them was counted as missing.
func (w *world) wantWalked(missing int) {
	w.t.Helper()
	walk, err := w.db.EventWalk(context.Background())
	if err != nil || walk.Found != int64(missing) || walk.LookedAt == nil || walk.Until != nil {
		w.t.Errorf("the walk says %+v, %v; %d were missing", walk, err, missing)
	}
	if got, want := w.count("SELECT count(*) FROM inbox_events"), w.listed(); got != want {
		w.t.Errorf("%d of %d events are here", got, want)
	}
}

// wantBought checks that an account has the points of its pack, once, and agrees with Stripe.
func (w *world) wantBought(a billing.Account, points billing.Points) {
	w.t.Helper()
	ctx := context.Background()
	must(w.t, ledger.Audit(ctx, w.db, a.ID))
	if got := w.account(a.ID).Balance; got.Available != points || got.Debt != 0 {
		w.t.Errorf("%+v, want %d points", got, points)
	}
	if drift, err := w.syncer.Drift(ctx, a.ID); err != nil || len(drift) != 0 {
		w.t.Errorf("the drift: %+v, %v", drift, err)
	}
}

// Proves that accounts fall behind if two of five webhooks are lost, and that one walk makes all of them agree with
// Stripe.
func TestBackfillManyLost(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		w.listen()
		w.start(w.t)
		w.Control("faults", `{"kind": "webhook_drop", "share": 0.4, "seed": 7}`)
		const buyers = 15
		accounts, orders := make([]billing.Account, buyers), make([]billing.Order, buyers)
		settle := func() { w.Flush(); w.waitIdle() }
		for n := range accounts {
			accounts[n], orders[n] = w.buyer()
		}
		settle()
		for _, o := range orders {
			w.refundHalf(o)
		}
		settle()
		behind, missing := 0, w.listed()-w.count("SELECT count(*) FROM inbox_events")
		for _, a := range accounts {
			if w.account(a.ID).Available != 50 {
				behind++
			}
		}
		if behind == 0 || missing < buyers/2 {
			w.t.Fatalf("%d accounts are behind, %d events are missing: the test shows nothing", behind, missing)
		}
		if out, err := w.inbox.Backfill(
			context.Background(), 100,
		); err != nil || !out.Through || out.Found != missing || out.Failed != 0 {
			w.t.Errorf("%+v, %v; %d events were missing", out, err, missing)
		}
		w.waitIdle()
		w.wantWalked(missing)
		for _, a := range accounts {
			w.wantBought(a, 50)
		}
	})
}

// twoReplicas runs a suite with two replicas on one database, of either kind. The buyers' events fill more than a page,
// and all their webhooks were lost.
func twoReplicas(t *testing.T, f func(t *testing.T, s *shop, replicas [2]*world, accounts []billing.Account)) {
	t.Helper()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		s, database := newShop(t), storetest.URL(t, dialect)
		replicas := [2]*world{s.replica(t, database), s.replica(t, database)}
		var accounts []billing.Account
		for range 30 {
			a, _ := replicas[0].buyer()
			accounts = append(accounts, a)
		}
		f(t, s, replicas, accounts)
	})
}

// isList reports whether a request asks for Stripe's list of events.
func isList(r *http.Request) bool { return r.URL.Path == "/v1/events" }

// Proves that if two replicas walk at once, from the same page on, each event is received, counted and handled once.
// One of the replicas reaches the end.
func TestBackfillTogether(t *testing.T) {
	t.Parallel()
	twoReplicas(t, func(t *testing.T, s *shop, replicas [2]*world, accounts []billing.Account) {
		s.Gate.Gather(2, isList)
		var walks sync.WaitGroup
		var found, through atomic.Int64
		for _, w := range replicas {
			walks.Go(func() {
				out, err := w.inbox.Backfill(context.Background(), 100)
				if err != nil || out.Failed != 0 {
					t.Errorf("%+v, %v", out, err)
				}
				found.Add(int64(out.Found))
				if out.Through {
					through.Add(1)
				}
			})
		}
		walks.Wait()
		s.Gate.Open()
		w := replicas[0]
		if want := int64(w.listed()); found.Load() != want || through.Load() == 0 {
			t.Errorf("together they found %d events of %d, and %d came to the end", found.Load(), want, through.Load())
		}
		w.wantWalked(w.listed())
		if n := w.count("SELECT count(*) FROM river_job WHERE kind = 'sync'"); n != len(accounts) {
			t.Errorf("%d jobs for %d accounts", n, len(accounts))
		}
		for _, w := range replicas {
			w.start(t)
		}
		w.waitIdle()
		for _, a := range accounts {
			w.wantBought(a, 100)
		}
	})
}

// Proves that a walk that is cut off while it requests the second page from Stripe continues with that page on another
// replica. It does not begin again. Each event is counted once.
func TestBackfillCutOff(t *testing.T) {
	t.Parallel()
	twoReplicas(t, func(t *testing.T, s *shop, replicas [2]*world, accounts []billing.Account) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		var asked []string // where each page begins; no two requests are under way at a time
		s.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
			if isList(r) {
				if asked = append(asked, r.URL.Query().Get("starting_after")); len(asked) == 2 {
					cancel()
					<-r.Context().Done()
					return
				}
			}
			s.Gate.Stripe.ServeHTTP(out, r)
		})
		first, err := replicas[0].inbox.Backfill(ctx, 100)
		if err == nil || first.Through || first.Found == 0 {
			t.Fatalf("cut off: %+v, %v", first, err)
		}
		w := replicas[1]
		rest, err := w.inbox.Backfill(context.Background(), 100)
		if err != nil || !rest.Through || first.Found+rest.Found != w.listed() {
			t.Errorf("%+v after %+v, %v", rest, first, err)
		}
		if len(asked) < 3 || asked[0] != "" || asked[1] == "" || asked[2] != asked[1] {
			t.Errorf("pages were asked for after %q", asked)
		}
		s.Gate.Open()
		w.wantWalked(w.listed())
		w.start(t)
		w.waitIdle()
		for _, a := range accounts {
			w.wantBought(a, 100)
		}
	})
}
