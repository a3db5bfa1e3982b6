package sandbox_test

import (
	"fmt"
	"testing"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// This test proves that a customer's balance is the sum of its entries. Entries are made by hand, by setting the
// balance, and by invoices that use up credit.
func TestCustomerBalance(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	customer := w.object(
		"POST", "/v1/customers",
		"balance=-300&payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa",
	)["id"].(string)
	path := "/v1/customers/" + customer + "/balance_transactions"
	made := w.object("POST", path, "amount=-400&currency=usd&description=x&metadata[a]=b")
	if made["ending_balance"] != float64(-700) || made["type"] != "adjustment" ||
		made["object"] != "customer_balance_transaction" {
		t.Fatalf("it is %v", made)
	}
	if now := w.object(
		"POST", path+"/"+made["id"].(string), "description=y",
	); now["description"] != "y" || now["amount"] != float64(-400) {
		t.Fatalf("updated, it is %v", now)
	}
	w.object("POST", "/v1/customers/"+customer, "balance=-1000")
	w.object("POST", "/v1/subscriptions", "customer="+customer+"&items[0][price]="+w.price(1900, "month"))
	var sum float64
	var kinds []string
	for _, each := range w.object("GET", path, "")["data"].([]any) {
		entry := each.(map[string]any)
		sum, kinds = sum+entry["amount"].(float64), append([]string{entry["type"].(string)}, kinds...)
		if entry["type"] == "applied_to_invoice" && (entry["amount"] != float64(1000) || entry["invoice"] == nil) {
			t.Fatalf("used up: %v", entry)
		}
	}
	requireOrder(t, kinds, "initial", "adjustment", "adjustment", "applied_to_invoice")
	if sum != 0 || w.object("GET", "/v1/customers/"+customer, "")["balance"] != sum {
		t.Fatalf("the entries add up to %v", sum)
	}
	if status, _, param, _ := w.refusal("POST", path, "amount=1&currency=eur"); status != 400 || param != "currency" {
		t.Fatalf("another currency: %d %s", status, param)
	}
	if status, _, _, _ := w.refusal("GET", path+"/cbtxn_x", ""); status != 404 {
		t.Fatalf("one that is not there: %d", status)
	}
}

// This test proves that voiding an invoice reverses its use of the balance once: it gives back the credit that the
// invoice used, or the debt that it collected.
func TestVoidedInvoiceGivesBalanceBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	for _, balance := range []string{"-300", "300"} {
		customer := w.object("POST", "/v1/customers", "balance="+balance)["id"].(string)
		w.object("POST", "/v1/invoiceitems", "currency=usd&amount=1000&customer="+customer)
		invoice := w.object(
			"POST", "/v1/invoices", "pending_invoice_items_behavior=include&customer="+customer,
		)["id"].(string)
		w.object("POST", "/v1/invoices/"+invoice+"/finalize", "")
		if left := w.object("GET", "/v1/customers/"+customer, "")["balance"]; left != float64(0) {
			t.Fatalf("finalized, it leaves a balance of %v", left)
		}
		w.object("POST", "/v1/invoices/"+invoice+"/void", "")
		if status, _, _, _ := w.refusal("POST", "/v1/invoices/"+invoice+"/void", ""); status != 400 {
			t.Fatalf("voided twice: %d", status)
		}
		entries := w.object("GET", "/v1/customers/"+customer+"/balance_transactions", "")["data"].([]any)
		last := entries[0].(map[string]any)
		if now := w.object(
			"GET", "/v1/customers/"+customer, "",
		)["balance"]; fmt.Sprint(now) != balance || len(entries) != 3 ||
			last["type"] != "unapplied_from_invoice" || last["invoice"] != invoice || last["amount"] != now {
			t.Fatalf("voided, the balance is %v after %v", now, entries)
		}
	}
}
