package sandbox_test

import (
	"fmt"
	"testing"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// This test proves that a refund that waits for the payer can end without the payer. Its money then counts as not given
// back. No other refund can be ended.
func TestRefundThatWaits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ path, status string }{
		"Canceled": {"/v1/refunds/%s/cancel", "canceled"},
		"Expired":  {"/v1/test_helpers/refunds/%s/expire", "failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sandbox.Options{})
			intent := w.object(
				"POST", "/v1/payment_intents",
				"amount=900&currency=usd&confirm=true&return_url=https://shop.test&payment_method=pm_card_visa",
			)
			made := w.object("POST", "/v1/refunds", "payment_intent="+intent["id"].(string))
			id := made["id"].(string)
			end := func() string { return fmt.Sprintf(c.path, id) }
			if status, _, _, _ := w.refusal("POST", end(), ""); status != 400 {
				t.Fatalf("a refund that succeeded is ended: %d", status)
			}
			held := w.control(200, "POST", "refunds/"+id+"/hold", "")
			if held["status"] != "requires_action" ||
				held["next_action"].(map[string]any)["type"] != "display_details" {
				t.Fatalf("it is held as %v", held)
			}
			if ended := w.object("POST", end(), ""); ended["status"] != c.status || ended["next_action"] != nil {
				t.Fatalf("it ends as %v", ended)
			}
			charge := w.object("GET", "/v1/charges/"+intent["latest_charge"].(string), "")
			if charge["amount_refunded"] != 0.0 || charge["refunded"] != false {
				t.Fatalf("the charge says %v", charge["amount_refunded"])
			}
			w.object("POST", "/v1/refunds", "payment_intent="+intent["id"].(string))
			requireOrder(
				t, types(w.events()), "refund.created", "charge.refunded", "charge.refund.updated",
				"charge.refund.updated", "charge.updated", "charge.refunded",
			)
		})
	}
}
