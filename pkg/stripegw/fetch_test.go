package stripegw_test

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

func list(more bool, objects ...string) string {
	return fmt.Sprintf(`{"object":"list","has_more":%v,"data":[%s]}`, more, strings.Join(objects, ","))
}

func sec(s int64) time.Time { return time.Unix(s, 0).UTC() }

// playCustomer is a Stripe with one customer that has something of each kind, over more than one page.
func playCustomer(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	switch r.URL.Path {
	case "/v1/subscriptions":
		answer(w, 200, list(false,
			`{"id":"sub_1","object":"subscription","status":"active","created":5,"current_period_start":10,"current_period_end":20,`+
				`"cancel_at_period_end":true,"ended_at":30,"items":{"data":[{"quantity":9,"price":{"id":"price_0","lookup_key":"other"}},`+
				`{"quantity":2,"price":{"id":"price_1","lookup_key":null,"metadata":{"pointsync_item":"basic"}}}]}}`,
			`{"id":"sub_2","object":"subscription","status":"canceled","items":{"data":[{"quantity":1,"price":{"id":"price_2","lookup_key":"pointsync_pro"}}]}}`,
			`{"id":"sub_3","object":"subscription","status":"trialing"}`))
	case "/v1/invoices":
		if q.Get("starting_after") == "" {
			answer(w, 200, list(true, `{"id":"in_1","object":"invoice","status":"paid","billing_reason":"subscription_cycle","subscription":"sub_1",`+
				`"amount_paid":0,"amount_due":900,"paid_out_of_band":true,"total":950,"created":6,"lines":{"has_more":true,"data":[{"id":"il_0"}]}}`))
			return
		}
		answer(
			w, 200,
			list(
				false,
				`{"id":"in_2","object":"invoice","status":"draft","lines":{"has_more":false,"data":[{"id":"il_3","amount":1}]}}`,
			),
		)
	case "/v1/invoices/in_1/lines":
		answer(w, 200, list(false, `{"id":"il_1","amount":-450,"quantity":1,"proration":true,"period":{"start":1,"end":2},"price":{"unit_amount":900,"metadata":{"pointsync_item":"basic"}}}`,
			`{"id":"il_2","amount":900,"quantity":1,"period":{"start":10,"end":20},"price":null}`))
	case "/v1/charges":
		answer(w, 200, list(false, `{"id":"ch_1","object":"charge","amount":900,"paid":true,"amount_refunded":100,"payment_intent":"pi_1","invoice":"in_1","disputed":true}`,
			`{"id":"ch_2","object":"charge","amount":5,"payment_intent":null,"invoice":null}`))
	case "/v1/disputes":
		if q.Get("charge") != "ch_1" {
			refuse(w, 400, "invalid_request_error", "resource_missing", "charge", "No such charge")
			return
		}
		answer(w, 200, list(false, `{"id":"dp_1","status":"lost","amount":1}`,
			`{"id":"dp_2","status":"needs_response","amount":20}`,
			`{"id":"dp_3","status":"under_review","amount":300}`, `{"id":"dp_4","status":"won","amount":4000}`,
			`{"id":"dp_5","status":"warning_needs_response","amount":4000}`,
			`{"id":"dp_6","status":"warning_under_review","amount":4000}`,
			`{"id":"dp_7","status":"warning_closed","amount":4000}`,
			`{"id":"dp_8","status":"charge_refunded","amount":4000}`))
	case "/v1/checkout/sessions": // the newest, over more than one page; cs_3 is not among them
		answer(w, 200, list(true,
			`{"id":"cs_9","object":"checkout.session","status":"open"}`,
			`{"id":"cs_2","object":"checkout.session","status":"open","payment_status":"unpaid","subscription":"sub_1","url":"https://x"}`,
			`{"id":"cs_1","object":"checkout.session","status":"complete","payment_status":"paid","payment_intent":"pi_1","subscription":null,"expires_at":7}`))
	case "/v1/checkout/sessions/cs_1":
		answer(
			w, 200,
			`{"id":"cs_1","object":"checkout.session","status":"complete","payment_status":"paid","payment_intent":"pi_1","subscription":null,"expires_at":7}`,
		)
	case "/v1/checkout/sessions/cs_3":
		answer(
			w, 200,
			`{"id":"cs_3","object":"checkout.session","status":"complete","payment_status":"unpaid","payment_intent":{"id":"pi_3","status":"requires_payment_method"}}`,
		)
	default:
		refuse(w, 404, "invalid_request_error", "resource_missing", "session", "No such session")
	}
}

