package stripegw_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/metric"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// Proves that no call reaches Stripe for a caller that is gone, because each call has its caller's context.
func TestContextOfEachCall(t *testing.T) {
	t.Parallel()
	g := newGateway(
		t, func(w http.ResponseWriter, r *http.Request) { t.Errorf("asked all the same: %s %s", r.Method, r.URL) },
	)
	gone, leave := context.WithCancel(t.Context())
	leave()
	n := stripegw.NewItem{Subscription: "sub_1", Item: "si_1", Price: "price_2", Quantity: 1, Key: "key"}
	order := billing.Order{ID: "ord_1", AccountID: "acc_1", Item: "pack", Kind: billing.KindPack, Quantity: 1}
	known := order
	known.PaymentIntentID = "pi_1"
	of := func(kind billing.ObjectType) error { return errorOf(g.CustomerOf(gone, kind, "x_1")) }
	for name, err := range map[string]error{
		"Account": errorOf(g.Account(gone)),
		"Check":   errorOf(g.Check(gone, catalog.Default(), "", sec(0))),
		"CreateCheckout": errorOf(
			g.CreateCheckout(gone, stripegw.NewCheckout{Order: order, Customer: "cus_1", Price: "price_1"}),
		),
		"ExpireCheckout":     g.ExpireCheckout(gone, "cs_1"),
		"Checkout":           errorOf(g.Checkout(gone, "cs_1")),
		"CreateCustomer":     errorOf(g.CreateCustomer(gone, "acc_1", "a@example.com", "")),
		"IsDeleted":          errorOf(g.IsDeleted(gone, "cus_1")),
		"DeleteCustomer":     g.DeleteCustomer(gone, "cus_1"),
		"PortalURL":          errorOf(g.PortalURL(gone, "cus_1", "")),
		"CustomerOfCharge":   of("charge"),
		"CustomerOfDispute":  of("dispute"),
		"CustomerOfRefund":   of("refund"),
		"CustomerOfIntent":   of("payment_intent"),
		"CustomerOfInvoice":  of("invoice"),
		"CustomerOfSub":      of("subscription"),
		"CustomerOfCheckout": of("checkout.session"),
		"EnsureEndpoint":     errorOf(g.EnsureEndpoint(gone, "https://shop.example/webhooks")),
		"EnsureCatalog":      errorOf(g.EnsureCatalog(gone, catalog.Default())),
		"Events":             errorOf(g.Events(gone, sec(0), "")),
		"Fetch":              errorOf(g.Fetch(gone, stripegw.Want{Customer: "cus_1", Automatic: []billing.Order{order}})),
		"OrderIntent":        errorOf2(g.OrderIntent(gone, "cus_1", order)),
		"KnownOrderIntent":   errorOf2(g.OrderIntent(gone, "cus_1", known)),
		"SavedMethod":        errorOf(g.SavedMethod(gone, "cus_1")),
		"ChargeSaved":        errorOf(g.ChargeSaved(gone, order, "cus_1", "pm_1")),
		"CancelIntent":       g.CancelIntent(gone, "pi_1"),
		"PreviewCharge":      errorOf(g.PreviewCharge(gone, n)),
		"PlanPrice":          errorOf(g.PlanPrice(gone, billing.Plan{ID: "basic"})),
		"Price":              errorOf(g.Price(gone, "basic")),
		"PromotionCode":      errorOf(g.PromotionCode(gone, "HALF", "cus_1")),
		"ReleaseSchedule":    g.ReleaseSchedule(gone, "sub_sched_1", "key"),
		"ScheduleItem":       g.ScheduleItem(gone, n, "", 1),
		"ScheduleItemLed":    g.ScheduleItem(gone, n, "sub_sched_1", 1),
		"EndScheduled":       g.EndScheduled(gone, "sub_sched_1", 1, "key"),
		"ChargeItem":         errorOf(g.ChargeItem(gone, n)),
		"InvoiceItem":        errorOf(g.InvoiceItem(gone, n)),
		"SwapItem":           g.SwapItem(gone, n),
		"CancelAtPeriodEnd":  g.CancelAtPeriodEnd(gone, "sub_1", "key"),
		"CancelNow":          g.CancelNow(gone, "sub_1", "key"),
		"Restart":            errorOf(g.RestartSubscription(gone, "sub_1", "key")),
		"Owed":               errorOf2(g.Owed(gone, "in_1")),
		"VoidInvoice":        errorOf(g.VoidInvoice(gone, "in_1", "key")),
		"OpenInvoices":       errorOf(g.OpenInvoices(gone, "sub_1")),
		"OpenInvoicesOf":     errorOf(g.OpenInvoicesOf(gone, "cus_1")),
		"Subscription":       errorOf(g.Subscription(gone, "sub_1")),
	} {
		if billing.CodeOf(err) != billing.EStripeUnavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func errorOf[T any](_ T, err error) error          { return err }
func errorOf2[T, U any](_ T, _ U, err error) error { return err }

// Proves that a second call has the context too. The context has ended when the second call is due.
func TestContextOfSecondCalls(t *testing.T) {
	t.Parallel()
	n := stripegw.NewItem{Subscription: "sub_1", Item: "si_1", Price: "price_2", Quantity: 1, Key: "key"}
	order := billing.Order{
		ID:        "ord_1",
		AccountID: "acc_1",
		Item:      "pack",
		Kind:      billing.KindPack,
		Quantity:  1,
		Amount:    500,
		Currency:  "usd",
	}
	const led = `{"id":"sub_sched_1","phases":[{"start_date":1,"end_date":2,"items":[{"price":"price_1","quantity":1}]}]}`
	for name, c := range map[string]struct {
		first string // the response to the first call
		call  func(context.Context, *stripegw.Gateway) error
	}{
		"ExpireCheckout": {
			"400 ", func(ctx context.Context, g *stripegw.Gateway) error { return g.ExpireCheckout(ctx, "cs_1") },
		},
		"CancelNow": {
			"404 resource_missing",
			func(ctx context.Context, g *stripegw.Gateway) error { return g.CancelNow(ctx, "sub_1", "key") },
		},
		"VoidInvoice": {"400 ", func(ctx context.Context, g *stripegw.Gateway) error {
			return errorOf(g.VoidInvoice(ctx, "in_1", "key"))
		}},
		"ReleaseSchedule": {"400 ", func(ctx context.Context, g *stripegw.Gateway) error {
			return g.ReleaseSchedule(ctx, "sub_sched_1", "key")
		}},
		"ScheduleItem": {
			led, func(ctx context.Context, g *stripegw.Gateway) error { return g.ScheduleItem(ctx, n, "", 1) },
		},
		"EndScheduled": {led, func(ctx context.Context, g *stripegw.Gateway) error {
			return g.EndScheduled(ctx, "sub_sched_1", 1, "key")
		}},
		"ChargeSaved": {list(
			false, `{"id":"price_1","active":true,"lookup_key":"pointsync_pack","unit_amount":500,"currency":"usd"}`,
		), func(ctx context.Context, g *stripegw.Gateway) error {
			return errorOf(g.ChargeSaved(ctx, order, "cus_1", "pm_1"))
		}},
		"SavedMethod": {
			`{"id":"cus_1"}`,
			func(ctx context.Context, g *stripegw.Gateway) error { return errorOf(g.SavedMethod(ctx, "cus_1")) },
		},
		"PriceOfPhase": {"{" + ofNow + "," + ledBy(
			"active", "release", phase(200, 300, "price_2", 2),
		) + "," + ourItem + "}", func(ctx context.Context, g *stripegw.Gateway) error {
			return errorOf(g.Subscription(ctx, "sub_1"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			s := &script{}
			g := newGateway(t, s.ServeHTTP, func(o *stripegw.Options) {
				o.MaxRetries = -1
				o.HTTPClient = &http.Client{Transport: leaving{o.HTTPClient.Transport, leave}}
			})
			s.always = c.first
			if err := c.call(ctx, g); err == nil {
				t.Error("no error")
			}
			if calls := s.calls(); len(calls) != 1 {
				t.Errorf("asked %q", calls)
			}
		})
	}
}

// leaving ends a context as soon as a call got its response.
type leaving struct {
	next  http.RoundTripper
	leave func()
}

func (l leaving) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	res, err := l.next.RoundTrip(r.WithContext(context.WithoutCancel(r.Context())))
	l.leave()
	return res, err
}

// Proves that a request that its caller gave up is not counted, because it says nothing about Stripe. One that reaches
// no server is counted without a status.
func TestGivenUpIsNotCounted(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	stripe := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	counts := metric.New("test")
	g, err := stripegw.New(
		stripegw.Options{Key: "sk_test_123", BaseURL: stripe.URL, MaxRetries: -1, Metrics: counts},
	)
	if err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithCancel(t.Context())
	go func() { <-asked; leave() }()
	if _, err := g.Account(ctx); err == nil {
		t.Error("it was answered")
	}
	const count = "pointsync_stripe_request_duration_seconds_count"
	if page := scrape(counts); strings.Contains(page, count) {
		t.Errorf("it was counted: %s", page)
	}
	stripe.Close()
	if _, err := g.Account(t.Context()); err == nil {
		t.Error("a closed server answered")
	}
	if page := scrape(counts); !strings.Contains(page, count+`{operation="GET /v1/account",status="none"} 1`) {
		t.Errorf("it was not counted: %s", page)
	}
}
