package sandbox_test

import (
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// These tests prove that the account's balance is the sum of its movements. Each payment, refund and dispute makes one
// movement, with Stripe's fee. Money is pending for two days.

// money returns the dollar amounts of the balance.
func (w *world) money() (available, pending float64) {
	w.t.Helper()
	sum := func(name string, shown map[string]any) (found float64) {
		for _, each := range shown[name].([]any) {
			if each := each.(map[string]any); each["currency"] == "usd" {
				found = each["amount"].(float64)
			}
		}
		return found
	}
	shown := w.object("GET", "/v1/balance", "")
	return sum("available", shown), sum("pending", shown)
}

func (w *world) requireMoney(available, pending float64) {
	w.t.Helper()
	if a, p := w.money(); a != available || p != pending {
		w.t.Fatalf("%v is available and %v pending, want %v and %v", a, p, available, pending)
	}
}

// paid pays dollars with a card and returns the intent and its charge.
func (w *world) paid(amount, card string) map[string]any {
	w.t.Helper()
	return w.object(
		"POST", "/v1/payment_intents",
		"currency=usd&confirm=true&amount="+amount+"&payment_method="+card+
			"&expand[]=latest_charge.balance_transaction",
	)
}

func TestBalance(t *testing.T) {
	t.Parallel()
	t.Run("PaymentAndRefund", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		made := w.paid("2000", "pm_card_visa")
		charge := made["latest_charge"].(map[string]any)
		in := charge["balance_transaction"].(map[string]any)
		if in["fee"] != float64(88) || in["net"] != float64(1912) || in["type"] != "charge" ||
			in["source"] != charge["id"] || in["status"] != "pending" ||
			in["available_on"] != in["created"].(float64)+2*86400 {
			t.Fatalf("the movement is %v", in)
		}
		w.requireMoney(0, 1912)
		back := w.object(
			"POST", "/v1/refunds", "amount=500&expand[]=balance_transaction&payment_intent="+made["id"].(string),
		)
		out := back["balance_transaction"].(map[string]any)
		if out["amount"] != float64(-500) || out["fee"] != float64(0) || out["type"] != "refund" ||
			out["available_on"] != in["available_on"] {
			t.Fatalf("the movement back is %v", out)
		}
		w.requireMoney(0, 1412)
		w.advance(2 * day)
		w.requireMoney(1412, 0)
		requireOrder(t, types(w.events()), "refund.created", "charge.refunded", "balance.available")
	})
	t.Run("AtOnce", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		w.paid("2000", "pm_card_bypassPending")
		w.requireMoney(1912, 0)
		requireOrder(t, types(w.events()), "payment_intent.succeeded", "balance.available")
	})
	t.Run("Disputes", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		w.paid("2000", "pm_card_createDispute")
		w.requireMoney(0, 1912-2000-1500)
		found := w.object("GET", "/v1/disputes", "")["data"].([]any)[0].(map[string]any)
		if moved := found["balance_transactions"].([]any); len(moved) != 1 ||
			moved[0].(map[string]any)["net"] != float64(-3500) ||
			moved[0].(map[string]any)["reporting_category"] != "dispute" {
			t.Fatalf("the dispute moved %v", moved)
		}
		won := w.control(200, "POST", "disputes/"+found["id"].(string)+"/close", `{"outcome":"won"}`)
		if moved := won["balance_transactions"].([]any); len(moved) != 2 ||
			moved[1].(map[string]any)["reporting_category"] != "dispute_reversal" {
			t.Fatalf("won, it moved %v", moved)
		}
		w.requireMoney(0, 1912)
		w.advance(2 * day)
		now := w.object("GET", "/v1/disputes/"+found["id"].(string), "")["balance_transactions"].([]any)
		if now[0].(map[string]any)["status"] != "available" {
			t.Fatal("the dispute shows its movement as it was")
		}
	})
	t.Run("AnInquiryMovesNothing", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		w.paid("2000", "pm_card_createDisputeInquiry")
		w.requireMoney(0, 1912)
	})
}

// This test proves that the list of movements can be filtered, and that filters it cannot serve are refused.
func TestBalanceList(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	made := w.paid("2000", "pm_card_visa")
	w.object("POST", "/v1/refunds", "payment_intent="+made["id"].(string))
	w.object("POST", "/v1/payment_intents", "amount=900&currency=eur&confirm=true&payment_method=pm_card_visa")
	for filter, want := range map[string]int{
		"": 3, "type=refund": 1, "currency=eur": 1,
		"source=" + made["latest_charge"].(map[string]any)["id"].(string): 1, "type=payout": 0,
	} {
		if got := w.object("GET", "/v1/balance_transactions", filter)["data"].([]any); len(got) != want {
			t.Errorf("%q finds %d, want %d", filter, len(got), want)
		}
	}
	if status, _, _, _ := w.refusal("GET", "/v1/balance_transactions/txn_x", ""); status != 404 {
		t.Errorf("one that is not there: %d", status)
	}
	if status, _, param, _ := w.refusal(
		"GET", "/v1/balance_transactions", "payout=po_x",
	); status != 400 || param != "payout" {
		t.Errorf("those of a payout: %d %s", status, param)
	}
}

// This test proves that a refund that is decided later begins and ends as its test card says. If it fails, the money
// comes back.
func TestRefundFates(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		card, first, last string
		refunded          bool
		pending           float64
	}{
		"PendingThenSucceeds": {"pm_card_refundPending", "pending", "succeeded", true, 1912 - 2000},
		"SucceedsThenFails":   {"pm_card_refundFail", "succeeded", "failed", false, 1912},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sandbox.Options{})
			made := w.paid("2000", c.card)
			back := w.object("POST", "/v1/refunds", "payment_intent="+made["id"].(string))
			if back["status"] != c.first {
				t.Fatalf("it begins %v", back["status"])
			}
			w.requireMoney(0, 1912-2000)
			before := len(w.events())
			w.advance(time.Hour)
			back = w.object("GET", "/v1/refunds/"+back["id"].(string), "expand[]=charge")
			if charge := back["charge"].(map[string]any); back["status"] != c.last ||
				charge["refunded"] != c.refunded || (back["failure_reason"] != nil) == c.refunded {
				t.Fatalf("it ends %v, the charge %v", back, charge["refunded"])
			}
			w.requireMoney(0, c.pending)
			requireOrder(t, types(w.events()[before:]), "charge.refund.updated")
			if status, _, _, _ := w.refusal("POST", "/v1/refunds/"+back["id"].(string)+"/cancel", ""); status != 400 {
				t.Fatal("it can be canceled")
			}
		})
	}
}