// A picture contains everything of the customer, complete, over all pages, and omits only sessions that Stripe never
// had.
func TestFetch(t *testing.T) {
	t.Parallel()
	g := newGateway(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if strings.Count(r.URL.Path, "/") == 2 && r.URL.Path != "/v1/disputes" && q.Get("customer") != "cus_1" {
			t.Errorf("%s is not about the customer", r.URL)
		}
		if r.URL.Path == "/v1/subscriptions" && q.Get("status") != "all" {
			t.Errorf("%s leaves ended subscriptions out", r.URL)
		}
		if r.URL.Path == "/v1/invoices" && q.Get("created[gte]") != "100" {
			t.Errorf("%s does not start at the watermark", r.URL)
		}
		if r.Header.Get("Stripe-Version") != "2023-10-16" {
			t.Errorf("version %q", r.Header.Get("Stripe-Version"))
		}
		playCustomer(w, r)
	})
	since := time.Unix(100, 0)
	got, err := g.Fetch(
		t.Context(),
		stripegw.Want{
			Customer: "cus_1", InvoicesSince: &since, Checkouts: []billing.CheckoutID{"cs_1", "cs_x", "cs_2", "cs_3"},
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	ended := sec(30)
	want := billing.Snapshot{
		CustomerID: "cus_1",
		Subscriptions: []billing.StripeSubscription{
			{
				ID:                 "sub_1",
				Status:             billing.SubActive,
				Item:               "basic",
				Price:              "price_1",
				Quantity:           2,
				CurrentPeriodStart: sec(10),
				CurrentPeriodEnd:   sec(20),
				CancelAtPeriodEnd:  true,
				EndsAt:             &ended,
				EndedAt:            &ended,
				Created:            sec(5),
			},
			{
				ID:                 "sub_2",
				Status:             billing.SubCanceled,
				Item:               "pro",
				Price:              "price_2",
				Quantity:           1,
				CurrentPeriodStart: sec(0),
				CurrentPeriodEnd:   sec(0),
				Created:            sec(0),
			},
			{
				ID:                 "sub_3",
				Status:             billing.SubTrialing,
				CurrentPeriodStart: sec(0),
				CurrentPeriodEnd:   sec(0),
				Created:            sec(0),
			},
		},
		Invoices: []billing.StripeInvoice{
			{ID: "in_1", SubscriptionID: "sub_1", Status: "paid", BillingReason: "subscription_cycle",
				AmountPaid: 900, Total: 950, Created: sec(6), Lines: []billing.StripeInvoiceLine{
					{
						ID:          "il_1",
						Item:        "basic",
						Amount:      -450,
						UnitAmount:  900,
						Quantity:    1,
						Proration:   true,
						PeriodStart: sec(1),
						PeriodEnd:   sec(2),
					},
					{ID: "il_2", Amount: 900, Quantity: 1, PeriodStart: sec(10), PeriodEnd: sec(20)},
				}},
			{ID: "in_2", Status: "draft", Created: sec(0), Lines: []billing.StripeInvoiceLine{{ID: "il_3", Amount: 1}}},
		},
		Checkouts: []billing.StripeCheckout{
			{ID: "cs_1", Status: "complete", PaymentStatus: "paid", PaymentIntentID: "pi_1", ExpiresAt: sec(7)},
			{
				ID:             "cs_2",
				URL:            "https://x",
				Status:         "open",
				PaymentStatus:  "unpaid",
				SubscriptionID: "sub_1",
				ExpiresAt:      sec(0),
			},
			{
				ID:              "cs_3",
				Status:          "complete",
				PaymentStatus:   "unpaid",
				PaymentIntentID: "pi_3",
				PaymentFailed:   true,
				ExpiresAt:       sec(0),
			},
		},
		Charges: []billing.StripeCharge{
			{
				ID:              "ch_1",
				PaymentIntentID: "pi_1",
				InvoiceID:       "in_1",
				Amount:          900,
				Paid:            true,
				AmountRefunded:  100,
				AmountDisputed:  321,
				Disputed:        true,
			},
			{ID: "ch_2", Amount: 5},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// An empty picture is that of a customer that bought nothing or was deleted. For a customer that Stripe never knew it
// is an error, because there it would take access away because of a wrong key.
func TestFetchOfNothing(t *testing.T) {
	t.Parallel()
	listsRefused := func(w http.ResponseWriter) {
		refuse(w, 400, "invalid_request_error", "resource_missing", "customer", "No such customer: 'cus_1'")
	}
	listsEmpty := func(w http.ResponseWriter) { answer(w, 200, list(false)) }
	here := func(w http.ResponseWriter) { answer(w, 200, `{"id":"cus_1","object":"customer"}`) }
	deleted := func(w http.ResponseWriter) { answer(w, 200, `{"id":"cus_1","object":"customer","deleted":true}`) }
	unknown := func(w http.ResponseWriter) {
		refuse(w, 404, "invalid_request_error", "resource_missing", "id", "No such customer: 'cus_1'")
	}
	for name, test := range map[string]struct {
		lists, customer func(http.ResponseWriter)
		code            billing.Code
	}{
		"BoughtNothing":   {listsEmpty, here, ""},
		"Deleted":         {listsRefused, deleted, ""},
		"DeletedEmpty":    {listsEmpty, deleted, ""},
		"Unknown":         {listsRefused, unknown, billing.EStripeRefused},
		"UnknownEmpty":    {listsEmpty, unknown, billing.EStripeRefused},
		"HereButNotShown": {listsRefused, here, billing.EStripeRefused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t, func(w http.ResponseWriter, r *http.Request) {
				switch {
				case strings.HasPrefix(r.URL.Path, "/v1/customers/"):
					test.customer(w)
				case strings.HasPrefix(r.URL.Path, "/v1/checkout/"):
					playCustomer(w, r)
				default:
					test.lists(w)
				}
			})
			s, err := g.Fetch(t.Context(), stripegw.Want{Customer: "cus_1", Checkouts: []billing.CheckoutID{"cs_1"}})
			if billing.CodeOf(err) != test.code {
				t.Fatalf("got %v, want %q", err, test.code)
			}
			if len(s.Subscriptions)+len(s.Invoices)+len(s.Charges) != 0 || (err == nil) != (len(s.Checkouts) == 1) {
				t.Errorf("got %+v", s)
			}
		})
	}
}

// If one part fails, the picture fails: half a picture would look like a customer that lost something.
func TestFetchIsWholeOrNothing(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"/v1/subscriptions", "/v1/invoices", "/v1/invoices/in_1/lines", "/v1/charges", "/v1/checkout/sessions/cs_1",
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == path {
					refuse(w, 500, "api_error", "", "", "")
					return
				}
				playCustomer(w, r)
			}, func(o *stripegw.Options) { o.MaxRetries = -1 })
			s, err := g.Fetch(t.Context(), stripegw.Want{Customer: "cus_1", Checkouts: []billing.CheckoutID{"cs_1"}})
			if billing.CodeOf(err) != billing.EStripeUnavailable || !reflect.DeepEqual(s, billing.Snapshot{}) {
				t.Errorf("got %+v, %v", s, err)
			}
		})
	}
}

