package sandbox_test

import (
	"net/url"
	"testing"
	"time"
)

// These tests prove the cost of a billing cycle with another anchor, and what ending a subscription gives back.

func (w *world) cardHolder() string {
	w.t.Helper()
	return w.object(
		"POST", "/v1/customers",
		"email=jo@shop.test&payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa",
	)["id"].(string)
}

// The period from April 16 to May 16 has 30 days. On May 1, 15 of them are left.
func TestAnchorAhead(t *testing.T) {
	t.Parallel()
	may := time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC).Unix()
	begin := func(t *testing.T, more string) (*world, map[string]any) {
		w := newWorld(t, inApril)
		w.advance(15 * day)
		return w, w.object(
			"POST", "/v1/subscriptions",
			"expand[]=latest_invoice&billing_cycle_anchor="+itoa(may)+"&customer="+w.cardHolder()+"&items[0][price]="+
				w.price(3000, "month")+more,
		)
	}
	t.Run("Prorated", func(t *testing.T) {
		t.Parallel()
		w, sub := begin(t, "")
		if sub["status"] != "active" || sub["current_period_end"] != float64(may) || !near(
			latest(sub)["amount_paid"], 1500,
		) {
			t.Fatalf("half a month of 30 is 15: %v", latest(sub))
		}
		w.advance(15*day + 2*time.Hour)
		if sub = w.subscription(sub["id"].(string)); latest(sub)["amount_paid"] != float64(3000) ||
			sub["current_period_end"] != float64(time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC).Unix()) {
			t.Fatalf("the first whole period is %v", latest(sub)["amount_paid"])
		}
	})
	t.Run("CanceledBefore", func(t *testing.T) {
		t.Parallel()
		for more, want := range map[string]float64{"": -1000, "&proration_behavior=none": 0} {
			w, sub := begin(t, more)
			w.advance(5 * day)
			w.object("DELETE", "/v1/subscriptions/"+sub["id"].(string), "invoice_now=true&prorate=true")
			if credit := w.object(
				"GET", "/v1/customers/"+sub["customer"].(string), "",
			)["balance"]; !near(credit, want) {
				t.Fatalf("10 of the 15 days%s give back %v", more, credit)
			}
		}
	})
	t.Run("Free", func(t *testing.T) {
		t.Parallel()
		w, sub := begin(t, "&proration_behavior=none")
		if sub["status"] != "active" || sub["latest_invoice"] != nil {
			t.Fatalf("the time until the anchor is not free: %v", sub)
		}
		w.advance(15*day + 2*time.Hour)
		if sub = w.subscription(sub["id"].(string)); latest(sub)["amount_paid"] != float64(3000) {
			t.Fatalf("the first period is %v", latest(sub)["amount_paid"])
		}
	})
	t.Run("Refused", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inApril)
		customer, price := w.cardHolder(), w.price(3000, "month")
		june := time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC).Unix()
		for _, form := range []string{
			"billing_cycle_anchor=5", "billing_cycle_anchor=" + itoa(june),
			"trial_period_days=3&billing_cycle_anchor=" + itoa(may),
		} {
			if status, _, param, _ := w.refusal(
				"POST", "/v1/subscriptions", form+"&customer="+customer+"&items[0][price]="+price,
			); status != 400 || param != "billing_cycle_anchor" {
				t.Errorf("%s answers %d %s", form, status, param)
			}
		}
	})
}

