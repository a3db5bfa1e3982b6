package sandbox_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// These tests prove that a change that waits for its payment is given up if its invoice is voided or another change
// replaces it. Its invoice can no longer be paid. So no one pays for a plan that they do not get.
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
			unpaid := latest(
				w.change(
					id, w.price(3000, "month"),
					"&payment_behavior=pending_if_incomplete&proration_behavior=always_invoice",
				),
			)["id"].(string)
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

// TestScheduleCoupon proves that a phase decides which coupon its subscription has. If the phase names the same one, it
// stays. If it names another, that replaces it. If it names none, the coupon ends.
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
			if status, _, param, _ := w.refusal(
				"POST", "/v1/subscription_schedules/"+led["id"].(string),
				phasesFrom(now, low)+"&phases[0][coupon]=none",
			); status != 400 || param != "phases[0][coupon]" {
				t.Fatalf("an unknown coupon: %d at %s", status, param)
			}
			w.object("POST", "/v1/subscription_schedules/"+led["id"].(string),
				phasesFrom(now, low)+"&phases[0][coupon]=half&phases[1][items][0][price]="+high+
					"&phases[1][iterations]=1"+c.coupon)
			w.advance(32 * day)
			if invoice := latest(w.subscription(id)); !near(invoice["total"], c.total) {
				t.Fatalf("the renewal costs %v", invoice["total"])
			}
		})
	}
}

// phasesFrom repeats a schedule's current phase, because every update of a schedule must contain it.
func phasesFrom(now map[string]any, price string) string {
	return fmt.Sprintf(
		"phases[0][items][0][price]=%s&phases[0][start_date]=%.0f&phases[0][end_date]=%.0f", price, now["start_date"],
		now["end_date"],
	)
}

// TestPendingUpdateRefused proves which updates Stripe does not let wait for their payment. These are changes of a
// subscription that is paid by bank debit or by invoices that are sent, and parameters that cannot wait. A refused
// update changes nothing of the subscription.
func TestPendingUpdateRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(w *world, id, customer string) string
		more    string
		param   string
	}{
		"BankDebit": {func(w *world, id, customer string) string {
			w.object("POST", "/v1/subscriptions/"+id, "default_payment_method="+w.attached(customer, goodIBAN))
			return id
		}, "", "payment_behavior"},
		"BankDebitOfTheCustomer": {func(w *world, _, customer string) string {
			w.object(
				"POST", "/v1/customers/"+customer,
				"invoice_settings[default_payment_method]="+w.attached(customer, goodIBAN),
			)
			return w.object(
				"POST", "/v1/subscriptions", "customer="+customer+"&items[0][price]="+w.euros("month"),
			)["id"].(string)
		}, "", "payment_behavior"},
		"SentInvoices": {func(w *world, id, _ string) string {
			w.object("POST", "/v1/subscriptions/"+id, "collection_method=send_invoice&days_until_due=14")
			return id
		}, "", "payment_behavior"},
		"Cancellation": {
			func(_ *world, id, _ string) string { return id }, "&cancel_at_period_end=false", "cancel_at_period_end",
		},
		"Metadata": {func(_ *world, id, _ string) string { return id }, "&metadata[a]=b", "metadata"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, inApril)
			id, customer := w.subscribed(w.euros("month"), "pm_card_visa")
			id = c.prepare(w, id, customer)
			before := w.subscription(id)
			item := before["items"].(map[string]any)["data"].([]any)[0].(map[string]any)["id"].(string)
			form := "items[0][id]=" + item + "&items[0][price]=" + w.euros("month") +
				"&payment_behavior=pending_if_incomplete&proration_behavior=always_invoice"
			status, _, param, message := w.refusal("POST", "/v1/subscriptions/"+id, form+c.more)
			if status != 400 || param != c.param {
				t.Errorf("%d at %s: %s", status, param, message)
			}
			if after := w.subscription(id); priceOf(after) != priceOf(before) || after["latest_invoice"] == nil {
				t.Errorf("it changed: %v", after)
			}
		})
	}
}

// TestPagesOfferDebit proves that hosted pages in euros take bank debits only after the account has switched them on. A
// session that names its kinds of payment methods takes those. An invoice whose debit is under way is debited once.
func TestPagesOfferDebit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, inApril)
	price := w.euros("month")
	offers := func(page string) bool {
		_, body, _ := w.browse("GET", page, nil)
		return strings.Contains(body, `name="iban"`)
	}
	if offers(w.checkout("subscription", price, "")["url"].(string)) {
		t.Error("a debit is offered that nobody switched on")
	}
	if shown := w.control(200, "POST", "settings", `{"bank_debit":true}`); shown["bank_debit"] != true {
		t.Errorf("the settings are %v", shown)
	}
	for page, want := range map[string]bool{
		w.checkout("subscription", price, "")["url"].(string):                             true,
		w.checkout("subscription", price, "&payment_method_types[]=card")["url"].(string): false,
		w.checkout("subscription", w.price(900, "month"), "")["url"].(string):             false, // in dollars
		w.checkout("subscription", price, "&customer_email=jo@shop.test")["url"].(string): true,
		w.checkout("payment", w.euros(""), "")["url"].(string):                            true,
	} {
		if offers(page) != want {
			t.Errorf("%s offers a debit: %t", page, !want)
		}
	}
	customer := w.object("POST", "/v1/customers", "email=jo@shop.test")["id"].(string)
	made := w.object(
		"POST", "/v1/subscriptions",
		"customer="+customer+"&items[0][price]="+price+"&payment_behavior=default_incomplete&expand[]=latest_invoice",
	)
	page := made["latest_invoice"].(map[string]any)["hosted_invoice_url"].(string)
	form := url.Values{"way": {"debit"}, "iban": {goodIBAN}, "holder": {"Jo"}, "email": {"jo@shop.test"}}
	for range 2 {
		if status, body, _ := w.browse("POST", page, form); status != 200 || !strings.Contains(
			body, "has not answered yet",
		) {
			t.Errorf("%d %s", status, body)
		}
	}
	if charges := w.object("GET", "/v1/charges", "customer="+customer)["data"].([]any); len(charges) != 1 {
		t.Errorf("%d debits", len(charges))
	}
}

// attached adds a bank account to a customer's payment methods and returns its id.
func (w *world) attached(customer, iban string) string {
	w.t.Helper()
	return w.object("POST", "/v1/payment_methods/"+w.debitMethod(iban)+"/attach", "customer="+customer)["id"].(string)
}
