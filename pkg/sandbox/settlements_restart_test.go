package sandbox_test

import (
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// This test proves that the decisions that a bank still has to make survive a restart. These concern a debit, a hold, a
// refund, and the money that becomes available.
func TestBanksDecideAfterARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w, stop := started(t, dir)
	session := w.debited("payment", w.euros(""), goodIBAN)["id"].(string)
	held := w.held()["id"].(string)
	back := w.object(
		"POST", "/v1/refunds", "payment_intent="+w.paid("2000", "pm_card_refundPending")["id"].(string),
	)["id"].(string)
	w.paid("3000", "pm_card_visa")
	_, before, _ := w.raw("GET", "/v1/balance", "")
	stop()

	w, stop = started(t, dir)
	defer stop()
	if _, now, _ := w.raw("GET", "/v1/balance", ""); now != before {
		t.Fatalf("the balance was %s and is %s", before, now)
	}
	w.advance(time.Hour + 7*day)
	for path, want := range map[string]string{
		"payment_intents/" + held: "canceled", "refunds/" + back: "succeeded",
		"checkout/sessions/" + session: "complete",
	} {
		if now := w.object("GET", "/v1/"+path, ""); now["status"] != want {
			t.Errorf("%s is %v, want %s", path, now["status"], want)
		}
	}
	if now := w.object("GET", "/v1/checkout/sessions/"+session, ""); now["payment_status"] != "paid" {
		t.Errorf("the debit is lost: %v", now["payment_status"])
	}
	w.requireMoney(1912-2000+2883, 0)
}

// This test proves that a bank follows the payer's test clock.
func TestBanksKeepTheTestClock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	frozen := time.Date(2030, 6, 1, 0, 0, 0, 0, time.UTC)
	clock := w.object("POST", "/v1/test_helpers/test_clocks", "frozen_time="+itoa(frozen.Unix()))["id"].(string)
	customer := w.object("POST", "/v1/customers", "test_clock="+clock)["id"].(string)
	asked := w.object(
		"POST", "/v1/payment_intents",
		"amount=500&currency=eur&confirm=true&customer="+customer+"&payment_method="+w.debitMethod(goodIBAN),
	)["id"].(string)
	if w.advance(2 * time.Hour); w.object("GET", "/v1/payment_intents/"+asked, "")["status"] != "processing" {
		t.Fatal("the main clock decides")
	}
	w.object(
		"POST", "/v1/test_helpers/test_clocks/"+clock+"/advance", "frozen_time="+itoa(frozen.Add(time.Hour).Unix()),
	)
	paid := w.object("GET", "/v1/payment_intents/"+asked, "expand[]=latest_charge.balance_transaction")
	if paid["status"] != "succeeded" {
		t.Fatalf("it is %v", paid["status"])
	}
	if moved := paid["latest_charge"].(map[string]any)["balance_transaction"].(map[string]any); moved["created"] != float64(frozen.Add(time.Hour).Unix()) {
		t.Fatalf("it moved at %v", moved["created"])
	}
}
