package stripegw_test

import (
	"context"
	"maps"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// Proves what is read of a subscription that is to be changed: its price with its interval, what controls it and how
// it was cancelled.
func TestTerms(t *testing.T) {
	t.Parallel()
	g, s := newScript(t, map[string]string{"GET /v1/subscriptions/sub_1": `{
		"id":"sub_1","status":"active","currency":"eur","created":5,"canceled_at":110,
		"current_period_start":100,"current_period_end":200,"cancel_at":150,
		"schedule":{"id":"sub_sched_1","status":"not_started"},
		"pause_collection":{"behavior":"void","resumes_at":170},
		"items":{"data":[{"id":"si_0","quantity":7,"price":{"id":"price_9"}},
			{"id":"si_1","quantity":2,"price":{"id":"price_1","unit_amount":900,"lookup_key":"pointsync_basic",
				"recurring":{"interval":"month","interval_count":3}}}]}}`})
	got, err := g.Subscription(t.Context(), "sub_1")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "terms", got, stripegw.Terms{
		StripeSubscription: billing.StripeSubscription{
			ID:                 "sub_1",
			Status:             billing.SubActive,
			Item:               "basic",
			Price:              "price_1",
			Quantity:           2,
			CurrentPeriodStart: sec(100),
			CurrentPeriodEnd:   sec(200),
			Created:            sec(5),
			EndsAt:             ptr(sec(150)), CollectionPaused: &billing.CollectionPause{Until: ptr(sec(170))},
		},
		ItemID:        "si_1",
		UnitAmount:    900,
		Currency:      "eur",
		Interval:      "month",
		IntervalCount: 3,
		Schedule:      "sub_sched_1",
		HasEndDate:    true, CanceledAt: ptr(sec(110)),
	})
	same(t, "asked", s.calls(), []string{"GET /v1/subscriptions/sub_1 expand[0]=schedule&expand[1]=latest_invoice.payment_intent" +
		"&expand[2]=default_payment_method&expand[3]=customer.invoice_settings.default_payment_method"})
}

// Proves, for one member after the other, what a subscription must have for the member to be set.
func TestTermsOf(t *testing.T) {
	t.Parallel()
	open := func(reason, intent string) string {
		return `,"latest_invoice":{"id":"in_1","status":"open","billing_reason":"` + reason +
			`","hosted_invoice_url":"https://pay","payment_intent":{"id":"pi_1","status":"` + intent + `"}}`
	}
	const card, sepa = `{"id":"pm_1","type":"card"}`, `{"id":"pm_2","type":"sepa_debit"}`
	for name, c := range map[string]struct {
		subscription string
		// of it Owes, Pending, UnderWay, PaysLater, Schedule, Cancels, HasEndDate and IntervalCount
		want stripegw.Terms
	}{
		"Plain":   {ofNow, stripegw.Terms{}},
		"Cancels": {ofNow + `,"cancel_at_period_end":true`, stripegw.Terms{Cancels: true}},
		"CancelsAndDate": {
			ofNow + `,"cancel_at_period_end":true,"cancel_at":200`, stripegw.Terms{Cancels: true},
		},
		"Date": {ofNow + `,"cancel_at":150`, stripegw.Terms{HasEndDate: true}},
		"ScheduleActive": {
			ofNow + `,"schedule":{"id":"sub_sched_1","status":"active"}`, stripegw.Terms{Schedule: "sub_sched_1"},
		},
		"ScheduleReleased": {ofNow + `,"schedule":{"id":"sub_sched_1","status":"released"}`, stripegw.Terms{}},
		"RenewalOpen":      {ofNow + open("subscription_cycle", "requires_payment_method"), stripegw.Terms{}},
		"RenewalUnderWay":  {ofNow + open("subscription_cycle", "processing"), stripegw.Terms{UnderWay: true}},
		"ChangeOpen": {
			ofNow + open("subscription_update", "requires_payment_method"), stripegw.Terms{Owes: unpaid},
		},
		"ChangeUnderWay": {
			ofNow + open("subscription_update", "processing"), stripegw.Terms{Owes: underWay, UnderWay: true},
		},
		"ChangePaid": {
			ofNow + `,"latest_invoice":{"id":"in_1","status":"paid","billing_reason":"subscription_update"}`,
			stripegw.Terms{},
		},
		"ChangeWaits": {
			ofNow + `,"pending_update":{"expires_at":9}` + open("subscription_update", "requires_action"),
			stripegw.Terms{Owes: unpaid, Pending: true},
		},
		"WaitsForAManualInvoice": {
			ofNow + `,"pending_update":{"expires_at":9}` + open("manual", "requires_action"),
			stripegw.Terms{Owes: unpaid, Pending: true},
		},
		"Paused": {
			`"id":"sub_1","status":"paused"` + open("subscription_cycle", "requires_payment_method"),
			stripegw.Terms{Owes: unpaid},
		},
		"SendsInvoices": {ofNow + `,"collection_method":"send_invoice"`, stripegw.Terms{PaysLater: true}},
		"ChargesCard": {
			ofNow + `,"collection_method":"charge_automatically","default_payment_method":` + card, stripegw.Terms{},
		},
		"Debits": {ofNow + `,"default_payment_method":` + sepa, stripegw.Terms{PaysLater: true}},
		"OwnCardBeforeCustomers": {
			ofNow + `,"default_payment_method":` + card +
				`,"customer":{"id":"cus_1","invoice_settings":{"default_payment_method":` + sepa + `}}`,
			stripegw.Terms{},
		},
		"CustomersDebit": {
			ofNow + `,"customer":{"id":"cus_1","invoice_settings":{"default_payment_method":` + sepa + `}}`,
			stripegw.Terms{PaysLater: true},
		},
		"OlderSource": {
			ofNow + `,"default_source":{"id":"card_1","object":"card"},"customer":{"id":"cus_1","invoice_settings":{"default_payment_method":` + sepa + `}}`,
			stripegw.Terms{},
		},
		"CustomerWithout": {ofNow + `,"customer":{"id":"cus_1","invoice_settings":{}}`, stripegw.Terms{}},
		"ACH": {
			ofNow + `,"default_payment_method":{"id":"pm_3","type":"us_bank_account"}`, stripegw.Terms{PaysLater: true},
		},
		"BACS": {
			ofNow + `,"default_payment_method":{"id":"pm_3","type":"bacs_debit"}`, stripegw.Terms{PaysLater: true},
		},
		"BECS": {
			ofNow + `,"default_payment_method":{"id":"pm_3","type":"au_becs_debit"}`, stripegw.Terms{PaysLater: true},
		},
		"ACSS": {
			ofNow + `,"default_payment_method":{"id":"pm_3","type":"acss_debit"}`, stripegw.Terms{PaysLater: true},
		},
		"Link": {ofNow + `,"default_payment_method":{"id":"pm_3","type":"link"}`, stripegw.Terms{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, _ := newScript(
				t, map[string]string{"GET /v1/subscriptions/sub_1": "{" + c.subscription + "," + ourItem + "}"},
			)
			got, err := g.Subscription(t.Context(), "sub_1")
			if err != nil {
				t.Fatal(err)
			}
			same(t, "terms", stripegw.Terms{
				Owes:       got.Owes,
				Pending:    got.Pending,
				UnderWay:   got.UnderWay,
				PaysLater:  got.PaysLater,
				Schedule:   got.Schedule,
				Cancels:    got.Cancels,
				HasEndDate: got.HasEndDate,
			}, c.want)
		})
	}
	for recurring, count := range map[string]int64{
		`{"interval":"month"}`: 1, `{"interval":"month","interval_count":2}`: 2,
	} {
		g, _ := newScript(
			t,
			map[string]string{
				"GET /v1/subscriptions/sub_1": "{" + ofNow +
					`,"items":{"data":[{"price":{"id":"price_1","lookup_key":"pointsync_basic","recurring":` +
					recurring + `}}]}}`,
			},
		)
		if got, err := g.Subscription(t.Context(), "sub_1"); err != nil || got.IntervalCount != count {
			t.Errorf("%s: %d, %v", recurring, got.IntervalCount, err)
		}
	}
}

