package sandbox_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// These tests prove that a bank debit is paid like one of Stripe's. At first it is processing, and an hour later the
// bank decides. Everything that waits for the decision (page, invoice, subscription) learns it.

const (
	goodIBAN = "AT611904300234573201"
	badIBAN  = "AT861904300235473202"
)

// debitMethod makes a payment method from a bank account.
func (w *world) debitMethod(iban string) string {
	w.t.Helper()
	form := url.Values{
		"type": {"sepa_debit"}, "sepa_debit[iban]": {iban}, "billing_details[name]": {"Jo"},
		"billing_details[email]": {"jo@shop.test"},
	}
	return w.object("POST", "/v1/payment_methods", form.Encode())["id"].(string)
}

// euros makes a price in euros. The interval "" makes a one-time price.
func (w *world) euros(interval string) string {
	w.t.Helper()
	form := "currency=eur&unit_amount=900&product_data[name]=Thing"
	if interval != "" {
		form += "&recurring[interval]=" + interval
	}
	return w.object("POST", "/v1/prices", form)["id"].(string)
}

// debited completes a session with a bank account. The session is still to be paid.
func (w *world) debited(mode, price, iban string) map[string]any {
	w.t.Helper()
	session := w.checkout(
		mode, price, "&customer_email=jo@shop.test&payment_method_types[]=card&payment_method_types[]=sepa_debit",
	)["id"].(string)
	done := w.object("POST", "/v1/payment_pages/"+session+"/confirm", "payment_method="+w.debitMethod(iban))
	if done["status"] != "complete" || done["payment_status"] != "unpaid" {
		w.t.Fatalf("it is %v and %v", done["status"], done["payment_status"])
	}
	return done
}

func TestDebitOfASession(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		iban, payment, intent, charge string
		events                        []string
	}{
		"Succeeds": {
			goodIBAN, "paid", "succeeded", "succeeded",
			[]string{"charge.succeeded", "payment_intent.succeeded", "checkout.session.async_payment_succeeded"},
		},
		"Fails": {
			badIBAN, "unpaid", "requires_payment_method", "failed",
			[]string{"charge.failed", "payment_intent.payment_failed", "checkout.session.async_payment_failed"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sandbox.Options{})
			done := w.debited("payment", w.euros(""), c.iban)
			path := "/v1/payment_intents/" + done["payment_intent"].(string)
			if asked := w.object(
				"GET", path, "expand[]=latest_charge",
			); asked["status"] != "processing" || asked["latest_charge"].(map[string]any)["status"] != "pending" ||
				asked["amount_received"] != float64(0) {
				t.Fatalf("it is %v", asked)
			}
			requireOrder(
				t, types(w.events()), "payment_intent.created", "charge.pending", "payment_intent.processing",
				"checkout.session.completed",
			)
			before := len(w.events())
			w.advance(time.Hour)
			requireOrder(t, types(w.events()[before:]), c.events...)
			if now := w.object(
				"GET", "/v1/checkout/sessions/"+done["id"].(string), "",
			); now["payment_status"] != c.payment || now["status"] != "complete" {
				t.Fatalf("the session is %v and %v", now["status"], now["payment_status"])
			}
			now := w.object("GET", path, "expand[]=latest_charge")
			if made := now["latest_charge"].(map[string]any); now["status"] != c.intent || made["status"] != c.charge ||
				made["paid"] != (c.charge == "succeeded") ||
				(made["balance_transaction"] != nil) != (c.charge == "succeeded") {
				t.Fatalf("the intent is %v, its charge %v", now["status"], made)
			}
		})
	}
}

