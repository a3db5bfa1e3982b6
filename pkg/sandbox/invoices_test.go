package sandbox_test

import (
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// These tests prove what an invoice made by hand contains, what may still change on it, and which changes are refused.

func TestInvoiceByHand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	id, customer := w.subscribed(w.price(1900, "month"), "pm_card_visa")
	own := w.object("POST", "/v1/invoiceitems", "amount=300&currency=usd&customer="+customer+"&subscription="+id)
	w.object("POST", "/v1/invoiceitems", "amount=50&currency=usd&customer="+customer)

	if empty := w.object("POST", "/v1/invoices", "customer="+customer); empty["total"] != float64(0) {
		t.Fatalf("pending items are taken up unasked: %v", empty["total"])
	}
	made := w.object("POST", "/v1/invoices", "customer="+customer+"&subscription="+id)
	if made["total"] != float64(300) || made["subscription"] != id || w.object(
		"GET", "/v1/invoiceitems/"+own["id"].(string), "",
	)["invoice"] != made["id"] {
		t.Fatalf("the subscription's own item is not on it, or more: %v", made)
	}
	if status, code, param, _ := w.refusal(
		"POST", "/v1/invoices", "customer="+customer+"&subscription="+id,
	); status != 400 || code != "invoice_no_subscription_line_items" || param != "subscription" {
		t.Fatalf("with nothing to invoice it answers %d %s %s", status, code, param)
	}
	if sub := w.subscription(id); latest(sub)["id"] == made["id"] {
		t.Fatal("an invoice by hand is the subscription's latest")
	}
	paid := w.object("POST", "/v1/invoices/"+made["id"].(string)+"/pay", "")
	if paid["amount_paid"] != float64(300) {
		t.Fatalf("it is %v", paid)
	}
}

func TestInvoiceItemUpdate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	customer := w.object(
		"POST", "/v1/customers", "payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa",
	)["id"].(string)
	path := "/v1/invoiceitems/" + w.object(
		"POST", "/v1/invoiceitems", "amount=300&currency=usd&description=a&customer="+customer,
	)["id"].(string)
	changed := w.object(
		"POST", path,
		"unit_amount=200&quantity=3&description=b&metadata[k]=v&discountable=false&period[start]=5&period[end]=9",
	)
	if changed["amount"] != float64(600) || changed["description"] != "b" ||
		changed["period"].(map[string]any)["end"] != float64(9) || changed["discountable"] != false {
		t.Fatalf("it is %v", changed)
	}
	w.object("POST", "/v1/invoiceitems", "amount=1&currency=usd&customer="+customer)
	draft := w.object(
		"POST", "/v1/invoices", "pending_invoice_items_behavior=include&customer="+customer,
	)["id"].(string)
	w.object("POST", path, "amount=-100")
	invoice := w.object("GET", "/v1/invoices/"+draft, "")
	line := invoice["lines"].(map[string]any)["data"].([]any)[0].(map[string]any)
	if invoice["total"] != float64(-99) || line["amount"] != float64(-100) || line["quantity"] != float64(1) {
		t.Fatalf("the draft does not follow: %v", invoice)
	}
	for form, want := range map[string]string{
		"amount=5&quantity=2": "quantity", "unit_amount=99999999&quantity=2": "amount",
		"period[start]=9&period[end]=5": "period[end]",
	} {
		if status, _, param, _ := w.refusal("POST", path, form); status != 400 || param != want {
			t.Errorf("%s answers %d %s", form, status, param)
		}
	}
	w.object("POST", "/v1/invoices/"+draft+"/finalize", "")
	if status, code, _, _ := w.refusal("POST", path, "amount=5"); status != 400 || code != "invoice_not_editable" {
		t.Fatalf("an item of a finalized invoice changes: %d %s", status, code)
	}
}

// If a draft is opened by hand and advances automatically, it is charged an hour later. Otherwise it waits.
func TestFinalizeByHand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	customer := w.cardHolder()
	for advance, want := range map[string]string{"true": "paid", "false": "open"} {
		w.object("POST", "/v1/invoiceitems", "amount=300&currency=usd&customer="+customer)
		id := w.object(
			"POST", "/v1/invoices", "pending_invoice_items_behavior=include&customer="+customer,
		)["id"].(string)
		if open := w.object(
			"POST", "/v1/invoices/"+id+"/finalize", "auto_advance="+advance,
		); open["status"] != "open" || (open["next_payment_attempt"] != nil) != (advance == "true") {
			t.Fatalf("finalized, it is %v", open)
		}
		w.advance(time.Hour)
		if invoice := w.object("GET", "/v1/invoices/"+id, ""); invoice["status"] != want {
			t.Fatalf("with auto_advance=%s it is %v an hour later", advance, invoice["status"])
		}
	}
}

// An invoice's own card takes precedence over its customer's.
func TestInvoiceDefaultCard(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	customer := w.object(
		"POST", "/v1/customers", "payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa",
	)["id"].(string)
	bad := w.object(
		"POST", "/v1/payment_methods/pm_card_chargeCustomerFail/attach", "customer="+customer,
	)["id"].(string)
	w.object("POST", "/v1/invoiceitems", "amount=300&currency=usd&customer="+customer)
	id := w.object(
		"POST", "/v1/invoices",
		"auto_advance=true&pending_invoice_items_behavior=include&customer="+customer+"&default_payment_method="+bad,
	)["id"].(string)
	w.advance(2 * time.Hour)
	if invoice := w.object(
		"GET", "/v1/invoices/"+id, "",
	); invoice["status"] != "open" || invoice["attempt_count"] != float64(1) {
		t.Fatalf("it was not charged to its own card: %v", invoice)
	}
	if status, _, param, _ := w.refusal(
		"POST", "/v1/invoices/"+id, "default_payment_method=pm_card_visa",
	); status != 400 || param != "default_payment_method" {
		t.Fatalf("a card of nobody answers %d %s", status, param)
	}
	good := w.object("POST", "/v1/payment_methods/pm_card_visa/attach", "customer="+customer)["id"].(string)
	w.object("POST", "/v1/invoices/"+id, "default_payment_method="+good)
	if paid := w.object("POST", "/v1/invoices/"+id+"/pay", ""); paid["status"] != "paid" {
		t.Fatalf("it is %v", paid)
	}
}
