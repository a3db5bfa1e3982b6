package sandbox_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v76/webhook"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// These tests prove that events reach endpoints signed as Stripe signs them, and that failed deliveries are retried on
// the sandbox's clock.

func always(status int) func(int) int { return func(int) int { return status } }

func TestWebhookIsSigned(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{Start: time.Now()})
	r := w.receiver("*", always(200))
	w.object("POST", "/v1/customers", "email=a@b.test")
	w.flush()
	got := r.all()
	if len(got) != 1 {
		t.Fatalf("%d deliveries", len(got))
	}
	event := must2(webhook.ConstructEvent(got[0].body, got[0].signature, r.endpoint["secret"].(string)))
	if event.Type != "customer.created" || event.APIVersion != "2023-10-16" || event.Request.ID == "" ||
		event.PendingWebhooks != 1 {
		t.Fatalf("the event is %+v", event)
	}
	if _, err := webhook.ConstructEvent(got[0].body, got[0].signature, "whsec_other"); err == nil {
		t.Fatal("any secret will do")
	}
	if w.events()[0]["pending_webhooks"] != float64(0) {
		t.Fatal("pending_webhooks does not fall to 0")
	}
	if _, present := w.object("GET", "/v1/webhook_endpoints/"+r.endpoint["id"].(string), "")["secret"]; present {
		t.Fatal("the secret is shown again")
	}
}

func TestWebhookRetries(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	r := w.receiver("customer.created", func(n int) int {
		if n < 3 {
			return 302 // a redirect is a failure
		}
		return 204
	})
	w.object("POST", "/v1/customers", "")
	w.flush()
	if n := len(r.all()); n != 1 {
		t.Fatalf("%d deliveries before the clock moves", n)
	}
	w.advance(10 * time.Second)
	w.flush()
	w.advance(10 * time.Minute)
	w.flush()
	w.advance(10 * day)
	w.flush()
	got := r.all()
	if len(got) != 3 || got[0].signature == got[1].signature {
		t.Fatalf("%d deliveries, or an old signature", len(got))
	}
	if w.events()[0]["pending_webhooks"] != float64(0) {
		t.Fatal("the event still waits")
	}
}

func TestWebhookFilterAndDisable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	r := w.receiver("product.created", always(200))
	w.object("POST", "/v1/customers", "")
	w.object("POST", "/v1/products", "name=x")
	w.flush()
	if got := r.all(); len(got) != 1 {
		t.Fatalf("%d deliveries", len(got))
	}
	w.object("POST", "/v1/webhook_endpoints/"+r.endpoint["id"].(string), "disabled=true")
	w.object("POST", "/v1/products", "name=y")
	w.flush()
	if got := r.all(); len(got) != 1 {
		t.Fatalf("a disabled endpoint got %d deliveries", len(got))
	}
}

// The world's lock is free while a delivery is under way. So a receiver may call the API before it responds.
func TestReceiverCallsBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	r := w.receiver("customer.created", func(int) int {
		status, _, _ := w.raw("GET", "/v1/customers", "")
		return status
	})
	w.object("POST", "/v1/customers", "")
	w.flush()
	if len(r.all()) != 1 || w.events()[0]["pending_webhooks"] != float64(0) {
		t.Fatal("the callback was not answered")
	}
}

// The payer returns to the shop only after the shop's endpoint was sent the payment's event.
func TestPageWaitsForTheMerchant(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	r := w.receiver("checkout.session.completed", always(500))
	page := w.checkout("payment", w.price(500, ""), "")["url"].(string)
	if status, _, _ := w.browse("POST", page, card("4242424242424242")); status != 303 || len(r.all()) != 1 {
		t.Fatalf("%d after %d deliveries", status, len(r.all()))
	}
}

func TestDeliveriesAreNearlyCausal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	r := w.receiver("*", always(200))
	w.subscribed(w.price(100, "month"), "pm_card_visa")
	w.flush()
	var got []string
	for _, each := range r.all() {
		var event struct{ Type string }
		if err := json.Unmarshal(each.body, &event); err != nil {
			t.Fatal(err)
		}
		got = append(got, event.Type)
	}
	requireOrder(
		t, got, "customer.created", "customer.subscription.created", "invoice.paid", "checkout.session.completed",
	)
}

// An event can be looked up for 30 days, or longer if it still has to be delivered.
func TestEventsAreForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	r := w.receiver("product.created", always(500))
	w.object("POST", "/v1/customers", "")
	w.object("POST", "/v1/products", "name=a")
	w.flush()
	customer, product := w.events()[0]["id"].(string), w.events()[1]["id"].(string)
	w.leap(30*day + time.Second) // in one step, so that the delivery is not tried on the way
	w.object("POST", "/v1/customers", "")
	if status, code, _, _ := w.refusal("GET", "/v1/events/"+customer, ""); status != 404 || code != "resource_missing" {
		t.Fatalf("a customer's event of 30 days ago answers %d %s", status, code)
	}
	if pending := w.object("GET", "/v1/events/"+product, "")["pending_webhooks"]; pending != float64(1) {
		t.Fatalf("an event that waits for its delivery has %v pending", pending)
	}
	w.flush()
	r.mu.Lock()
	r.answer = always(200)
	r.mu.Unlock()
	w.advance(time.Minute) // to the next attempt
	w.flush()
	w.object("POST", "/v1/customers", "")
	if status, _, _, _ := w.refusal("GET", "/v1/events/"+product, ""); status != 404 {
		t.Fatalf("a delivered event of 30 days ago answers %d", status)
	}
}
