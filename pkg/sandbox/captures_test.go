package sandbox_test

import (
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// These tests prove that a payment whose money is only held can be captured, canceled or left to expire, as at Stripe.
// No money counts as received before it is captured.

// held makes a payment of 2000 that waits for its capture.
func (w *world) held() map[string]any {
	w.t.Helper()
	made := w.object(
		"POST", "/v1/payment_intents",
		"amount=2000&currency=usd&capture_method=manual&confirm=true&payment_method=pm_card_visa&expand[]=latest_charge",
	)
	if made["status"] != "requires_capture" || made["amount_capturable"] != float64(2000) ||
		made["amount_received"] != float64(0) {
		w.t.Fatalf("it is not held: %v", made)
	}
	if paid := made["latest_charge"].(map[string]any); paid["captured"] != false || paid["paid"] != true ||
		paid["balance_transaction"] != nil {
		w.t.Fatalf("money moved: %v", paid)
	}
	return made
}

func TestCapture(t *testing.T) {
	t.Parallel()
	t.Run("All", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		id := w.held()["id"].(string)
		paid := w.object(
			"POST", "/v1/payment_intents/"+id+"/capture", "expand[]=latest_charge.balance_transaction&metadata[a]=b",
		)
		made := paid["latest_charge"].(map[string]any)
		if paid["status"] != "succeeded" || paid["amount_received"] != float64(2000) ||
			paid["amount_capturable"] != float64(0) || made["amount_refunded"] != float64(0) ||
			made["balance_transaction"].(map[string]any)["amount"] != float64(2000) {
			t.Fatalf("it is %v", paid)
		}
		requireOrder(
			t, types(w.events()), "charge.succeeded", "payment_intent.amount_capturable_updated", "charge.captured",
			"payment_intent.succeeded",
		)
		if status, code, _, _ := w.refusal(
			"POST", "/v1/payment_intents/"+id+"/capture", "",
		); status != 400 || code != "payment_intent_unexpected_state" {
			t.Fatalf("a second capture: %d %s", status, code)
		}
	})
	t.Run("PartLetsTheRestGo", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		id := w.held()["id"].(string)
		for form, code := range map[string]string{
			"amount_to_capture=2001": "amount_too_large", "amount_to_capture=0": "parameter_invalid_integer",
			"final_capture=false": "",
		} {
			if status, got, _, _ := w.refusal(
				"POST", "/v1/payment_intents/"+id+"/capture", form,
			); status != 400 || got != code {
				t.Fatalf("%s: %d %s", form, status, got)
			}
		}
		paid := w.object(
			"POST", "/v1/payment_intents/"+id+"/capture",
			"amount_to_capture=1500&expand[]=latest_charge.balance_transaction",
		)
		made := paid["latest_charge"].(map[string]any)
		if paid["amount_received"] != float64(1500) || made["amount_captured"] != float64(1500) ||
			made["amount_refunded"] != float64(500) || made["refunded"] != false ||
			made["balance_transaction"].(map[string]any)["amount"] != float64(1500) {
			t.Fatalf("it is %v", paid)
		}
		if rest := w.object("POST", "/v1/refunds", "payment_intent="+id); rest["amount"] != float64(1500) {
			t.Fatalf("what was captured can be given back, %v", rest["amount"])
		}
	})
	t.Run("OfACheckoutSession", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		session := w.checkout("payment", w.price(900, ""), "&payment_intent_data[capture_method]=manual")["id"].(string)
		done := w.object("POST", "/v1/payment_pages/"+session+"/confirm", "payment_method=pm_card_visa")
		if done["status"] != "complete" || done["payment_status"] != "unpaid" {
			t.Fatalf("it is %v and %v", done["status"], done["payment_status"])
		}
		w.object("POST", "/v1/payment_intents/"+done["payment_intent"].(string)+"/capture", "")
		if now := w.object("GET", "/v1/checkout/sessions/"+session, ""); now["payment_status"] != "paid" {
			t.Fatalf("captured, it is %v", now["payment_status"])
		}
	})
}

func TestHoldEnds(t *testing.T) {
	t.Parallel()
	t.Run("Canceled", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		id := w.held()["id"].(string)
		gone := w.object(
			"POST", "/v1/payment_intents/"+id+"/cancel", "cancellation_reason=abandoned&expand[]=latest_charge.refunds",
		)
		let := gone["latest_charge"].(map[string]any)
		back := let["refunds"].(map[string]any)["data"].([]any)
		if gone["status"] != "canceled" || gone["amount_capturable"] != float64(0) || let["refunded"] != true ||
			let["captured"] != false || len(back) != 1 || back[0].(map[string]any)["balance_transaction"] != nil {
			t.Fatalf("it is %v", gone)
		}
		requireOrder(t, types(w.events()), "charge.refunded", "payment_intent.canceled")
	})
	t.Run("ByItselfAfterSevenDays", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		id := w.held()["id"].(string)
		if w.advance(7*day - time.Minute); w.object(
			"GET", "/v1/payment_intents/"+id, "",
		)["status"] != "requires_capture" {
			t.Fatal("it ended too soon")
		}
		w.advance(time.Minute)
		if gone := w.object(
			"GET", "/v1/payment_intents/"+id, "",
		); gone["status"] != "canceled" || gone["cancellation_reason"] != "automatic" {
			t.Fatalf("it is %v for %v", gone["status"], gone["cancellation_reason"])
		}
		requireOrder(t, types(w.events()), "charge.expired", "payment_intent.canceled")
	})
	t.Run("NeverByARefund", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		made := w.held()
		for _, form := range []string{
			"payment_intent=" + made["id"].(string), "charge=" + made["latest_charge"].(map[string]any)["id"].(string),
		} {
			if status, code, _, _ := w.refusal(
				"POST", "/v1/refunds", form,
			); status != 400 || code != "payment_intent_unexpected_state" {
				t.Fatalf("%s: %d %s", form, status, code)
			}
		}
	})
}

// Actions that no payment of the sandbox allows are refused as a wrong state, as Stripe refuses them for such payments.
func TestIntentsRefuseWhatTheyCannotDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	held := w.held()["id"].(string)
	fresh := w.object("POST", "/v1/payment_intents", "amount=500&currency=usd")["id"].(string)
	for path, form := range map[string]string{
		held + "/increment_authorization": "amount=3000", fresh + "/increment_authorization": "amount=3000",
		fresh + "/capture":                "",
		fresh + "/apply_customer_balance": "", fresh + "/verify_microdeposits": "amounts[]=32&amounts[]=45",
	} {
		if status, code, _, _ := w.refusal(
			"POST", "/v1/payment_intents/"+path, form,
		); status != 400 || code != "payment_intent_unexpected_state" {
			t.Errorf("%s: %d %s", path, status, code)
		}
	}
}
