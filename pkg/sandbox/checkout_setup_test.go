package sandbox_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// These tests prove that a session in setup mode saves a payment method and takes no money. A page that takes bank
// accounts can be paid from one. Both work in a browser without JavaScript.

// saving opens a session that saves a payment method.
func (w *world) saving(more string) map[string]any {
	w.t.Helper()
	return w.object("POST", "/v1/checkout/sessions", "mode=setup&currency=eur&success_url=https://shop.test/ok"+more)
}

func TestSetupSession(t *testing.T) {
	t.Parallel()
	t.Run("SavesACardOnThePage", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		customer := w.object("POST", "/v1/customers", "email=jo@shop.test")["id"].(string)
		session := w.saving("&setup_intent_data[metadata][a]=b&customer=" + customer)
		if session["payment_status"] != "no_payment_required" || session["amount_total"] != nil ||
			session["status"] != "open" {
			t.Fatalf("it is %v", session)
		}
		if _, body, _ := w.browse(
			"GET", session["url"].(string), nil,
		); !strings.Contains(body, "Save card") || strings.Contains(body, "Due today") {
			t.Fatalf("the page is %s", body)
		}
		if status, _, _ := w.browse("POST", session["url"].(string), card("4000000000000002")); status != 402 {
			t.Fatalf("a declined card: %d", status)
		}
		if status, _, target := w.browse(
			"POST", session["url"].(string), card("4242424242424242"),
		); status != 303 || target != "https://shop.test/ok" {
			t.Fatalf("%d %s", status, target)
		}
		done := w.object("GET", "/v1/checkout/sessions/"+session["id"].(string), "expand[]=setup_intent.payment_method")
		intent := done["setup_intent"].(map[string]any)
		if done["status"] != "complete" || done["payment_status"] != "no_payment_required" ||
			intent["status"] != "succeeded" || intent["metadata"].(map[string]any)["a"] != "b" ||
			intent["payment_method"].(map[string]any)["customer"] != customer {
			t.Fatalf("it is %v", done)
		}
		requireOrder(
			t, types(w.events()), "setup_intent.created", "setup_intent.setup_failed", "payment_method.attached",
			"setup_intent.succeeded", "checkout.session.completed",
		)
	})
	t.Run("AsksTheBankFirst", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		session := w.saving("")
		page := session["url"].(string)
		if _, body, _ := w.browse("POST", page, card("4000002760003184")); !strings.Contains(body, `value="accept"`) {
			t.Fatalf("the bank does not ask: %s", body)
		}
		if status, _, _ := w.browse("POST", page, url.Values{"challenge": {"refuse"}}); status != 402 {
			t.Fatalf("refused: %d", status)
		}
		w.browse("POST", page, card("4000002760003184"))
		now := w.control(
			200, "POST", "intents/"+session["setup_intent"].(string)+"/authenticate", `{"outcome":"accepted"}`,
		)
		if done := w.object(
			"GET", "/v1/checkout/sessions/"+session["id"].(string), "",
		); now["status"] != "succeeded" || done["status"] != "complete" {
			t.Fatalf("it is %v, the session %v", now["status"], done["status"])
		}
	})
	t.Run("ExpiresWithItsIntent", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		session := w.saving("")
		intent := "/v1/setup_intents/" + session["setup_intent"].(string)
		if status, code, _, _ := w.refusal(
			"POST", intent+"/cancel", "",
		); status != 400 || code != "setup_intent_unexpected_state" {
			t.Fatalf("canceled past the session: %d %s", status, code)
		}
		w.object("POST", "/v1/checkout/sessions/"+session["id"].(string)+"/expire", "")
		if now := w.object("GET", intent, ""); now["status"] != "canceled" {
			t.Fatalf("the intent is %v", now["status"])
		}
	})
	t.Run("MakesACustomerWhenTold", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		session := w.saving("&customer_creation=always&payment_method_types[]=sepa_debit")["id"].(string)
		done := w.object("POST", "/v1/payment_pages/"+session+"/confirm", "payment_method="+w.debitMethod(goodIBAN))
		saved := w.object(
			"GET", "/v1/payment_methods", "type=sepa_debit&customer="+done["customer"].(string),
		)["data"].([]any)
		if len(saved) != 1 || saved[0].(map[string]any)["card"] != nil {
			t.Fatalf("saved are %v", saved)
		}
	})
}

func TestSetupSessionRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	for form, param := range map[string]string{
		"": "currency", "&currency=x": "currency",
		"&currency=usd&payment_method_types[]=sepa_debit":                                  "payment_method_types",
		"&currency=usd&payment_intent_data[description]=x":                                 "payment_intent_data",
		"&currency=usd&line_items[0][quantity]=1&line_items[0][price]=" + w.price(900, ""): "line_items",
	} {
		if status, _, got, _ := w.refusal(
			"POST", "/v1/checkout/sessions", "mode=setup&success_url=https://shop.test"+form,
		); status != 400 || got != param {
			t.Errorf("%s: %d %s", form, status, got)
		}
	}
}

func TestDebitOnPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	session := w.checkout("payment", w.euros(""), "&payment_method_types[]=card&payment_method_types[]=sepa_debit")
	page := session["url"].(string)
	if _, body, _ := w.browse("GET", page, nil); !strings.Contains(
		body, `name="way" value="debit"`,
	) || !strings.Contains(body, `name="iban"`) || !strings.Contains(body, `name="card_number"`) {
		t.Fatalf("there is no choice: %s", body)
	}
	form := url.Values{"way": {"debit"}, "iban": {"AT00 1904"}, "holder": {"Jo <b>"}, "email": {"jo@shop.test"}}
	if status, body, _ := w.browse("POST", page, form); status != 402 || !strings.Contains(body, `id="iban-error"`) ||
		!strings.Contains(body, `value="debit" checked`) || strings.Contains(body, "AT001904") {
		t.Fatalf("a wrong IBAN: %d %s", status, body)
	}
	form.Set("iban", "AT61 1904 3002 3457 3201")
	form.Set("holder", "")
	if status, body, _ := w.browse("POST", page, form); status != 402 || !strings.Contains(body, `id="holder-error"`) {
		t.Fatalf("nobody's account: %d", status)
	}
	form.Set("holder", "Jo")
	if status, _, _ := w.browse("POST", page, form); status != 303 {
		t.Fatalf("it is not taken: %d", status)
	}
	done := w.object("GET", "/v1/checkout/sessions/"+session["id"].(string), "expand[]=payment_intent")
	if done["payment_status"] != "unpaid" || done["payment_intent"].(map[string]any)["status"] != "processing" ||
		done["customer_details"].(map[string]any)["name"] != "Jo" {
		t.Fatalf("it is %v", done)
	}
}

// A page that takes only cards refuses a bank account, whatever form is posted to it.
func TestCardPageTakesNoDebit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	page := w.checkout("payment", w.euros(""), "")["url"].(string)
	if status, _, _ := w.browse(
		"POST", page, url.Values{"way": {"debit"}, "iban": {goodIBAN}, "holder": {"Jo"}, "email": {"jo@shop.test"}},
	); status != 402 {
		t.Fatalf("%d", status)
	}
}