// Proves that a price carries the terms that it was created with: what setup writes is what is read.
func TestTermsAreWritten(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		plan billing.Plan
		want map[string]string
	}{
		"Plain": {billing.Plan{Points: 500}, map[string]string{"points": "500"}},
		"Trial": {
			billing.Plan{Points: 500, TrialDays: 7, TrialPoints: 1},
			map[string]string{"points": "500", "trial_points": "1"},
		},
		"Monthly": {
			billing.Plan{Points: 500, GrantInterval: "month", Interval: "year"},
			map[string]string{"points": "500", "grant_interval": "month"},
		},
		"Cap": {billing.Plan{Points: 500, Rollover: 1}, map[string]string{"points": "500", "rollover": "1"}},
		"All": {
			billing.Plan{Points: 500, Rollover: billing.RolloverAll},
			map[string]string{"points": "500", "rollover": "all"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.plan.ID, c.plan.Name, c.plan.Amount, c.plan.Currency, c.plan.MaxQuantity = "basic", "Basic", 900, "usd", 1
			if c.plan.Interval == "" {
				c.plan.Interval = "month"
			}
			got := writtenTerms(t, t.Context(), c.plan)
			if !maps.Equal(got, c.want) {
				t.Errorf("written %v, want %v", got, c.want)
			}
		})
	}
}

func writtenTerms(t *testing.T, ctx context.Context, plan billing.Plan) map[string]string {
	t.Helper()
	g, s := newScript(t, map[string]string{
		"GET /v1/products/pointsync_basic": `{"id":"pointsync_basic","active":true,"name":"Basic","metadata":{"pointsync_item":"basic"}}`,
		"GET /v1/prices":                   list(false), "POST /v1/prices": `{"id":"price_1"}`,
		"POST /v1/products/pointsync_basic": `{"id":"pointsync_basic"}`,
	})
	if _, err := g.EnsureCatalog(ctx, &catalog.Catalog{Plans: []billing.Plan{plan}}); err != nil {
		t.Fatal(err)
	}
	terms := map[string]string{}
	for _, call := range s.calls() {
		form, made := strings.CutPrefix(call, "POST /v1/prices ")
		if !made {
			continue
		}
		for _, field := range strings.Split(strings.Fields(form)[0], "&") {
			name, value, _ := strings.Cut(field, "=")
			if key, ok := strings.CutPrefix(name, "metadata[pointsync_"); ok && key != "item]" {
				terms[strings.TrimSuffix(key, "]")] = value
			}
		}
	}
	return terms
}