func TestDebitOfASubscription(t *testing.T) {
	t.Parallel()
	t.Run("IsActiveAtOnceAndPaidLater", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		id := w.debited("subscription", w.euros("month"), goodIBAN)["subscription"].(string)
		if sub := w.subscription(id); sub["status"] != "active" || latest(sub)["status"] != "open" {
			t.Fatalf("it is %v, its invoice %v", sub["status"], latest(sub)["status"])
		}
		w.advance(time.Hour)
		if sub := w.subscription(id); sub["status"] != "active" || latest(sub)["status"] != "paid" {
			t.Fatalf("it is %v, its invoice %v", sub["status"], latest(sub)["status"])
		}
		requireOrder(
			t, types(w.events()), "checkout.session.completed", "payment_intent.succeeded", "invoice.paid",
			"checkout.session.async_payment_succeeded",
		)
		w.advance(32 * day) // the renewal is debited as well
		if last := latest(w.subscription(id)); last["billing_reason"] != "subscription_cycle" ||
			last["status"] != "paid" {
			t.Fatalf("the renewal is %v, %v", last["billing_reason"], last["status"])
		}
	})
	t.Run("IsPastDueWhenItFails", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		id := w.debited("subscription", w.euros("month"), badIBAN)["subscription"].(string)
		w.advance(time.Hour)
		sub := w.subscription(id)
		if sub["status"] != "past_due" || latest(sub)["status"] != "open" ||
			latest(sub)["next_payment_attempt"] == nil {
			t.Fatalf("it is %v, its invoice %v", sub["status"], latest(sub))
		}
		requireOrder(
			t, types(w.events()), "payment_intent.payment_failed", "invoice.payment_failed",
			"customer.subscription.updated", "checkout.session.async_payment_failed",
		)
		if w.advance(60 * day); w.subscription(id)["status"] != "canceled" {
			t.Fatalf("after all retries it is %v", w.subscription(id)["status"])
		}
	})
	t.Run("TakesAsLongAsTheSettingsSay", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		w.control(200, "POST", "settings", `{"debit_hours":72}`)
		id := w.debited("subscription", w.euros("month"), goodIBAN)["subscription"].(string)
		if w.advance(71 * time.Hour); latest(w.subscription(id))["status"] != "open" {
			t.Fatalf("an hour before its time its invoice is %v", latest(w.subscription(id))["status"])
		}
		if w.advance(time.Hour); latest(w.subscription(id))["status"] != "paid" {
			t.Fatalf("at its time its invoice is %v", latest(w.subscription(id))["status"])
		}
	})
	t.Run("IsNotAskedTwice", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		id := w.debited("subscription", w.euros("month"), goodIBAN)["subscription"].(string)
		owed := latest(w.subscription(id))["id"].(string)
		w.object("POST", "/v1/invoices/"+owed+"/pay", "")
		if made := w.object("GET", "/v1/charges", "")["data"].([]any); len(made) != 1 {
			t.Fatalf("%d debits of one invoice", len(made))
		}
		if paid := w.control(
			200, "POST", "subscriptions/"+id+"/next_invoice", `{"outcome":"failed"}`,
		); paid["status"] != "open" || w.subscription(id)["status"] != "past_due" {
			t.Fatalf("told that it fails, it is %v", w.subscription(id)["status"])
		}
	})
}

// A bank account pays no invoice in dollars, even if it is the customer's default.
func TestDebitsAreInEuros(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	method := w.debitMethod(goodIBAN)
	customer := w.object(
		"POST", "/v1/customers", "payment_method="+method+"&invoice_settings[default_payment_method]="+method,
	)["id"].(string)
	for price, want := range map[string]string{w.euros("month"): "active", w.price(900, "month"): "incomplete"} {
		if made := w.object(
			"POST", "/v1/subscriptions", "customer="+customer+"&items[0][price]="+price,
		); made["status"] != want {
			t.Errorf("in %v it is %v, want %v", made["currency"], made["status"], want)
		}
	}
}

