package sandbox_test

import (
	"encoding/json"
	"testing"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// These tests prove that the API from before payment intents works as at Stripe: tokens, cards as a customer's sources,
// and charges of them.

func TestSources(t *testing.T) {
	t.Parallel()
	t.Run("LiveAndDie", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		path := "/v1/customers/" + w.object("POST", "/v1/customers", "")["id"].(string)
		first := w.object("POST", path+"/sources", "source=tok_visa&metadata[a]=b")
		if first["object"] != "card" || first["brand"] != "Visa" || first["last4"] != "4242" ||
			first["id"].(string)[:5] != "card_" {
			t.Fatalf("it is %v", first)
		}
		second := w.object("POST", path+"/sources", "source=tok_mastercard")
		holder := w.object("GET", path, "expand[]=default_source&expand[]=sources")
		if holder["default_source"].(map[string]any)["id"] != first["id"] || len(
			holder["sources"].(map[string]any)["data"].([]any),
		) != 2 {
			t.Fatalf("the customer is %v", holder)
		}
		if now := w.object(
			"POST", path+"/sources/"+first["id"].(string), "name=Jo&address_city=Paris",
		); now["name"] != "Jo" || now["address_city"] != "Paris" {
			t.Fatalf("updated, it is %v", now)
		}
		if gone := w.object("DELETE", path+"/sources/"+first["id"].(string), ""); gone["deleted"] != true {
			t.Fatalf("deleted, it is %v", gone)
		}
		if left := w.object(
			"GET", path+"/sources", "object=card",
		)["data"].([]any); len(left) != 1 || w.object("GET", path, "")["default_source"] != second["id"] {
			t.Fatalf("left are %v", left)
		}
		requireOrder(
			t, types(w.events()), "customer.source.created", "customer.updated", "customer.source.created",
			"customer.source.updated", "customer.source.deleted", "customer.updated",
		)
	})
	t.Run("PayInvoices", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		customer := w.object("POST", "/v1/customers", "source=tok_visa")["id"].(string)
		if made := w.object(
			"POST", "/v1/subscriptions", "customer="+customer+"&items[0][price]="+w.price(700, "month"),
		); made["status"] != "active" {
			t.Fatalf("it is %v", made["status"])
		}
	})
	t.Run("Refused", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		path := "/v1/customers/" + w.object("POST", "/v1/customers", "")["id"].(string) + "/sources"
		for form, want := range map[string]int{"": 400, "source=tok_x": 400, "source=tok_chargeDeclined": 402} {
			if status, _, _, _ := w.refusal("POST", path, form); status != want {
				t.Errorf("%s: %d", form, status)
			}
		}
		if status, _, _, _ := w.refusal("GET", path+"/card_x", ""); status != 404 {
			t.Errorf("one that is not there: %d", status)
		}
	})
}

func TestTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	made := w.object(
		"POST", "/v1/tokens",
		"card[number]=4242424242424242&card[exp_month]=12&card[exp_year]=2030&card[cvc]=123&card[name]=Jo",
	)
	if made["object"] != "token" || made["used"] != false || made["card"].(map[string]any)["last4"] != "4242" {
		t.Fatalf("it is %v", made)
	}
	id := made["id"].(string)
	paid := w.object(
		"POST", "/v1/payment_intents",
		"amount=500&currency=usd&confirm=true&expand[]=payment_method&payment_method_data[type]=card&payment_method_data[card][token]="+id,
	)
	if method := paid["payment_method"].(map[string]any); paid["status"] != "succeeded" ||
		method["billing_details"].(map[string]any)["name"] != "Jo" {
		t.Fatalf("it is %v", paid)
	}
	if w.object("GET", "/v1/tokens/"+id, "")["used"] != true {
		t.Fatal("it counts as unused")
	}
	if status, code, param, _ := w.refusal(
		"POST", "/v1/payment_methods", "type=card&card[token]="+id,
	); status != 400 || code != "token_already_used" || param != "card[token]" {
		t.Fatalf("a second use: %d %s %s", status, code, param)
	}
	for form, want := range map[string]int{
		"": 400, "pii[id_number]=1": 400, "card[number]=4242424242424241&card[exp_month]=12&card[exp_year]=2030": 402,
	} {
		if status, _, _, _ := w.refusal("POST", "/v1/tokens", form); status != want {
			t.Errorf("%s: %d", form, status)
		}
	}
}

