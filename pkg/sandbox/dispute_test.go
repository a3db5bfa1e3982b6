package sandbox_test

import (
	"testing"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// These tests prove that the dispute cards bring a dispute after the payment, and that it can be won or lost. An
// inquiry moves no money.
func TestDispute(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		card, evidence, status string
		events                 []string
	}{
		"Won": {"pm_card_createDispute", "winning_evidence", "won",
			[]string{
				"checkout.session.completed", "charge.dispute.created", "charge.updated",
				"charge.dispute.funds_withdrawn", "charge.dispute.updated", "charge.dispute.closed",
				"charge.dispute.funds_reinstated",
			}},
		"Lost": {"pm_card_createDispute", "losing_evidence", "lost",
			[]string{"charge.dispute.created", "charge.dispute.funds_withdrawn", "charge.dispute.closed"}},
		"Inquiry": {"pm_card_createDisputeInquiry", "winning_evidence", "warning_closed",
			[]string{"charge.dispute.created", "charge.dispute.updated", "charge.dispute.closed"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sandbox.Options{})
			session := w.checkout("payment", w.price(900, ""), "")["id"].(string)
			intent := w.object(
				"POST", "/v1/payment_pages/"+session+"/confirm", "payment_method="+c.card,
			)["payment_intent"].(string)
			found := w.object("GET", "/v1/disputes", "payment_intent="+intent+"&expand[]=data.charge")["data"].([]any)
			dispute := found[0].(map[string]any)
			inquiry := c.status == "warning_closed"
			if charge := dispute["charge"].(map[string]any); charge["disputed"] == inquiry ||
				dispute["is_charge_refundable"] != inquiry || dispute["amount"] != float64(900) {
				t.Fatalf("it is %v", dispute)
			}
			if status, _, _, _ := w.refusal("POST", "/v1/refunds", "amount=901&payment_intent="+intent); status != 400 {
				t.Fatalf("a refund answers %d", status)
			}
			closed := w.object(
				"POST", "/v1/disputes/"+dispute["id"].(string), "evidence[uncategorized_text]="+c.evidence,
			)
			if closed["status"] != c.status {
				t.Fatalf("it ends %v", closed["status"])
			}
			requireOrder(t, types(w.events()), c.events...)
			for _, each := range types(w.events()) {
				if inquiry && each == "charge.dispute.funds_withdrawn" {
					t.Fatal("an inquiry moved money")
				}
			}
		})
	}
}