// An endless list is refused, not followed.
func TestFetchIsBounded(t *testing.T) {
	t.Parallel()
	var pages atomic.Int64
	g := newGateway(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/charges" {
			answer(w, 200, list(false))
			return
		}
		page := make([]string, 100)
		n := pages.Add(1)
		for i := range page {
			page[i] = fmt.Sprintf(`{"id":"ch_%d_%d"}`, n, i)
		}
		answer(w, 200, list(true, page...))
	})
	_, err := g.Fetch(t.Context(), stripegw.Want{Customer: "cus_1", AllCharges: true})
	if billing.CodeOf(err) != billing.EStripeRefused || !strings.Contains(err.Error(), "more than 100000 charges") {
		t.Errorf("got %v", err)
	}
	if n := pages.Load(); n != 1001 {
		t.Errorf("%d pages were read", n)
	}
}

// The customer of an object is found in one call, and a missing object is distinguished.
func TestCustomerOf(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	g := newGateway(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		switch r.URL.Path {
		case "/v1/disputes/dp_1", "/v1/refunds/re_1":
			if r.URL.Query().Get("expand[0]") != "charge" {
				t.Errorf("%s does not expand the charge", r.URL)
			}
			answer(w, 200, `{"id":"x","charge":{"id":"ch_1","object":"charge","customer":"cus_1"}}`)
		case "/v1/charges/ch_1", "/v1/invoices/in_1", "/v1/subscriptions/sub_1", "/v1/payment_intents/pi_1",
			"/v1/checkout/sessions/cs_1":
			answer(w, 200, `{"id":"x","customer":"cus_1"}`)
		case "/v1/charges/ch_guest":
			answer(w, 200, `{"id":"ch_guest","customer":null}`)
		default:
			refuse(w, 404, "invalid_request_error", "resource_missing", "id", "No such object")
		}
	})
	for object, want := range map[string]billing.CustomerID{
		"dispute dp_1": "cus_1", "refund re_1": "cus_1", "charge ch_1": "cus_1", "invoice in_1": "cus_1",
		"subscription sub_1":  "cus_1",
		"payment_intent pi_1": "cus_1", "checkout.session cs_1": "cus_1", "customer cus_7": "cus_7",
		"charge ch_guest": "", "balance b_1": "",
	} {
		kind, id, _ := strings.Cut(object, " ")
		if got, err := g.CustomerOf(t.Context(), billing.ObjectType(kind), id); err != nil || got != want {
			t.Errorf("%s: got %q, %v", object, got, err)
		}
	}
	if n := calls.Load(); n != 8 {
		t.Errorf("%d calls, want 8", n)
	}
	if _, err := g.CustomerOf(t.Context(), "dispute", "dp_x"); billing.CodeOf(err) != billing.ENotFound {
		t.Errorf("got %v", err)
	}
}

