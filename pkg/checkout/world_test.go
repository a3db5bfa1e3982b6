package checkout_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/checkout"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/sandbox"
	"github.com/pointsync/pointsync/pkg/sandbox/sandboxtest"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

const key = sandboxtest.Key

// shop is a Service over its own database and sandbox.
type shop struct {
	t       *testing.T
	db      *store.DB
	service *checkout.Service
	syncer  *reconcile.Syncer
	stripe  string                           // of the sandbox itself, without the interceptor
	between atomic.Pointer[http.HandlerFunc] // replaces the sandbox while it is set
	sandbox http.Handler
}

// eachShop runs a suite on both databases.
func eachShop(t *testing.T, f func(t *testing.T, s *shop)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { f(t, newShop(t, db)) })
}

func newShop(t *testing.T, db *store.DB) *shop {
	t.Helper()
	return stock(t, db, catalog.Default(), stripegw.Options{})
}

// stock makes a shop that sells the given items.
func stock(t *testing.T, db *store.DB, items *catalog.Catalog, o stripegw.Options) *shop {
	t.Helper()
	world, err := sandbox.New(sandbox.Options{})
	must(t, err)
	s := &shop{t: t, db: db, sandbox: world.Handler()}
	direct := httptest.NewServer(s.sandbox)
	gated := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if h := s.between.Load(); h != nil {
			(*h)(out, r)
			return
		}
		s.sandbox.ServeHTTP(out, r)
	}))
	t.Cleanup(func() { gated.Close(); direct.Close(); must(t, world.Close()) })
	s.stripe = direct.URL
	o.Key, o.BaseURL, o.HTTPClient = key, gated.URL, gated.Client()
	gateway, err := stripegw.New(o)
	must(t, err)
	_, err = gateway.EnsureCatalog(t.Context(), items)
	must(t, err)
	s.syncer = reconcile.New(
		db, gateway, items, reconcile.Policy{PastDueGrace: 72 * time.Hour, RenewalGrace: 2 * time.Hour},
		slog.New(slog.DiscardHandler),
	)
	s.service = checkout.New(db, gateway, items, s.syncer, checkout.Origins{"https://shop.example"})
	return s
}

// intercept puts a handler in the sandbox's place. nil removes it.
func (s *shop) intercept(h http.HandlerFunc) {
	if h == nil {
		s.between.Store(nil)
		return
	}
	s.between.Store(&h)
}

// order orders an item and fails the test if that is refused.
func (s *shop) order(id billing.AccountID, r checkout.Request) billing.Order {
	s.t.Helper()
	o, _, err := s.service.Create(s.t.Context(), id, r)
	must(s.t, err)
	return o
}

// pay pays an order as a program would, and returns to the success page.
func (s *shop) pay(o billing.Order) billing.Order {
	s.t.Helper()
	s.ask(http.MethodPost, "/v1/payment_pages/"+string(o.CheckoutID)+"/confirm", url.Values{
		"payment_method": {"pm_card_visa"}, "expected_amount": {fmt.Sprint(o.Amount)},
	})
	o, _, err := s.service.Status(s.t.Context(), o.AccountID, o.ID)
	must(s.t, err)
	return o
}

// list returns the objects of one kind at Stripe.
func (s *shop) list(path string) (objects []map[string]any) {
	s.t.Helper()
	for _, o := range s.ask(http.MethodGet, path+"?limit=100", nil)["data"].([]any) {
		objects = append(objects, o.(map[string]any))
	}
	return objects
}

// openPages returns the number of pages at Stripe that could be paid.
func (s *shop) openPages() (n int) {
	s.t.Helper()
	for _, page := range s.list("/v1/checkout/sessions") {
		if page["status"] == "open" {
			n++
		}
	}
	return n
}

func (s *shop) ask(method, path string, form url.Values) map[string]any {
	s.t.Helper()
	return sandboxtest.Ask(s.t, s.stripe, method, path, form)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// synced discards whether a sync was applied.
func synced(_ bool, err error) error { return err }
