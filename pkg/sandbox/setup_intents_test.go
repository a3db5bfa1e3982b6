package sandbox_test

import (
	"errors"
	"testing"

	"github.com/stripe/stripe-go/v76"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// These tests prove that a card can be saved without a charge, and that a script can complete 3-D Secure.

func TestSetupIntent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	customer := w.object("POST", "/v1/customers", "email=a@b.test")["id"].(string)
	made := must[*stripe.SetupIntent](t)(
		w.stripe.SetupIntents.New(
			&stripe.SetupIntentParams{Customer: &customer, Metadata: map[string]string{"a": "b"}},
		),
	)
	if made.Status != stripe.SetupIntentStatusRequiresPaymentMethod || made.Usage != stripe.SetupIntentUsageOffSession {
		t.Fatalf("it begins as %+v", made)
	}
	_, err := w.stripe.SetupIntents.Confirm(
		made.ID, &stripe.SetupIntentConfirmParams{PaymentMethod: stripe.String("pm_card_visa_chargeDeclined")},
	)
	var refused *stripe.Error
	if !errors.As(err, &refused) || refused.HTTPStatusCode != 402 ||
		refused.DeclineCode != stripe.DeclineCodeGenericDecline || refused.SetupIntent == nil ||
		refused.SetupIntent.LastSetupError == nil {
		t.Fatalf("a bad card: %v", err)
	}
	saved := must[*stripe.SetupIntent](t)(
		w.stripe.SetupIntents.Confirm(
			made.ID, &stripe.SetupIntentConfirmParams{PaymentMethod: stripe.String("pm_card_visa")},
		),
	)
	if saved.Status != stripe.SetupIntentStatusSucceeded || saved.LastSetupError != nil {
		t.Fatalf("it is %+v", saved)
	}
	if cards := w.object(
		"GET", "/v1/customers/"+customer+"/payment_methods", "",
	)["data"].([]any); len(cards) != 1 || cards[0].(map[string]any)["id"] != saved.PaymentMethod.ID {
		t.Fatalf("the customer has %v", cards)
	}
	for _, late := range []string{"", "/confirm", "/cancel"} {
		if status, code, _, _ := w.refusal(
			"POST", "/v1/setup_intents/"+made.ID+late, "",
		); status != 400 || code != "setup_intent_unexpected_state" {
			t.Errorf("%s afterwards answers %d %s", late, status, code)
		}
	}
	requireOrder(
		t, types(w.events()), "setup_intent.created", "setup_intent.setup_failed", "payment_method.attached",
		"setup_intent.succeeded",
	)
	if len(w.object("GET", "/v1/charges", "")["data"].([]any)) != 0 {
		t.Fatal("it was charged")
	}
}

func TestSetupIntentRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	made := w.object("POST", "/v1/setup_intents", "")["id"].(string)
	for name, c := range map[string]struct {
		method, path, form string
		status             int
		code, param        string
	}{
		"NotThere":     {"GET", "seti_x", "", 404, "resource_missing", "intent"},
		"NoMethod":     {"POST", made + "/confirm", "", 400, "setup_intent_unexpected_state", "payment_method"},
		"NoSuchMethod": {"POST", made + "/confirm", "payment_method=pm_x", 400, "resource_missing", "payment_method"},
		"NoCustomer":   {"POST", made, "customer=cus_x", 400, "resource_missing", "customer"},
		"OtherType":    {"POST", made, "payment_method_types[]=klarna", 400, "", "payment_method_types[0]"},
		"Unserved": {
			"POST", made + "/confirm", "payment_method_data[type]=alipay", 400, "", "payment_method_data[type]",
		},
		"BadReason": {"POST", made + "/cancel", "cancellation_reason=bored", 400, "", "cancellation_reason"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if status, code, param, message := w.refusal(
				c.method, "/v1/setup_intents/"+c.path, c.form,
			); status != c.status || code != c.code || param != c.param {
				t.Fatalf("got %d %q %q %q", status, code, param, message)
			}
		})
	}
}

func TestAuthenticateByHand(t *testing.T) {
	t.Parallel()
	const asks = "payment_method=pm_card_threeDSecure2Required"
	for name, c := range map[string]struct {
		path, form string
		good, bad  string // the status after each outcome
	}{
		"Setup": {"setup_intents", "confirm=true&" + asks, "succeeded", "requires_payment_method"},
		"Payment": {
			"payment_intents", "confirm=true&amount=500&currency=usd&" + asks, "succeeded", "requires_payment_method",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sandbox.Options{})
			for outcome, want := range map[string]string{"accepted": c.good, "refused": c.bad} {
				made := w.object("POST", "/v1/"+c.path, c.form)
				if made["status"] != "requires_action" {
					t.Fatalf("it is %v", made["status"])
				}
				address := "intents/" + made["id"].(string) + "/authenticate"
				w.control(400, "POST", address, `{}`)
				if got := w.control(200, "POST", address, `{"outcome":"`+outcome+`"}`)["status"]; got != want {
					t.Errorf("%s: %v", outcome, got)
				}
				w.control(404, "POST", address, `{"outcome":"accepted"}`)
			}
		})
	}
	t.Run("Page", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		session := w.checkout("subscription", w.price(900, "month"), "&customer_email=a@b.test")["id"].(string)
		w.object("POST", "/v1/payment_pages/"+session+"/confirm", asks)
		intent := w.object("GET", "/v1/payment_intents", "")["data"].([]any)[0].(map[string]any)["id"].(string)
		w.control(200, "POST", "intents/"+intent+"/authenticate", `{"outcome":"accepted"}`)
		if done := w.object(
			"GET", "/v1/checkout/sessions/"+session, "",
		); done["status"] != "complete" || done["payment_status"] != "paid" {
			t.Fatalf("the page's session is %v, %v", done["status"], done["payment_status"])
		}
	})
}
