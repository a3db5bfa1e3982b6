package sandbox_test

import (
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// These tests prove what a change of plan costs, when it is charged, and what a refused card leaves behind.

var inApril = sandbox.Options{Start: time.Date(2024, 4, 1, 0, 0, 0, 0, time.UTC)} // April has 30 days, so 15 are half

func TestPlanChange(t *testing.T) {
	t.Parallel()
	t.Run("UpgradeInvoicedAtOnce", upgradeInvoicedAtOnce)
	t.Run("RefusedCardLeavesTheOldPlan", refusedCardLeavesTheOldPlan)
	t.Run("DefaultWaitsForTheCycle", defaultWaitsForTheCycle)
	t.Run("NoneChargesNothing", noneChargesNothing)
	t.Run("DowngradeLeavesCredit", downgradeLeavesCredit)
	t.Run("OtherIntervalStartsAnew", otherIntervalStartsAnew)
}

func upgradeInvoicedAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, inApril)
	id, _ := w.subscribed(w.price(1000, "month"), "pm_card_visa")
	w.advance(15 * day)
	sub := w.change(
		id, w.price(2000, "month"), "&proration_behavior=always_invoice&payment_behavior=pending_if_incomplete",
	)
	invoice := latest(sub)
	if invoice["billing_reason"] != "subscription_update" || invoice["status"] != "paid" || !near(
		invoice["amount_paid"], 500,
	) || sub["pending_update"] != nil {
		t.Fatalf("half a month from 10 to 20 is 5, paid now: %v", invoice)
	}
	for i, want := range []float64{-500, 1000} {
		line := invoice["lines"].(map[string]any)["data"].([]any)[i].(map[string]any)
		if line["proration"] != true || !near(line["amount"], want) {
			t.Fatalf("line %d is %v, want %v", i, line["amount"], want)
		}
	}
}

func refusedCardLeavesTheOldPlan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, inApril)
	old := w.price(1000, "month")
	id, customer := w.subscribed(old, "pm_card_visa")
	w.switchCard(customer, id, "pm_card_chargeCustomerFail")
	sub := w.change(
		id, w.price(2000, "month"), "&proration_behavior=always_invoice&payment_behavior=pending_if_incomplete",
	)
	if priceOf(sub) != old || sub["pending_update"] == nil || sub["status"] != "active" {
		t.Fatalf("the old plan is not in force with the change pending: %v", sub)
	}
	w.advance(24 * time.Hour)
	if sub = w.subscription(id); sub["pending_update"] != nil || priceOf(sub) != old ||
		latest(sub)["status"] != "void" {
		t.Fatalf("the change is not given up after 23 hours: %v", sub)
	}
}

func defaultWaitsForTheCycle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, inApril)
	id, _ := w.subscribed(w.price(1000, "month"), "pm_card_visa")
	w.advance(15 * day)
	w.change(id, w.price(2000, "month"), "")
	w.advance(15*day + 2*time.Hour)
	if invoice := latest(w.subscription(id)); !near(invoice["amount_paid"], 2500) {
		t.Fatalf("the next cycle bills 20 and the 5 of before: %v", invoice["amount_paid"])
	}
}

func noneChargesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, inApril)
	id, _ := w.subscribed(w.price(1000, "month"), "pm_card_visa")
	w.change(id, w.price(2000, "month"), "&proration_behavior=none")
	w.advance(30*day + 2*time.Hour)
	if invoice := latest(w.subscription(id)); invoice["amount_paid"] != float64(2000) {
		t.Fatalf("the next cycle bills 20: %v", invoice["amount_paid"])
	}
}

func downgradeLeavesCredit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, inApril)
	id, customer := w.subscribed(w.price(2000, "month"), "pm_card_visa")
	w.advance(15 * day)
	if invoice := latest(
		w.change(id, w.price(1000, "month"), "&proration_behavior=always_invoice"),
	); invoice["amount_due"] != float64(0) || invoice["status"] != "paid" {
		t.Fatalf("a negative invoice is not settled at once: %v", invoice)
	}
	if balance := w.object("GET", "/v1/customers/"+customer, "")["balance"]; !near(balance, -500) {
		t.Fatalf("the credit is %v", balance)
	}
	w.advance(15*day + 2*time.Hour)
	if invoice := latest(w.subscription(id)); !near(invoice["amount_paid"], 500) {
		t.Fatalf("the credit is not used: %v", invoice["amount_paid"])
	}
}

func otherIntervalStartsAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t, inApril)
	id, _ := w.subscribed(w.price(1000, "month"), "pm_card_visa")
	w.advance(15 * day)
	sub := w.change(id, w.price(10000, "year"), "")
	if invoice := latest(sub); !near(
		invoice["amount_paid"], 9500,
	) || sub["billing_cycle_anchor"] != sub["current_period_start"] {
		t.Fatalf("a year less half a month: %v", invoice["amount_paid"])
	}
}

func (w *world) change(id, price, more string) map[string]any {
	w.t.Helper()
	item := w.subscription(id)["items"].(map[string]any)["data"].([]any)[0].(map[string]any)["id"].(string)
	w.object("POST", "/v1/subscriptions/"+id, "items[0][id]="+item+"&items[0][price]="+price+more)
	return w.subscription(id)
}

func priceOf(sub map[string]any) string {
	item := sub["items"].(map[string]any)["data"].([]any)[0].(map[string]any)
	return item["price"].(map[string]any)["id"].(string)
}

// near allows for the seconds that pass while a test runs.
func near(got any, want float64) bool {
	n, ok := got.(float64)
	return ok && n > want-2 && n < want+2
}

// Items can be added, changed and removed one by one. Each is prorated like a change of the subscription.
func TestSubscriptionItems(t *testing.T) {
	t.Parallel()
	w := newWorld(t, inApril)
	id, _ := w.subscribed(w.price(1000, "month"), "pm_card_visa")
	w.advance(15 * day)
	extra := w.object(
		"POST", "/v1/subscription_items",
		"proration_behavior=always_invoice&quantity=2&subscription="+id+"&price="+w.price(300, "month"),
	)
	if invoice := latest(w.subscription(id)); !near(invoice["amount_paid"], 300) || extra["subscription"] != id {
		t.Fatalf("half a month of two at 3 is 3: %v", invoice["amount_paid"])
	}
	if status, _, param, _ := w.refusal(
		"POST", "/v1/subscriptions/"+id, "items[0][clear_usage]=true&items[0][id]="+extra["id"].(string),
	); status != 400 || param != "items[0][clear_usage]" {
		t.Fatalf("what the sandbox does not meter is cleared: %d %s", status, param)
	}
	item := "/v1/subscription_items/" + extra["id"].(string)
	if changed := w.object("POST", item, "quantity=1&proration_behavior=none"); changed["quantity"] != float64(1) {
		t.Fatalf("it is %v", changed)
	}
	if gone := w.object("DELETE", item, "proration_behavior=none"); gone["deleted"] != true {
		t.Fatalf("it is %v", gone)
	}
	first := w.object("GET", "/v1/subscription_items", "subscription="+id)["data"].([]any)
	if len(first) != 1 {
		t.Fatalf("%d items are left", len(first))
	}
	if status, _, _, message := w.refusal(
		"DELETE", "/v1/subscription_items/"+first[0].(map[string]any)["id"].(string), "",
	); status != 400 {
		t.Fatalf("the last item goes: %d %s", status, message)
	}
}
