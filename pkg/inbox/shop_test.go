package inbox_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/sandbox"
	"github.com/pointsync/pointsync/pkg/sandbox/sandboxtest"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// retryAfter is when a failed renewal is retried once. After that the subscription is canceled.
const retryAfter = 72 * time.Hour

// shop is a local Stripe with a gate before it. The only webhooks are those that a test delivers.
type shop struct {
	t       *testing.T
	url     string // direct, without the gate
	gate    *gate
	gateway *stripegw.Gateway
	offset  atomic.Int64 // how far the sandbox's clock is from the machine's
	items   *catalog.Catalog

	backfill time.Duration // of replicas made from now on; 0: they do not walk Stripe's list by themselves
}

func newShop(t *testing.T) *shop {
	t.Helper()
	local, err := sandbox.New(sandbox.Options{RetrySchedule: []time.Duration{retryAfter}})
	must(t, err)
	s := &shop{t: t, gate: &gate{next: local.Handler()}, items: catalog.Default()}
	direct, gated := httptest.NewServer(local.Handler()), httptest.NewServer(s.gate)
	t.Cleanup(func() { gated.Close(); direct.Close(); must(t, local.Close()) })
	s.url = direct.URL
	s.gateway, err = stripegw.New(
		stripegw.Options{Key: stripeKey, BaseURL: gated.URL, HTTPClient: gated.Client(), Now: s.now, MaxRetries: -1},
	)
	must(t, err)
	s.sells()
	return s
}

// sells adds plans to the default ones, for replicas made from now on.
func (s *shop) sells(plans ...billing.Plan) {
	s.t.Helper()
	s.items.Plans = append(s.items.Plans, plans...)
	_, err := s.gateway.EnsureCatalog(s.t.Context(), s.items)
	must(s.t, err)
}

func (s *shop) now() time.Time { return time.Now().Add(time.Duration(s.offset.Load())) }

// advance moves the one clock. When it returns, whatever falls due at Stripe by then has happened.
func (s *shop) advance(d time.Duration) {
	s.t.Helper()
	sandboxtest.Advance(s.t, s.url, d)
	s.offset.Add(int64(d))
}

// ask sends a form directly to the sandbox, without the gate, as Stripe's own tools do.
func (s *shop) ask(method, path string, form url.Values) map[string]any {
	s.t.Helper()
	return sandboxtest.Ask(s.t, s.url, method, path, form)
}

// draft returns an account with a customer at Stripe that no database knows yet.
func (s *shop) draft() billing.Account {
	s.t.Helper()
	now := s.now().UTC().Truncate(time.Second)
	a := billing.Account{ID: billing.NewAccountID(now), Sync: billing.SyncState{BudgetAt: now}, CreatedAt: now}
	a.Email = strings.ReplaceAll(string(a.ID), "_", "-") + "@example.com"
	var err error
	a.CustomerID, err = s.gateway.CreateCustomer(s.t.Context(), a.ID, a.Email, "")
	must(s.t, err)
	return a
}

// sell opens the page of an order that no database knows yet.
func (s *shop) sell(a billing.Account, item string) billing.Order {
	s.t.Helper()
	c, now := s.items, s.now().UTC().Truncate(time.Second)
	o := billing.Order{
		ID: billing.NewOrderID(now), AccountID: a.ID, Item: item, Quantity: 1, Status: billing.OrderPending,
		SuccessURL: "https://shop.example/ok", CancelURL: "https://shop.example/no", CreatedAt: now,
	}
	if plan, ok := c.Plan(item); ok {
		o.Kind, o.Points, o.Amount, o.Currency = billing.KindPlan, plan.Points, plan.Amount, plan.Currency
	} else if pack, ok := c.Pack(item); ok {
		o.Kind, o.Points, o.Amount, o.Currency = billing.KindPack, pack.Points, pack.Amount, pack.Currency
	}
	price, err := s.gateway.Price(s.t.Context(), item)
	must(s.t, err)
	page, err := s.gateway.CreateCheckout(
		s.t.Context(), stripegw.NewCheckout{Order: o, Customer: a.CustomerID, Price: price},
	)
	must(s.t, err)
	o.CheckoutID, o.URL = page.ID, page.URL
	return o
}

func (s *shop) pay(o billing.Order) map[string]any {
	s.t.Helper()
	return s.ask(
		http.MethodPost, "/v1/payment_pages/"+string(o.CheckoutID)+"/confirm",
		url.Values{"payment_method": {"pm_card_visa"}},
	)
}
