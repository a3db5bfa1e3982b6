package sandbox_test

import (
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// These tests prove that a subscription lives through time as at Stripe. They cover renewals with their draft hour,
// dunning, ends, trials, changes of plan, and month ends. Time is the sandbox's clock, moved over HTTP.

const day = 24 * time.Hour

func (w *world) subscription(id string) map[string]any {
	w.t.Helper()
	return w.object("GET", "/v1/subscriptions/"+id, "expand[]=latest_invoice&expand[]=schedule")
}

func latest(sub map[string]any) map[string]any { return sub["latest_invoice"].(map[string]any) }

func TestRenewal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	id, _ := w.subscribed(w.price(1900, "month"), "pm_card_visa")
	first := w.subscription(id)
	preview := w.object("GET", "/v1/invoices/upcoming", "subscription="+id)
	if preview["amount_due"] != float64(1900) || preview["id"] != nil || len(
		w.object("GET", "/v1/invoices", "")["data"].([]any),
	) != 1 {
		t.Fatalf("the preview is wrong or left something behind: %v", preview)
	}
	before := len(w.events())
	w.advance(31 * day)
	sub := w.subscription(id)
	if sub["current_period_start"] != first["current_period_end"] || sub["status"] != "active" {
		t.Fatalf("the period did not move: %v", sub)
	}
	if draft := latest(sub); draft["status"] != "draft" || draft["billing_reason"] != "subscription_cycle" ||
		draft["period_end"] != first["current_period_end"] {
		t.Fatalf("the renewal is not a draft: %v", draft)
	}
	w.advance(time.Hour)
	if paid := latest(w.subscription(id)); paid["status"] != "paid" || paid["amount_paid"] != float64(1900) {
		t.Fatalf("the renewal is not paid after its draft hour: %v", paid)
	}
	events := w.events()[before:]
	requireOrder(t, types(events), "invoice.upcoming", "customer.subscription.updated", "invoice.created", "invoice.finalized", "payment_intent.created",
		"charge.succeeded", "payment_intent.succeeded", "invoice.updated", "invoice.paid", "invoice.payment_succeeded")
	events = lessBalance(events)
	if events[0]["type"] != "invoice.upcoming" {
		t.Fatalf("the renewal is not announced before: %v", events[0]["type"])
	}
	events = events[1:]
	moved := events[0]["data"].(map[string]any)["previous_attributes"].(map[string]any)
	if moved["current_period_end"] != first["current_period_end"] || moved["latest_invoice"] != latest(first)["id"] {
		t.Fatalf("previous_attributes do not tell the old period: %v", moved)
	}
	if request := events[0]["request"].(map[string]any); request["id"] != nil {
		t.Fatalf("nobody asked for a renewal, yet its request is %v", request)
	}
}

func TestYearOfRenewals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	id, _ := w.subscribed(w.price(1900, "month"), "pm_card_visa")
	w.advance(366*day + 2*time.Hour)
	invoices := w.object("GET", "/v1/invoices", "limit=100&status=paid&subscription="+id)["data"].([]any)
	if len(invoices) != 13 {
		t.Fatalf("a year and a day has 13 invoices, got %d", len(invoices))
	}
	at := int64(0)
	for _, each := range w.events() {
		created := int64(each["created"].(float64))
		if created < at {
			t.Fatalf("the events are not in order of time: %v", each["type"])
		}
		at = created
	}
}

func TestMonthEndClamps(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{Start: time.Date(2024, 1, 31, 10, 0, 0, 0, time.UTC)})
	id, _ := w.subscribed(w.price(100, "month"), "pm_card_visa")
	for _, want := range []string{"2024-02-29", "2024-03-31", "2024-04-30", "2024-05-31"} {
		end := time.Unix(int64(w.subscription(id)["current_period_end"].(float64)), 0).UTC()
		if end.Format(time.DateOnly) != want {
			t.Fatalf("want a period's end of %s, got %s", want, end)
		}
		now := must[time.Time](t)(time.Parse(time.RFC3339, w.object("GET", "/_sandbox/clock", "")["now"].(string)))
		w.advance(end.Sub(now) + 2*time.Hour)
	}
}

