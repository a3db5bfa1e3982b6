package sandbox_test

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// This test proves that a restart keeps everything visible, the clock, the saved responses and the due work.
func TestRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w, stop := started(t, dir)
	w.advance(400 * day)
	id, customer := w.subscribed(w.price(1000, "month"), "pm_card_visa")
	w.switchCard(customer, id, "pm_card_chargeCustomerFail")
	_, first, _ := w.raw("POST", "/v1/customers", "email=a@b.test", "Idempotency-Key", "k")
	open := w.checkout("payment", w.price(500, ""), "")["id"].(string)
	paths := []string{
		"/v1/customers", "/v1/subscriptions", "/v1/invoices", "/v1/payment_intents", "/v1/charges", "/v1/events",
		"/v1/checkout/sessions", "/v1/prices", "/v1/products",
	}
	var before []string
	for _, path := range paths {
		_, body, _ := w.raw("GET", path, "limit=100")
		before = append(before, body)
	}
	stop()

	w, stop = started(t, dir)
	defer stop()
	for i, path := range paths {
		if _, body, _ := w.raw("GET", path, "limit=100"); body != before[i] {
			t.Fatalf("%s changed over the restart:\n%s\n%s", path, before[i], body)
		}
	}
	if _, again, header := w.raw(
		"POST", "/v1/customers", "email=a@b.test", "Idempotency-Key", "k",
	); again != first || header.Get("Idempotent-Replayed") != "true" {
		t.Fatal("the saved answer is lost")
	}
	w.object("POST", "/v1/payment_pages/"+open+"/confirm", "payment_method=pm_card_visa")
	w.advance(31*day + 2*time.Hour)
	if status := w.subscription(id)["status"]; status != "past_due" {
		t.Fatalf("the due work or the card's behaviour is lost: %v", status)
	}
}

// This test proves (with -race) that many clients, the clock, deliveries and snapshots work together. Every purchase
// succeeds, and every event arrives.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{DataDir: t.TempDir()})
	r := w.receiver("*", always(200))
	price := w.price(100, "month")
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 5 {
				form := "mode=subscription&success_url=https://a.test&customer_email=a@b.test&line_items[0][quantity]=1&line_items[0][price]=" + price
				_, body, _ := w.raw("POST", "/v1/checkout/sessions", form)
				var session struct{ ID string }
				if err := json.Unmarshal([]byte(body), &session); err != nil {
					t.Error(err)
				}
				if status, body, _ := w.raw(
					"POST", "/v1/payment_pages/"+session.ID+"/confirm", "payment_method=pm_card_visa",
				); status != 200 {
					t.Errorf("%d %s", status, body)
				}
				if status, body, _ := w.raw(
					"GET", "/v1/subscriptions", "limit=100&expand[]=data.latest_invoice",
				); status != 200 {
					t.Errorf("%d %s", status, body)
				}
			}
		})
	}
	for range 5 {
		w.advance(time.Hour) // in total less than a session's life
	}
	group.Wait()
	w.advance(40 * day)
	w.flush()
	seen := map[string]bool{}
	for _, each := range r.all() {
		var event struct{ ID string }
		if err := json.Unmarshal(each.body, &event); err != nil || !strings.HasPrefix(event.ID, "evt_") {
			t.Fatalf("%v %s", err, each.body)
		}
		seen[event.ID] = true
	}
	for _, each := range w.events() {
		if !seen[each["id"].(string)] && each["type"] != "product.created" && each["type"] != "price.created" {
			t.Fatalf("%v was not delivered", each["type"])
		}
	}
}
