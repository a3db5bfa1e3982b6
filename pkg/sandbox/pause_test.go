package sandbox_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// These tests prove how a subscription pauses and how it continues. It pauses when its trial ends without a way to pay,
// or when its collection is paused.

// pausedTrial makes a subscription whose trial ended without a card.
func (w *world) pausedTrial() (id, customer string) {
	w.t.Helper()
	customer = w.object("POST", "/v1/customers", "email=jo@shop.test")["id"].(string)
	id = w.object("POST", "/v1/subscriptions", "trial_period_days=10&trial_settings[end_behavior][missing_payment_method]=pause&customer="+customer+
		"&items[0][price]="+w.price(3000, "month"))["id"].(string)
	w.advance(10 * day)
	return id, customer
}

func TestPausedTrial(t *testing.T) {
	t.Parallel()
	t.Run("NoInvoices", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inApril)
		id, _ := w.pausedTrial()
		w.advance(90 * day)
		if sub := w.subscription(id); sub["status"] != "paused" || len(
			w.object("GET", "/v1/invoices", "")["data"].([]any),
		) != 1 {
			t.Fatalf("it is %v and was invoiced", sub["status"])
		}
		requireOrder(
			t, types(w.events()), "customer.subscription.trial_will_end", "customer.subscription.updated",
			"customer.subscription.paused",
		)
	})
	t.Run("EndedEarly", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inApril)
		customer := w.object("POST", "/v1/customers", "")["id"].(string)
		id := w.object("POST", "/v1/subscriptions", "trial_period_days=10&trial_settings[end_behavior][missing_payment_method]=pause&customer="+customer+
			"&items[0][price]="+w.price(3000, "month"))["id"].(string)
		if sub := w.object(
			"POST", "/v1/subscriptions/"+id, "trial_end=now",
		); sub["status"] != "paused" || sub["trial_end"] != sub["current_period_end"] {
			t.Fatalf("it is %v", sub)
		}
	})
}

func TestResume(t *testing.T) {
	t.Parallel()
	t.Run("Now", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inApril)
		id, customer := w.pausedTrial()
		w.advance(5 * day)
		w.switchCard(customer, id, "pm_card_visa")
		sub := w.object("POST", "/v1/subscriptions/"+id+"/resume", "expand[]=latest_invoice")
		if sub["status"] != "active" || latest(sub)["amount_paid"] != float64(3000) ||
			sub["billing_cycle_anchor"] != sub["current_period_start"] {
			t.Fatalf("it is %v, its invoice %v", sub["status"], latest(sub))
		}
		requireOrder(
			t, types(w.events()), "customer.subscription.paused", "invoice.paid", "customer.subscription.updated",
			"customer.subscription.resumed",
		)
		if status, _, _, _ := w.refusal("POST", "/v1/subscriptions/"+id+"/resume", ""); status != 400 {
			t.Fatalf("resuming an active one answers %d", status)
		}
	})
	t.Run("WithABadCard", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inApril)
		id, customer := w.pausedTrial()
		w.switchCard(customer, id, "pm_card_chargeCustomerFail")
		if sub := w.object("POST", "/v1/subscriptions/"+id+"/resume", ""); sub["status"] != "past_due" {
			t.Fatalf("it is %v", sub["status"])
		}
	})
	t.Run("InItsOldCycle", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inApril)
		// the anchor is 11 April; the period ends on 11 May, 30 days later
		id, customer := w.pausedTrial()
		w.advance(15 * day)
		w.switchCard(customer, id, "pm_card_visa")
		sub := w.object(
			"POST", "/v1/subscriptions/"+id+"/resume",
			"billing_cycle_anchor=unchanged&proration_behavior=always_invoice&expand[]=latest_invoice",
		)
		if !near(
			latest(sub)["amount_paid"], 1500,
		) || sub["status"] != "active" || sub["billing_cycle_anchor"] == sub["current_period_end"] {
			t.Fatalf("half a month of 30 is 15: %v", latest(sub))
		}
		if end := time.Unix(
			int64(sub["current_period_end"].(float64)), 0,
		).UTC(); end.Format(time.DateOnly) != "2024-05-11" {
			t.Fatalf("the period ends on %s", end)
		}
	})
	t.Run("ForNothingNow", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inApril)
		id, customer := w.pausedTrial()
		w.advance(15 * day)
		w.switchCard(customer, id, "pm_card_visa")
		if sub := w.object(
			"POST", "/v1/subscriptions/"+id+"/resume", "billing_cycle_anchor=unchanged",
		); sub["status"] != "active" {
			t.Fatalf("it is %v", sub["status"])
		}
		w.advance(15*day + 2*time.Hour)
		if invoice := latest(w.subscription(id)); !near(invoice["amount_paid"], 4500) {
			t.Fatalf("the next cycle bills 30 and the 15 of before: %v", invoice["amount_paid"])
		}
	})
}

func TestPauseCollection(t *testing.T) {
	t.Parallel()
	for behavior, want := range map[string]string{
		"keep_as_draft": "draft", "mark_uncollectible": "uncollectible", "void": "void",
	} {
		t.Run(behavior, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sandbox.Options{})
			id, _ := w.subscribed(w.price(1900, "month"), "pm_card_visa")
			sub := w.object("POST", "/v1/subscriptions/"+id, "pause_collection[behavior]="+behavior)
			if paused := sub["pause_collection"].(map[string]any); paused["behavior"] != behavior ||
				paused["resumes_at"] != nil || sub["status"] != "active" {
				t.Fatalf("it is %v", sub)
			}
			w.control(400, "POST", "subscriptions/"+id+"/next_invoice", `{"outcome":"paid"}`)
			w.advance(31*day + 2*time.Hour)
			if sub = w.subscription(id); sub["status"] != "active" || latest(sub)["status"] != want {
				t.Fatalf("it is %v, its invoice %v", sub["status"], latest(sub)["status"])
			}
			if sub = w.object("POST", "/v1/subscriptions/"+id, "pause_collection="); sub["pause_collection"] != nil {
				t.Fatalf("the pause stays: %v", sub["pause_collection"])
			}
			w.advance(31 * day)
			if sub = w.subscription(id); latest(sub)["status"] != "paid" {
				t.Fatalf("after the pause the invoice is %v", latest(sub)["status"])
			}
		})
	}
	t.Run("ResumesByItself", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		id, _ := w.subscribed(w.price(1900, "month"), "pm_card_visa")
		until := time.Date(2024, 1, 25, 0, 0, 0, 0, time.UTC)
		w.object(
			"POST", "/v1/subscriptions/"+id,
			url.Values{
				"pause_collection[behavior]": {"void"}, "pause_collection[resumes_at]": {itoa(until.Unix())},
			}.Encode(),
		)
		before := len(w.events())
		w.advance(12 * day)
		last := lessBalance(w.events()[before:])
		if w.subscription(id)["pause_collection"] != nil || len(last) != 1 ||
			last[0]["created"] != float64(until.Unix()) || previous(last[0])["pause_collection"] == nil {
			t.Fatalf("it does not resume on the day: %v", last)
		}
	})
	t.Run("Refused", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		id, _ := w.subscribed(w.price(1900, "month"), "pm_card_visa")
		for form, want := range map[string]string{
			"pause_collection[resumes_at]=9999999999":                        "pause_collection[behavior]",
			"pause_collection[behavior]=void&pause_collection[resumes_at]=5": "pause_collection[resumes_at]",
		} {
			if status, _, param, _ := w.refusal("POST", "/v1/subscriptions/"+id, form); status != 400 || param != want {
				t.Fatalf("%s answers %d %s", form, status, param)
			}
		}
	})
}