func TestSettleByHand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	intent := func(iban string) string {
		return w.object(
			"POST", "/v1/payment_intents",
			"amount=500&currency=eur&confirm=true&payment_method_data[type]=sepa_debit&payment_method_data[sepa_debit][iban]="+iban,
		)["id"].(string)
	}
	good, bad := intent(goodIBAN), intent(badIBAN)
	w.control(400, "POST", "intents/"+good+"/settle", `{"outcome":"maybe"}`)
	w.control(404, "POST", "intents/pi_x/settle", `{"outcome":"failed"}`)
	if now := w.control(
		200, "POST", "intents/"+good+"/settle", `{"outcome":"failed"}`,
	); now["status"] != "requires_payment_method" || now["last_payment_error"] == nil {
		t.Fatalf("told that it fails, it is %v", now)
	}
	if now := w.control(
		200, "POST", "intents/"+bad+"/settle", `{"outcome":"succeeded"}`,
	); now["status"] != "succeeded" || now["amount_received"] != float64(500) {
		t.Fatalf("told that it succeeds, it is %v", now)
	}
	w.control(400, "POST", "intents/"+bad+"/settle", `{"outcome":"succeeded"}`)
	before := len(w.events())
	if w.advance(2 * time.Hour); len(w.events()) != before {
		t.Fatalf("the bank decides once more: %v", types(w.events()[before:]))
	}
}

// A bank debit refuses what it cannot do before anything happens.
func TestDebitRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	method := w.debitMethod(goodIBAN)
	session := w.checkout("payment", w.euros(""), "")["id"].(string)
	dollars := w.object("POST", "/v1/payment_intents", "amount=500&currency=usd")["id"].(string)
	before := len(w.events())
	for name, c := range map[string]struct{ path, form, code, param string }{
		"WrongCheckDigits": {
			"payment_methods", "type=sepa_debit&sepa_debit[iban]=AT621904300234573201", "invalid_bank_account_iban",
			"sepa_debit[iban]",
		},
		"NoIBAN":    {"payment_methods", "type=sepa_debit", "parameter_missing", "sepa_debit[iban]"},
		"OtherType": {"payment_methods", "type=klarna", "", "type"},
		"DollarsOfAnIntent": {
			"payment_intents", "amount=500&currency=usd&payment_method_types[]=sepa_debit", "", "payment_method_types",
		},
		"DollarsOfASession": {
			"checkout/sessions",
			"mode=payment&success_url=https://a.test&payment_method_types[]=sepa_debit&line_items[0][quantity]=1&line_items[0][price]=" + w.price(900, ""),
			"", "payment_method_types",
		},
		"CardsOnly": {
			"payment_intents", "amount=500&currency=eur&payment_method_types[]=card&payment_method=" + method, "",
			"payment_method",
		},
		"CardsOnlyOfASession": {
			"payment_pages/" + session + "/confirm", "payment_method=" + method, "", "payment_method",
		},
		"HeldForCapture": {
			"payment_intents", "amount=500&currency=eur&capture_method=manual&confirm=true&payment_method=" + method,
			"", "capture_method",
		},
		"HeldByItsOptions": {
			"payment_intents", "amount=500&currency=usd&payment_method_options[card][capture_method]=manual", "",
			"payment_method_options[card][capture_method]",
		},
		"DollarsOfAnUpdate": {
			"payment_intents/" + dollars, "payment_method_types[]=sepa_debit", "", "payment_method_types",
		},
		"TwoMethods": {
			"payment_intents", "amount=500&currency=eur&payment_method_data[type]=card&payment_method=" + method, "",
			"payment_method_data",
		},
	} {
		if status, code, param, message := w.refusal(
			"POST", "/v1/"+c.path, c.form,
		); status != 400 || code != c.code || param != c.param {
			t.Errorf("%s: %d %q %q %s", name, status, code, param, message)
		}
	}
	for _, each := range w.events()[before:] {
		if kind := each["type"]; kind != "price.created" && kind != "product.created" {
			t.Errorf("a refusal left %v behind", kind)
		}
	}
}
