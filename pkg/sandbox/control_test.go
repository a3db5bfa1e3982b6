package sandbox_test

import (
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// These tests prove that with the sandbox's own controls a tester can cause an event now. The same chain of events
// follows as when it happens by itself.

func TestNextInvoice(t *testing.T) {
	t.Parallel()
	t.Run("FailedThenPaid", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		id, _ := w.subscribed(w.price(1900, "month"), "pm_card_visa")
		before := len(w.events())
		failed := w.control(200, "POST", "subscriptions/"+id+"/next_invoice", `{"outcome":"failed"}`)
		if failed["status"] != "open" || failed["billing_reason"] != "subscription_cycle" ||
			w.subscription(id)["status"] != "past_due" {
			t.Fatalf("it is %v, the subscription %v", failed["status"], w.subscription(id)["status"])
		}
		requireOrder(
			t, types(w.events()[before:]), "invoice.created", "invoice.finalized", "charge.failed",
			"payment_intent.payment_failed", "invoice.payment_failed", "customer.subscription.updated",
		)
		paid := w.control(200, "POST", "subscriptions/"+id+"/next_invoice", `{"outcome":"paid"}`)
		if paid["id"] != failed["id"] || paid["status"] != "paid" || w.subscription(id)["status"] != "active" {
			t.Fatalf("it is %v", paid)
		}
	})
	t.Run("PaidWithABadCard", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		id, customer := w.subscribed(w.price(1900, "month"), "pm_card_visa")
		w.switchCard(customer, id, "pm_card_chargeCustomerFail")
		if paid := w.control(
			200, "POST", "subscriptions/"+id+"/next_invoice", `{"outcome":"paid"}`,
		); paid["status"] != "paid" {
			t.Fatalf("it is %v", paid["status"])
		}
		w.advance(31 * day)
		if w.advance(time.Hour); w.subscription(id)["status"] != "past_due" {
			t.Fatal("the verdict outlives its attempt")
		}
	})
	t.Run("FailedUntilCanceled", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		id, _ := w.subscribed(w.price(1900, "month"), "pm_card_visa")
		for range 4 {
			w.control(200, "POST", "subscriptions/"+id+"/next_invoice", `{"outcome":"failed"}`)
		}
		if sub := w.subscription(id); sub["status"] != "canceled" || latest(sub)["attempt_count"] != float64(4) {
			t.Fatalf("it is %v after %v attempts", sub["status"], latest(sub)["attempt_count"])
		}
		w.control(400, "POST", "subscriptions/"+id+"/next_invoice", `{"outcome":"paid"}`)
	})
	t.Run("OnATestClock", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		frozen := time.Date(2030, 6, 1, 0, 0, 0, 0, time.UTC)
		clock := w.object("POST", "/v1/test_helpers/test_clocks", "frozen_time="+itoa(frozen.Unix()))["id"].(string)
		customer := w.object(
			"POST", "/v1/customers",
			"test_clock="+clock+"&payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa",
		)["id"].(string)
		id := w.object(
			"POST", "/v1/subscriptions",
			"trial_period_days=10&customer="+customer+"&items[0][price]="+w.price(700, "month"),
		)["id"].(string)
		before := w.object("GET", "/_sandbox/clock", "")["now"].(string)[:10]
		w.control(200, "POST", "subscriptions/"+id+"/next_invoice", `{"outcome":"failed"}`)
		if w.subscription(id)["status"] != "past_due" || w.object(
			"GET", "/_sandbox/clock", "",
		)["now"].(string)[:10] != before {
			t.Fatal("it failed on another clock, or moved the main one")
		}
	})
	t.Run("Refused", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		id, _ := w.subscribed(w.price(1900, "month"), "pm_card_visa")
		w.control(404, "POST", "subscriptions/sub_x/next_invoice", `{"outcome":"paid"}`)
		w.control(400, "POST", "subscriptions/"+id+"/next_invoice", `{"outcome":"maybe"}`)
		w.control(400, "POST", "subscriptions/"+id+"/next_invoice", `{}`)
		w.object("POST", "/v1/subscriptions/"+id, "cancel_at_period_end=true")
		w.control(400, "POST", "subscriptions/"+id+"/next_invoice", `{"outcome":"paid"}`)
	})
}

func TestRefundByHand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	session := w.checkout("payment", w.price(900, ""), "")["id"].(string)
	intent := w.object(
		"POST", "/v1/payment_pages/"+session+"/confirm", "payment_method=pm_card_visa",
	)["payment_intent"].(string)
	if made := w.control(
		200, "POST", "payments/"+intent+"/refund", `{"amount":400}`,
	); made["object"] != "refund" || made["amount"] != float64(400) {
		t.Fatalf("it is %v", made)
	}
	w.control(400, "POST", "payments/"+intent+"/refund", `{"amount":501}`)
	if made := w.control(200, "POST", "payments/"+intent+"/refund", ""); made["amount"] != float64(500) {
		t.Fatalf("the rest is %v", made)
	}
	w.control(400, "POST", "payments/"+intent+"/refund", "")
	w.control(404, "POST", "payments/pi_x/refund", "")
	requireOrder(t, types(w.events()), "charge.refunded", "charge.refunded")
}

func TestDisputeByHand(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		open, outcome, status string
		events                []string
	}{
		"Won": {
			`{}`, "won", "won",
			[]string{
				"charge.dispute.created", "charge.dispute.funds_withdrawn", "charge.dispute.closed",
				"charge.dispute.funds_reinstated",
			},
		},
		"Lost": {
			`{"reason":"product_not_received"}`, "lost", "lost",
			[]string{"charge.dispute.created", "charge.dispute.funds_withdrawn", "charge.dispute.closed"},
		},
		"Inquiry": {
			`{"inquiry":true}`, "lost", "warning_closed", []string{"charge.dispute.created", "charge.dispute.closed"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sandbox.Options{})
			session := w.checkout("payment", w.price(900, ""), "")["id"].(string)
			intent := w.object(
				"POST", "/v1/payment_pages/"+session+"/confirm", "payment_method=pm_card_visa",
			)["payment_intent"].(string)
			made := w.control(200, "POST", "payments/"+intent+"/dispute", c.open)["id"].(string)
			w.control(400, "POST", "payments/"+intent+"/dispute", "")
			w.control(400, "POST", "disputes/"+made+"/close", `{"outcome":"drawn"}`)
			if closed := w.control(
				200, "POST", "disputes/"+made+"/close", `{"outcome":"`+c.outcome+`"}`,
			); closed["status"] != c.status {
				t.Fatalf("it ends %v", closed["status"])
			}
			w.control(400, "POST", "disputes/"+made+"/close", `{"outcome":"won"}`)
			requireOrder(t, types(w.events()), c.events...)
		})
	}
}

func TestResend(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	r := w.receiver("*", always(200))
	w.object("POST", "/v1/customers", "")
	w.flush()
	event := w.events()[0]["id"].(string)
	w.control(200, "POST", "events/"+event+"/resend", "")
	w.control(200, "POST", "events/"+event+"/resend", `{"endpoint":"`+r.endpoint["id"].(string)+`"}`)
	w.flush()
	if got := r.all(); len(got) != 3 {
		t.Fatalf("%d deliveries", len(got))
	}
	if w.events()[0]["pending_webhooks"] != float64(0) {
		t.Fatal("the event still waits")
	}
	w.control(400, "POST", "events/"+event+"/resend", `{"endpoint":"we_x"}`)
	w.control(404, "POST", "events/evt_x/resend", "")
}