func TestFailedRenewalEndsCanceled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	id, customer := w.subscribed(w.price(1900, "month"), "pm_card_visa")
	w.switchCard(customer, id, "pm_card_chargeCustomerFail")
	before := len(w.events())
	w.advance(31*day + time.Hour)
	sub := w.subscription(id)
	if sub["status"] != "past_due" || latest(sub)["attempt_count"] != float64(1) ||
		latest(sub)["next_payment_attempt"] == nil {
		t.Fatalf("a failed renewal is not past_due with a retry ahead: %v", sub)
	}
	requireOrder(t, types(w.events()[before:]), "invoice.created", "invoice.finalized", "charge.failed", "payment_intent.payment_failed", "invoice.payment_failed",
		"invoice.updated", "customer.subscription.updated")
	w.advance(3*day + 5*day)
	if sub = w.subscription(id); sub["status"] != "past_due" || latest(sub)["attempt_count"] != float64(3) {
		t.Fatalf("after two retries: %v, %v attempts", sub["status"], latest(sub)["attempt_count"])
	}
	w.advance(7 * day)
	sub = w.subscription(id)
	if sub["status"] != "canceled" || sub["cancellation_details"].(map[string]any)["reason"] != "payment_failed" ||
		latest(sub)["next_payment_attempt"] != nil {
		t.Fatalf("the last retry does not cancel: %v", sub)
	}
	if last := types(w.events()); last[len(last)-1] != "customer.subscription.deleted" {
		t.Fatalf("the last event is %s", last[len(last)-1])
	}
}

func TestRetryRecovers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	id, customer := w.subscribed(w.price(1900, "month"), "pm_card_visa")
	w.switchCard(customer, id, "pm_card_chargeCustomerFail")
	w.advance(31*day + time.Hour)
	w.switchCard(customer, id, "pm_card_visa")
	w.advance(3 * day)
	if sub := w.subscription(id); sub["status"] != "active" || latest(sub)["status"] != "paid" {
		t.Fatalf("a good card does not heal past_due: %v", sub)
	}
}

func (w *world) switchCard(customer, subscription, card string) {
	w.t.Helper()
	method := w.object("POST", "/v1/payment_methods/"+card+"/attach", "customer="+customer)["id"].(string)
	w.object("POST", "/v1/subscriptions/"+subscription, "default_payment_method="+method)
}

func TestCancel(t *testing.T) {
	t.Parallel()
	t.Run("AtPeriodEnd", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		id, _ := w.subscribed(w.price(1900, "month"), "pm_card_visa")
		sub := w.object("POST", "/v1/subscriptions/"+id, "cancel_at_period_end=true")
		if sub["status"] != "active" || sub["cancel_at"] != sub["current_period_end"] || sub["canceled_at"] == nil {
			t.Fatalf("the end is not planned: %v", sub)
		}
		if sub = w.object(
			"POST", "/v1/subscriptions/"+id, "cancel_at_period_end=false",
		); sub["cancel_at"] != nil || sub["canceled_at"] != nil {
			t.Fatalf("the end is not taken back: %v", sub)
		}
		w.object("POST", "/v1/subscriptions/"+id, "cancel_at_period_end=true")
		w.advance(31 * day)
		sub = w.subscription(id)
		if sub["status"] != "canceled" || sub["ended_at"] != sub["current_period_end"] || len(
			w.object("GET", "/v1/invoices", "")["data"].([]any),
		) != 1 {
			t.Fatalf("it did not end at its period's end without another invoice: %v", sub)
		}
	})
	t.Run("Now", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		id, _ := w.subscribed(w.price(1900, "month"), "pm_card_visa")
		if sub := w.object(
			"DELETE", "/v1/subscriptions/"+id, "",
		); sub["status"] != "canceled" || sub["cancel_at_period_end"] != false {
			t.Fatalf("it is not canceled: %v", sub)
		}
		if status, code, _, _ := w.refusal(
			"DELETE", "/v1/subscriptions/"+id, "",
		); status != 404 || code != "resource_missing" {
			t.Fatalf("a second DELETE answers %d %s", status, code)
		}
	})
}

