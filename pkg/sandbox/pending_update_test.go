package sandbox_test

import (
	"fmt"
	"testing"
)

// These tests prove that a change which waits for its payment is given up when its invoice is voided, or when another change takes its
// place: its invoice cannot be paid any more, so nobody pays for a plan that they do not get.
func TestPendingUpdateGivenUp(t *testing.T) {
	t.Parallel()
	for name, giveUp := range map[string]func(w *world, id, invoice string){
		"Voided": func(w *world, _, invoice string) { w.object("POST", "/v1/invoices/"+invoice+"/void", "") },
		"Replaced": func(w *world, id, _ string) {
			w.change(id, w.price(2000, "month"), "&payment_behavior=pending_if_incomplete")
		},
		"Swapped": func(w *world, id, _ string) { w.change(id, w.price(2000, "month"), "&proration_behavior=none") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, inApril)
			id, customer := w.subscribed(w.price(1000, "month"), "pm_card_visa")
			w.switchCard(customer, id, "pm_card_chargeCustomerFail")
			w.advance(15 * day)
			unpaid := latest(w.change(id, w.price(3000, "month"), "&payment_behavior=pending_if_incomplete&proration_behavior=always_invoice"))["id"].(string)
			if w.subscription(id)["pending_update"] == nil {
				t.Fatal("the change does not wait")
			}
			w.switchCard(customer, id, "pm_card_visa")
			giveUp(w, id, unpaid)
			invoice := w.object("GET", "/v1/invoices/"+unpaid, "")
			if sub := w.subscription(id); sub["pending_update"] != nil || invoice["status"] != "void" {
				t.Fatalf("it waits still: %v, %v", sub["pending_update"], invoice["status"])
			}
			requireOrder(t, types(w.events()), "invoice.voided", "customer.subscription.pending_update_expired")
			if status, _, _, _ := w.refusal("POST", "/v1/invoices/"+unpaid+"/pay", ""); status != 400 {
				t.Fatalf("it is paid: %d", status)
			}
		})
	}
}

// TestScheduleCoupon proves that a phase says which coupon its subscription has: the same one stays, another takes its place, none ends it.
func TestScheduleCoupon(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		coupon string
		total  float64
	}{"Kept": {"&phases[1][coupon]=half", 1500}, "Another": {"&phases[1][coupon]=tenth", 2700}, "Ended": {"", 3000}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, inApril)
			low, high := w.price(1000, "month"), w.price(3000, "month")
			id, _ := w.subscribed(low, "pm_card_visa")
			w.object("POST", "/v1/coupons", "id=half&percent_off=50&duration=forever")
			w.object("POST", "/v1/coupons", "id=tenth&percent_off=10&duration=forever")
			w.object("POST", "/v1/subscriptions/"+id, "coupon=half")
			led := w.object("POST", "/v1/subscription_schedules", "from_subscription="+id)
			now := led["phases"].([]any)[0].(map[string]any)
			if now["coupon"] != "half" {
				t.Fatalf("the phase has the coupon %v", now["coupon"])
			}
			if status, _, param, _ := w.refusal("POST", "/v1/subscription_schedules/"+led["id"].(string), phasesFrom(now, low)+"&phases[0][coupon]=none"); status != 400 || param != "phases[0][coupon]" {
				t.Fatalf("an unknown coupon: %d at %s", status, param)
			}
			w.object("POST", "/v1/subscription_schedules/"+led["id"].(string),
				phasesFrom(now, low)+"&phases[0][coupon]=half&phases[1][items][0][price]="+high+"&phases[1][iterations]=1"+c.coupon)
			w.advance(32 * day)
			if invoice := latest(w.subscription(id)); !near(invoice["total"], c.total) {
				t.Fatalf("the renewal costs %v", invoice["total"])
			}
		})
	}
}

// phasesFrom repeats a schedule's current phase, as every update of one must.
func phasesFrom(now map[string]any, price string) string {
	return fmt.Sprintf("phases[0][items][0][price]=%s&phases[0][start_date]=%.0f&phases[0][end_date]=%.0f", price, now["start_date"], now["end_date"])
}
