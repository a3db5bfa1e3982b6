package stripegw_test

import (
	"fmt"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// Proves what is read of an invoice: its times, its balances, its payment under way, and the price and interval of its
// lines. What was paid in another way counts as paid in money: 900 of 900 due, and never less than what was paid
// through Stripe.
func TestFetchInvoices(t *testing.T) {
	t.Parallel()
	const period = `"lines":{"data":[]}`
	for name, c := range map[string]struct {
		invoice string
		want    billing.StripeInvoice
	}{
		"Times": {`"status":"paid","currency":"usd","starting_balance":-5,"ending_balance":40,"created":6,"status_transitions":{"finalized_at":7,"paid_at":9},` + period,
			billing.StripeInvoice{
				Status:          "paid",
				Currency:        "usd",
				StartingBalance: -5,
				EndingBalance:   40,
				Created:         sec(6),
				FinalizedAt:     ptr(sec(7)),
				PaidAt:          ptr(sec(9)),
			}},
		"NotYet": {
			`"status":"draft","status_transitions":{},` + period,
			billing.StripeInvoice{Status: "draft", Created: sec(0)},
		},
		"UnderWay": {
			`"status":"open","payment_intent":{"id":"pi_1","status":"processing"},` + period,
			billing.StripeInvoice{Status: "open", UnderWay: true, Created: sec(0)},
		},
		"Declined": {
			`"status":"open","payment_intent":{"id":"pi_1","status":"requires_payment_method"},` + period,
			billing.StripeInvoice{Status: "open", Created: sec(0)},
		},
		"WithoutIntent": {`"status":"open",` + period, billing.StripeInvoice{Status: "open", Created: sec(0)}},
		"PaidSince": {
			`"status":"paid","payment_intent":{"id":"pi_1","status":"processing"},` + period,
			billing.StripeInvoice{Status: "paid", Created: sec(0)},
		},
		"OutOfBand": {
			`"status":"paid","paid_out_of_band":true,"amount_paid":0,"amount_due":900,` + period,
			billing.StripeInvoice{Status: "paid", AmountPaid: 900, Created: sec(0)},
		},
		"InPart": {
			`"status":"paid","paid_out_of_band":true,"amount_paid":1000,"amount_due":900,` + period,
			billing.StripeInvoice{Status: "paid", AmountPaid: 1000, Created: sec(0)},
		},
		"Lines": {
			`"status":"paid","lines":{"data":[{"id":"il_1","description":"x","amount":900,"currency":"eur",
			"quantity":2,"period":{"start":1,"end":2},
			"price":{"unit_amount":450,"currency":"usd","lookup_key":"pointsync_basic",
			"metadata":{"pointsync_points":"500"},"recurring":{"interval":"month","interval_count":2}}}]}`,
			billing.StripeInvoice{Status: "paid", Created: sec(0), Lines: []billing.StripeInvoiceLine{{
				ID:          "il_1",
				Item:        "basic",
				SoldAs:      billing.SoldAs{Terms: &billing.PriceTerms{Points: 500}},
				Description: "x",
				Amount:      900,
				Currency:    "eur",
				Quantity:    2,
				PeriodStart: sec(1),
				PeriodEnd:   sec(2),
				UnitAmount:  450, UnitCurrency: "usd", Interval: "month", IntervalCount: 2,
			}}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, s := newScript(t, map[string]string{
				"GET /v1/invoices": list(
					false, `{"id":"in_1",`+c.invoice+`}`,
				), "GET /v1/subscriptions": list(false), "GET /v1/charges": list(false),
			})
			got, err := g.Fetch(t.Context(), stripegw.Want{Customer: "cus_1"})
			if err != nil || len(got.Invoices) != 1 {
				t.Fatalf("%+v, %v", got, err)
			}
			c.want.ID = "in_1"
			same(t, "invoice", got.Invoices[0], c.want)
			for _, ask := range []string{
				"GET /v1/invoices customer=cus_1&expand[0]=data.payment_intent&limit=100",
				"GET /v1/subscriptions customer=cus_1&expand[0]=data.schedule&limit=100&status=all",
				"GET /v1/charges customer=cus_1&limit=100",
			} {
				if !contains(s, ask) {
					t.Errorf("not asked: %s", ask)
				}
			}
		})
	}
}

func contains(s *script, call string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, asked := range s.asked {
		if asked == call {
			return true
		}
	}
	return false
}

// Proves that one object of any kind is enough for a picture to be accepted. Only for an empty one is the customer
// requested.
func TestFetchOfOneThing(t *testing.T) {
	t.Parallel()
	objects := map[string]string{
		"subscriptions": `{"id":"sub_1"}`, "invoices": `{"id":"in_1","lines":{"data":[]}}`, "charges": `{"id":"ch_1"}`,
	}
	for _, there := range [][]string{
		{"subscriptions"}, {"invoices"}, {"charges"}, {"subscriptions", "invoices"}, {"invoices", "charges"},
		{"subscriptions", "charges"},
	} {
		answers := map[string]string{
			"GET /v1/invoices": list(false), "GET /v1/subscriptions": list(false), "GET /v1/charges": list(false),
		}
		for _, path := range there {
			answers["GET /v1/"+path] = list(false, objects[path])
		}
		g, s := newScript(t, answers)
		if got, err := g.Fetch(
			t.Context(), stripegw.Want{Customer: "cus_1"},
		); err != nil || got.Deleted || len(s.calls()) != 3 {
			t.Errorf("%s: %+v, %v", there, got, err)
		}
	}
}

// Proves what is read of the pause of a subscription's collection, and that a pause without content counts as none.
func TestFetchPaused(t *testing.T) {
	t.Parallel()
	for pause, want := range map[string]*billing.CollectionPause{
		`{"behavior":"void","resumes_at":170}`: {Until: ptr(sec(170))}, `{"behavior":"keep_as_draft"}`: {}, `{}`: nil,
		`null`: nil,
	} {
		g, _ := newScript(t, map[string]string{
			"GET /v1/invoices": list(false), "GET /v1/charges": list(false), "GET /v1/subscriptions": list(
				false, "{"+ofNow+`,"pause_collection":`+pause+","+ourItem+"}",
			),
		})
		got, err := g.Fetch(t.Context(), stripegw.Want{Customer: "cus_1"})
		if err != nil || len(got.Subscriptions) != 1 {
			t.Fatalf("%+v, %v", got, err)
		}
		same(t, pause, got.Subscriptions[0].CollectionPaused, want)
	}
}

// Proves when a page's payment counts as failed. The page is complete, and its payment, or that of its subscription's
// first invoice, waits for another payment method or was cancelled. A payment that a bank still processes has not
// failed, and an open page can be paid.
func TestCheckoutFailed(t *testing.T) {
	t.Parallel()
	for status, failed := range map[string]bool{
		"requires_payment_method": true, "canceled": true, "processing": false, "succeeded": false,
		"requires_action": false,
	} {
		for _, page := range []string{"complete", "open", "expired"} {
			for _, payment := range []string{
				`"payment_intent":{"id":"pi_1","status":%q}`,
				`"invoice":{"id":"in_1","payment_intent":{"id":"pi_1","status":%q}}`,
			} {
				payment = fmt.Sprintf(payment, status)
				g, s := newScript(
					t,
					map[string]string{
						"GET /v1/checkout/sessions/cs_1": `{"id":"cs_1","status":"` + page + `",` + payment + `}`,
					},
				)
				got, err := g.Checkout(t.Context(), "cs_1")
				if want := failed && page == "complete"; err != nil || got.PaymentFailed != want {
					t.Errorf("%s page with %s: failed %v, %v", page, payment, got.PaymentFailed, err)
				}
				same(
					t, "asked", s.calls(),
					[]string{
						"GET /v1/checkout/sessions/cs_1 expand[0]=payment_intent&expand[1]=invoice.payment_intent",
					},
				)
			}
		}
	}
	for _, rest := range []string{`"invoice":{"id":"in_1"}`, `"invoice":null`} { // not charged yet
		g, _ := newScript(
			t, map[string]string{"GET /v1/checkout/sessions/cs_1": `{"id":"cs_1","status":"complete",` + rest + `}`},
		)
		if got, err := g.Checkout(t.Context(), "cs_1"); err != nil || got.PaymentFailed {
			t.Errorf("%s: %+v, %v", rest, got, err)
		}
	}
}

// Proves which terms are read of a price: all of them, or none if one of them is not valid. MaxPoints, 2^53 − 1
// divided by a million, is the maximum.
func TestPriceTerms(t *testing.T) {
	t.Parallel()
	most := int64(billing.MaxPoints / 1e6)
	for metadata, want := range map[string]*billing.PriceTerms{
		``:                        nil,
		`"pointsync_points":""`:   nil,
		`"pointsync_points":"0"`:  nil,
		`"pointsync_points":"-1"`: nil,
		`"pointsync_points":"5x"`: nil,
		`"pointsync_points":"1"`:  {Points: 1},
		fmt.Sprintf(
			`"pointsync_points":"%d"`, most,
		): {Points: billing.Points(most)},
		fmt.Sprintf(`"pointsync_points":"%d"`, most+1): nil,
		`"pointsync_trial_points":"50"`:                nil,
		`"pointsync_points":"500","pointsync_trial_points":"50"`: {
			Points: 500, TrialPoints: 50,
		},
		`"pointsync_points":"500","pointsync_trial_points":"-50"`: nil,
		`"pointsync_points":"500","pointsync_grant_interval":"month"`: {
			Points: 500, GrantInterval: "month",
		},
		`"pointsync_points":"500","pointsync_grant_interval":"day"`: nil,
		`"pointsync_points":"500","pointsync_rollover":"all"`: {
			Points: 500, Rollover: billing.RolloverAll,
		},
		`"pointsync_points":"500","pointsync_rollover":"300"`: {
			Points: 500, Rollover: 300,
		},
		`"pointsync_points":"500","pointsync_rollover":"some"`:                             nil,
		`"pointsync_points":"500","pointsync_rollover":"all","pointsync_trial_points":"x"`: nil,
	} {
		g, _ := newScript(
			t,
			map[string]string{
				"GET /v1/prices": list(
					false, `{"id":"price_1","active":true,"lookup_key":"pointsync_basic","metadata":{`+metadata+`}}`,
				),
			},
		)
		got, err := g.Sold(t.Context(), "basic")
		if err != nil || got.ID != "price_1" {
			t.Errorf("%s: %+v, %v", metadata, got, err)
		}
		same(t, metadata, got.Terms, want)
	}
}

// Proves that a preview is read as an invoice that was paid, from the amount due. A preview with more lines than it
// shows is refused.
func TestPreview(t *testing.T) {
	t.Parallel()
	n := stripegw.NewItem{Subscription: "sub_1", Item: "si_1", Price: "price_2", Quantity: 5, ProrationDate: 160}
	lines := `"data":[{"id":"il_1","amount":900,"quantity":5,"period":{"start":1,"end":2}}]`
	g, s := newScript(
		t,
		map[string]string{
			"GET /v1/invoices/upcoming": `{"status":"draft","amount_due":700,"total":900,"created":6,"lines":{` +
				lines + `}}`,
		},
	)
	got, err := g.PreviewCharge(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "preview", got, billing.StripeInvoice{
		ID:             "in_preview",
		Status:         "paid",
		BillingReason:  "subscription_update",
		AmountPaid:     700,
		Total:          900,
		SubscriptionID: "sub_1",
		Created:        sec(6),
		Lines: []billing.StripeInvoiceLine{
			{ID: "il_1", Amount: 900, Quantity: 5, PeriodStart: sec(1), PeriodEnd: sec(2)},
		},
	})
	same(t, "asked", s.calls(), []string{"GET /v1/invoices/upcoming subscription=sub_1&subscription_items[0][id]=si_1&subscription_items[0][price]=price_2" +
		"&subscription_items[0][quantity]=5&subscription_proration_behavior=always_invoice&subscription_proration_date=160"})
	for _, body := range []string{`{"lines":{"has_more":true,` + lines + `}}`, `{"lines":null}`, "403 "} {
		s.answers["GET /v1/invoices/upcoming"] = body
		if _, err := g.PreviewCharge(t.Context(), n); billing.CodeOf(err) != billing.EStripeRefused {
			t.Errorf("%s: %v", body, err)
		}
	}
}