func TestTrial(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	session := w.checkout(
		"subscription", w.price(1900, "month"), "&customer_email=a@b.test&subscription_data[trial_period_days]=14",
	)["id"].(string)
	paid := w.object("POST", "/v1/payment_pages/"+session+"/confirm", "payment_method=pm_card_visa&expected_amount=0")
	if paid["payment_status"] != "no_payment_required" {
		t.Fatalf("a trial is no payment: %v", paid["payment_status"])
	}
	id := paid["subscription"].(string)
	sub := w.subscription(id)
	if sub["status"] != "trialing" || latest(sub)["status"] != "paid" || latest(sub)["amount_paid"] != float64(0) ||
		sub["trial_end"] != sub["current_period_end"] {
		t.Fatalf("the trial is not as Stripe begins it: %v", sub)
	}
	before := len(w.events())
	w.advance(11 * day)
	requireOrder(t, types(w.events()[before:]), "customer.subscription.trial_will_end")
	w.advance(3 * day)
	if sub = w.subscription(id); sub["status"] != "active" || latest(sub)["status"] != "draft" {
		t.Fatalf("the trial's end is not active with a draft: %v", sub)
	}
	w.advance(time.Hour)
	if invoice := latest(w.subscription(id)); invoice["amount_paid"] != float64(1900) {
		t.Fatalf("the first period is not charged an hour later: %v", invoice)
	}
}

func TestIncompleteExpires(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	customer := w.object("POST", "/v1/customers", "")["id"].(string)
	sub := w.object(
		"POST", "/v1/subscriptions",
		"payment_behavior=default_incomplete&customer="+customer+"&items[0][price]="+w.price(500, "month"),
	)
	if sub["status"] != "incomplete" {
		t.Fatalf("it is %v", sub["status"])
	}
	w.advance(23 * time.Hour)
	if sub = w.subscription(sub["id"].(string)); sub["status"] != "incomplete_expired" ||
		latest(sub)["status"] != "void" {
		t.Fatalf("23 hours later: %v", sub)
	}
}

func TestSessionExpires(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	price := w.price(500, "")
	late, byHand := w.checkout("payment", price, "")["id"].(string), w.checkout("payment", price, "")["id"].(string)
	if session := w.object(
		"POST", "/v1/checkout/sessions/"+byHand+"/expire", "",
	); session["status"] != "expired" || session["url"] != nil {
		t.Fatalf("it is %v", session)
	}
	if status, _, _, _ := w.refusal("POST", "/v1/checkout/sessions/"+byHand+"/expire", ""); status != 400 {
		t.Fatalf("expiring twice answers %d", status)
	}
	w.advance(24 * time.Hour)
	if session := w.object("GET", "/v1/checkout/sessions/"+late, ""); session["status"] != "expired" {
		t.Fatalf("a day later it is %v", session["status"])
	}
	requireOrder(t, types(w.events()), "checkout.session.expired", "checkout.session.expired")
}