func TestAnchorNow(t *testing.T) {
	t.Parallel()
	for behavior, want := range map[string]float64{"create_prorations": 1500, "none": 3000} {
		t.Run(behavior, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, inApril)
			id, _ := w.subscribed(w.price(3000, "month"), "pm_card_visa")
			w.advance(15 * day)
			w.object("POST", "/v1/subscriptions/"+id, "billing_cycle_anchor=now&proration_behavior="+behavior)
			sub := w.subscription(id)
			if !near(
				latest(sub)["amount_paid"], want,
			) || latest(sub)["billing_reason"] != "subscription_update" ||
				sub["billing_cycle_anchor"] != sub["current_period_start"] {
				t.Fatalf("a new month at 30: %v", latest(sub))
			}
		})
	}
	t.Run("PendingUntilPaid", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inApril)
		id, customer := w.subscribed(w.price(3000, "month"), "pm_card_visa")
		w.switchCard(customer, id, "pm_card_chargeCustomerFail")
		w.advance(15 * day)
		before := w.subscription(id)
		sub := w.change(id, w.price(10000, "year"), "&payment_behavior=pending_if_incomplete")
		if sub["current_period_end"] != before["current_period_end"] ||
			sub["pending_update"].(map[string]any)["billing_cycle_anchor"] == nil {
			t.Fatalf("the change does not wait: %v", sub)
		}
		w.switchCard(customer, id, "pm_card_visa")
		w.object("POST", "/v1/invoices/"+latest(sub)["id"].(string)+"/pay", "")
		if sub = w.subscription(id); sub["pending_update"] != nil || !near(
			latest(sub)["amount_paid"], 8500,
		) || sub["billing_cycle_anchor"] != sub["current_period_start"] {
			t.Fatalf("paid, it is %v", sub)
		}
	})
}

func TestCancelInvoiced(t *testing.T) {
	t.Parallel()
	t.Run("Credit", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inApril)
		id, customer := w.subscribed(w.price(3000, "month"), "pm_card_visa")
		w.advance(15 * day)
		sub := w.object(
			"DELETE", "/v1/subscriptions/"+id,
			"invoice_now=true&prorate=true&cancellation_details[comment]=bye&cancellation_details[feedback]=unused&expand[]=latest_invoice",
		)
		details := sub["cancellation_details"].(map[string]any)
		if sub["status"] != "canceled" || !near(
			latest(sub)["total"], -1500,
		) || latest(sub)["status"] != "paid" || details["comment"] != "bye" ||
			details["reason"] != "cancellation_requested" {
			t.Fatalf("it is %v", sub)
		}
		if balance := w.object("GET", "/v1/customers/"+customer, "")["balance"]; !near(balance, -1500) {
			t.Fatalf("the credit is %v", balance)
		}
	})
	t.Run("WhatWaits", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inApril)
		id, _ := w.subscribed(w.price(3000, "month"), "pm_card_visa")
		w.object(
			"POST", "/v1/subscriptions/"+id,
			url.Values{
				"add_invoice_items[0][price]": {w.price(250, "")}, "add_invoice_items[0][quantity]": {"2"},
				"cancel_at_period_end": {"true"},
			}.Encode(),
		)
		w.advance(30 * day)
		if sub := w.subscription(id); sub["status"] != "canceled" || sub["cancel_at_period_end"] != true ||
			latest(sub)["amount_paid"] != float64(500) {
			t.Fatalf("at its end it is %v", sub)
		}
	})
	t.Run("NothingToInvoice", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inApril)
		id, _ := w.subscribed(w.price(3000, "month"), "pm_card_visa")
		w.object("DELETE", "/v1/subscriptions/"+id, "invoice_now=true")
		if all := w.object("GET", "/v1/invoices", "")["data"].([]any); len(all) != 1 {
			t.Fatalf("there are %d invoices", len(all))
		}
	})
}

// When paid time becomes a trial, it is given back.
func TestTrialGivesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, inApril)
	id, _ := w.subscribed(w.price(3000, "month"), "pm_card_visa")
	w.advance(15 * day)
	w.object("POST", "/v1/subscriptions/"+id, "trial_end="+itoa(time.Date(2024, 4, 26, 0, 0, 0, 0, time.UTC).Unix()))
	w.advance(10*day + 2*time.Hour)
	if sub := w.subscription(id); sub["status"] != "active" || !near(latest(sub)["amount_paid"], 1500) {
		t.Fatalf("30 less the 15 of before: %v", latest(sub))
	}
}