func TestCharges(t *testing.T) {
	t.Parallel()
	t.Run("AtOnce", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		made := w.object(
			"POST", "/v1/charges",
			"amount=2000&currency=usd&source=tok_visa&description=x&metadata[a]=b&expand[]=balance_transaction",
		)
		if made["status"] != "succeeded" || made["captured"] != true || made["payment_intent"] != nil ||
			made["balance_transaction"].(map[string]any)["net"] != float64(1912) {
			t.Fatalf("it is %v", made)
		}
		if back := w.object("POST", "/v1/refunds", "charge="+made["id"].(string)); back["amount"] != float64(2000) {
			t.Fatalf("given back: %v", back)
		}
	})
	t.Run("OfTheDefaultSource", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		customer := w.object("POST", "/v1/customers", "source=tok_mastercard")["id"].(string)
		made := w.object("POST", "/v1/charges", "amount=2000&currency=usd&customer="+customer)
		if made["customer"] != customer || made["payment_method"] != w.object(
			"GET", "/v1/customers/"+customer, "",
		)["default_source"] {
			t.Fatalf("it is %v", made)
		}
	})
	t.Run("CapturedLater", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		hold := func() string {
			return w.object(
				"POST", "/v1/charges", "amount=2000&currency=usd&source=tok_visa&capture=false",
			)["id"].(string)
		}
		id, let, forgotten := hold(), hold(), hold()
		if now := w.object(
			"POST", "/v1/charges/"+id+"/capture", "amount=1500",
		); now["captured"] != true || now["amount_refunded"] != float64(500) {
			t.Fatalf("captured, it is %v", now)
		}
		if status, code, _, _ := w.refusal(
			"POST", "/v1/charges/"+id+"/capture", "",
		); status != 400 || code != "charge_already_captured" {
			t.Fatalf("captured twice: %d %s", status, code)
		}
		if status, _, param, _ := w.refusal(
			"POST", "/v1/refunds", "amount=5&charge="+let,
		); status != 400 || param != "amount" {
			t.Fatalf("given back in part: %d %s", status, param)
		}
		w.object("POST", "/v1/refunds", "charge="+let)
		w.advance(7 * day)
		for _, each := range []string{let, forgotten} {
			if now := w.object("GET", "/v1/charges/"+each, ""); now["refunded"] != true || now["captured"] != false {
				t.Fatalf("let go, it is %v", now)
			}
			if status, code, _, _ := w.refusal(
				"POST", "/v1/charges/"+each+"/capture", "",
			); status != 400 || code != "charge_expired_for_capture" {
				t.Fatalf("captured too late: %d %s", status, code)
			}
		}
		requireOrder(t, types(w.events()), "charge.captured", "charge.refunded", "charge.expired")
	})
	t.Run("Refused", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		customer := w.object("POST", "/v1/customers", "")["id"].(string)
		for form, want := range map[string]int{
			"currency=usd&source=tok_visa": 400, "amount=500&currency=usd": 400,
			"amount=500&currency=usd&customer=" + customer:               402,
			"amount=500&currency=usd&source=tok_chargeDeclined":          402,
			"amount=500&currency=usd&source=tok_authenticationRequired":  402,
			"amount=500&currency=usd&source=tok_visa&destination=acct_1": 400,
			"amount=20&currency=usd&source=tok_visa":                     400,
		} {
			if status, _, _, _ := w.refusal("POST", "/v1/charges", form); status != want {
				t.Errorf("%s: %d", form, status)
			}
		}
	})
}

// This test proves that the test card for early fraud warnings causes one. The warning is no longer actionable after
// the money is given back.
func TestEarlyFraudWarning(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	made := w.paid("2000", "pm_card_createEarlyFraudWarning")
	warned := func() map[string]any {
		return w.object(
			"GET", "/v1/radar/early_fraud_warnings", "payment_intent="+made["id"].(string),
		)["data"].([]any)[0].(map[string]any)
	}
	if warned()["actionable"] != true {
		t.Fatalf("it is %v", warned())
	}
	w.object("POST", "/v1/refunds", "payment_intent="+made["id"].(string))
	if warned()["actionable"] != false {
		t.Fatal("it does not rest")
	}
	requireOrder(
		t, types(w.events()), "payment_intent.succeeded", "radar.early_fraud_warning.created", "charge.refunded",
		"radar.early_fraud_warning.updated",
	)
}

// This test proves which test cards require 3-D Secure, and when. One no longer does after it was set up for future
// charges. Another does only while the payer is there.
func TestSetUpCards(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	customer := w.object("POST", "/v1/customers", "")["id"].(string)
	pay := func(method, more string) any {
		_, body, _ := w.raw(
			"POST", "/v1/payment_intents",
			"amount=500&currency=usd&confirm=true&customer="+customer+"&payment_method="+method+more,
		)
		var out struct{ Status any }
		if err := json.Unmarshal([]byte(body), &out); err != nil {
			t.Fatal(err)
		}
		return out.Status
	}
	attached := func(name string) string {
		return w.object("POST", "/v1/payment_methods/"+name+"/attach", "customer="+customer)["id"].(string)
	}
	method := attached("pm_card_authenticationRequiredOnSetup")
	if on, off := pay(method, ""), pay(method, "&off_session=true"); on != "requires_action" || off != nil {
		t.Fatalf("not set up, it is %v and %v", on, off)
	}
	intent := w.object(
		"POST", "/v1/setup_intents", "confirm=true&customer="+customer+"&payment_method="+method,
	)["id"].(string)
	w.control(200, "POST", "intents/"+intent+"/authenticate", `{"outcome":"accepted"}`)
	if on, off := pay(method, ""), pay(method, "&off_session=true"); on != "succeeded" || off != "succeeded" {
		t.Fatalf("set up, it is %v and %v", on, off)
	}
	method = attached("pm_card_authenticationRequiredSetupForOffSession")
	if on, off := pay(method, ""), pay(method, "&off_session=true"); on != "requires_action" || off != "succeeded" {
		t.Fatalf("asking on session only, it is %v and %v", on, off)
	}
}