func TestRefund(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	session := w.checkout("payment", w.price(900, ""), "")["id"].(string)
	intent := w.object(
		"POST", "/v1/payment_pages/"+session+"/confirm", "payment_method=pm_card_visa",
	)["payment_intent"].(string)
	w.object("POST", "/v1/refunds", "amount=400&payment_intent="+intent)
	charge := w.object(
		"GET", "/v1/payment_intents/"+intent, "expand[]=latest_charge.refunds",
	)["latest_charge"].(map[string]any)
	if charge["amount_refunded"] != float64(400) || charge["refunded"] != false || len(
		charge["refunds"].(map[string]any)["data"].([]any),
	) != 1 {
		t.Fatalf("a partial refund: %v", charge)
	}
	if status, _, param, _ := w.refusal(
		"POST", "/v1/refunds", "amount=501&payment_intent="+intent,
	); status != 400 || param != "amount" {
		t.Fatalf("too much: %d %s", status, param)
	}
	w.object("POST", "/v1/refunds", "payment_intent="+intent)
	if charge = w.object("GET", "/v1/charges/"+charge["id"].(string), ""); charge["refunded"] != true {
		t.Fatalf("all of it: %v", charge)
	}
	if _, present := charge["refunds"]; present {
		t.Fatal("refunds are there without being expanded")
	}
	if w.object("GET", "/v1/checkout/sessions/"+session, "")["payment_status"] != "paid" {
		t.Fatal("a refund changes the session")
	}
	requireOrder(t, types(w.events()), "refund.created", "charge.refunded", "refund.created", "charge.refunded")
}

func TestTestClock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	frozen := time.Date(2030, 6, 1, 0, 0, 0, 0, time.UTC)
	clock := w.object("POST", "/v1/test_helpers/test_clocks", "frozen_time="+itoa(frozen.Unix()))["id"].(string)
	customer := w.object("POST", "/v1/customers", "test_clock="+clock+"&payment_method=pm_card_visa&email=a@b.test")
	if customer["created"] != float64(frozen.Unix()) {
		t.Fatalf("created does not follow the clock: %v", customer["created"])
	}
	methods := w.object("GET", "/v1/customers/"+customer["id"].(string)+"/payment_methods", "")["data"].([]any)
	method := methods[0].(map[string]any)["id"].(string)
	sub := w.object(
		"POST", "/v1/subscriptions",
		"customer="+customer["id"].(string)+"&default_payment_method="+method+"&items[0][price]="+w.price(700, "month"),
	)
	w.advance(100 * day) // the main clock does not move the test clock's subscription
	if again := w.subscription(sub["id"].(string)); again["current_period_end"] != sub["current_period_end"] ||
		again["status"] != "active" {
		t.Fatalf("the main clock moved it: %v", again)
	}
	if status, _, _, _ := w.refusal(
		"POST", "/v1/test_helpers/test_clocks/"+clock+"/advance", "frozen_time="+itoa(frozen.Unix()-1),
	); status != 400 {
		t.Fatalf("backwards answers %d", status)
	}
	if status, _, _, _ := w.refusal(
		"POST", "/v1/test_helpers/test_clocks/"+clock+"/advance", "frozen_time="+itoa(frozen.AddDate(0, 3, 0).Unix()),
	); status != 400 {
		t.Fatalf("three intervals answer %d", status)
	}
	if moving := w.object(
		"POST", "/v1/test_helpers/test_clocks/"+clock+"/advance", "frozen_time="+itoa(frozen.AddDate(0, 1, 1).Unix()),
	); moving["status"] != "advancing" {
		t.Fatalf("it is %v", moving["status"])
	}
	if w.object("GET", "/v1/test_helpers/test_clocks/"+clock, "")["status"] != "ready" {
		t.Fatal("the clock is not ready")
	}
	if invoice := latest(
		w.subscription(sub["id"].(string)),
	); invoice["status"] != "paid" || invoice["billing_reason"] != "subscription_cycle" {
		t.Fatalf("it did not renew on its clock: %v", invoice)
	}
	w.object("DELETE", "/v1/test_helpers/test_clocks/"+clock, "")
	if gone := w.object("GET", "/v1/customers/"+customer["id"].(string), ""); gone["deleted"] != true {
		t.Fatalf("the customer survives its clock: %v", gone)
	}
}