// A price is requested once, and again when it may have changed. A price of another item is never sold.
func TestPrice(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	var now atomic.Int64
	g := newGateway(t, func(w http.ResponseWriter, r *http.Request) {
		n := calls.Add(1)
		if key := r.URL.Query().Get("lookup_keys[0]"); key == "pointsync_wrong" {
			answer(w, 200, list(false, `{"id":"price_0","active":true,"lookup_key":"pointsync_basic"}`))
			return
		} else if key != "pointsync_basic" {
			answer(w, 200, list(false))
			return
		}
		answer(w, 200, list(false, fmt.Sprintf(`{"id":"price_%d","active":true,"lookup_key":"pointsync_basic"}`, n)))
	}, func(o *stripegw.Options) { o.Now = func() time.Time { return time.Unix(now.Load(), 0) } })

	for _, step := range []struct {
		at   int64
		want billing.PriceID
	}{{1000, "price_1"}, {1059, "price_1"}, {1060, "price_2"}, {500, "price_3"}} {
		now.Store(step.at)
		if got, err := g.Price(t.Context(), "basic"); err != nil || got != step.want {
			t.Errorf("at %d: %q, %v; want %q", step.at, got, err, step.want)
		}
	}
	for _, item := range []string{"wrong", "missing"} {
		if _, err := g.Price(t.Context(), item); billing.CodeOf(err) != billing.EStripeRefused || !strings.Contains(
			err.Error(), "run pointsync stripe setup",
		) {
			t.Errorf("%s: got %v", item, err)
		}
	}
}

// Closing an open page closes it. A page that is not open is a conflict. Any other refusal stays a refusal.
func TestExpireCheckout(t *testing.T) {
	t.Parallel()
	g := newGateway(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/checkout/sessions/cs_open/expire":
			answer(w, 200, `{"id":"cs_open","status":"expired"}`)
		case "/v1/checkout/sessions/cs_done":
			answer(w, 200, `{"id":"cs_done","status":"complete"}`)
		case "/v1/checkout/sessions/cs_odd":
			answer(w, 200, `{"id":"cs_odd","status":"open"}`)
		default:
			refuse(
				w, 400, "invalid_request_error", "", "",
				"Only Checkout Sessions with a status in [\"open\"] can be expired.",
			)
		}
	})
	for id, want := range map[billing.CheckoutID]billing.Code{
		"cs_open": "", "cs_done": billing.EConflict, "cs_odd": billing.EStripeRefused,
		"cs_gone": billing.EStripeRefused,
	} {
		if err := g.ExpireCheckout(t.Context(), id); billing.CodeOf(err) != want {
			t.Errorf("%s: got %v, want %q", id, err, want)
		}
	}
}
