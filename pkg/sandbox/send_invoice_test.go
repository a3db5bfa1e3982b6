package sandbox_test

import (
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// These tests prove that an invoice can be sent instead of charged. It is due some days after it was opened, and waits
// for its customer. Its subscription becomes past due only after that day.

// billed makes a customer and a subscription whose invoices are sent and are due in 14 days.
func (w *world) billed(more string) (id, customer string) {
	w.t.Helper()
	customer = w.object("POST", "/v1/customers", "email=jo@shop.test")["id"].(string)
	return w.object(
		"POST", "/v1/subscriptions",
		"collection_method=send_invoice&days_until_due=14&customer="+customer+"&items[0][price]="+
			w.price(1900, "month")+more,
	)["id"].(string), customer
}

func TestSendInvoice(t *testing.T) {
	t.Parallel()
	t.Run("Subscription", sentSubscription)
	t.Run("ByHand", sentByHand)
	t.Run("DueAtOnce", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		customer := w.object("POST", "/v1/customers", "email=jo@shop.test")["id"].(string)
		w.object("POST", "/v1/invoiceitems", "amount=700&currency=usd&customer="+customer)
		id := w.object(
			"POST", "/v1/invoices",
			"pending_invoice_items_behavior=include&collection_method=send_invoice&days_until_due=0&customer="+customer,
		)["id"].(string)
		w.advance(time.Hour)
		sent := w.object("POST", "/v1/invoices/"+id+"/send", "")
		if sent["due_date"] != sent["status_transitions"].(map[string]any)["finalized_at"] {
			t.Fatalf("it is due %v", sent["due_date"])
		}
	})
	t.Run("SwitchedLater", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		id, _ := w.subscribed(w.price(1900, "month"), "pm_card_visa")
		if status, _, param, _ := w.refusal(
			"POST", "/v1/subscriptions/"+id, "collection_method=send_invoice",
		); status != 400 || param != "days_until_due" {
			t.Fatalf("without days it answers %d %s", status, param)
		}
		sub := w.object("POST", "/v1/subscriptions/"+id, "collection_method=send_invoice&days_until_due=3")
		if sub["collection_method"] != "send_invoice" || sub["days_until_due"] != float64(3) {
			t.Fatalf("it is %v", sub)
		}
		w.advance(31*day + 2*time.Hour)
		if invoice := latest(w.subscription(id)); invoice["status"] != "open" ||
			invoice["attempt_count"] != float64(0) {
			t.Fatalf("the renewal was charged: %v", invoice)
		}
	})
	t.Run("Refused", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{})
		customer := w.object("POST", "/v1/customers", "")["id"].(string)
		fields := "description=five"
		for n := range int64(5) {
			fields += "&custom_fields[" + itoa(n) + "][name]=a&custom_fields[" + itoa(n) + "][value]=b"
		}
		for form, want := range map[string]string{
			"collection_method=send_invoice":                                      "days_until_due",
			"collection_method=send_invoice&days_until_due=-1":                    "days_until_due",
			"days_until_due=5":                                                    "days_until_due",
			"collection_method=send_invoice&due_date=5":                           "due_date",
			"collection_method=send_invoice&days_until_due=3&due_date=1999999999": "due_date",
			fields: "custom_fields",
		} {
			if status, _, param, _ := w.refusal(
				"POST", "/v1/invoices", "customer="+customer+"&"+form,
			); status != 400 || param != want {
				t.Errorf("%s answers %d %s", form, status, param)
			}
		}
	})
}

func sentSubscription(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	id, customer := w.billed("")
	if sub := w.subscription(id); sub["status"] != "active" || latest(sub)["status"] != "draft" {
		t.Fatalf("it begins %v with an invoice that is %v", sub["status"], latest(sub)["status"])
	}
	w.advance(time.Hour)
	invoice := latest(w.subscription(id))
	opened := invoice["status_transitions"].(map[string]any)["finalized_at"].(float64)
	if invoice["status"] != "open" || invoice["attempted"] != false || invoice["due_date"] != opened+14*86400 ||
		invoice["next_payment_attempt"] != nil {
		t.Fatalf("after its hour it is %v", invoice)
	}
	requireOrder(t, types(w.events()), "invoice.created", "invoice.finalized", "invoice.sent")
	before := len(w.events())
	w.advance(14 * day)
	if sub := w.subscription(id); sub["status"] != "past_due" {
		t.Fatalf("a day late it is %v", sub["status"])
	}
	if late := w.events()[before:]; len(late) != 1 || previous(late[0])["status"] != "active" {
		t.Fatalf("that day brings %v", types(late))
	}
	method := w.object("POST", "/v1/payment_methods/pm_card_visa/attach", "customer="+customer)["id"].(string)
	w.object("POST", "/v1/invoices/"+invoice["id"].(string)+"/pay", "payment_method="+method)
	if sub := w.subscription(id); sub["status"] != "active" {
		t.Fatalf("paid, it is %v", sub["status"])
	}
}

func sentByHand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	customer := w.object("POST", "/v1/customers", "email=jo@shop.test")["id"].(string)
	w.object("POST", "/v1/invoiceitems", "amount=700&currency=usd&customer="+customer)
	draft := w.object("POST", "/v1/invoices", "pending_invoice_items_behavior=include&collection_method=send_invoice&days_until_due=30&footer=Thanks&customer="+customer+
		"&custom_fields[0][name]=PO&custom_fields[0][value]=42")
	id := draft["id"].(string)
	if draft["total"] != float64(700) || draft["footer"] != "Thanks" ||
		draft["custom_fields"].([]any)[0].(map[string]any)["value"] != "42" {
		t.Fatalf("the draft is %v", draft)
	}
	due := time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC).Unix()
	if edited := w.object(
		"POST", "/v1/invoices/"+id, "custom_fields=&footer=Bye&due_date="+itoa(due),
	); edited["custom_fields"] != nil || edited["footer"] != "Bye" || edited["due_date"] != float64(due) {
		t.Fatalf("edited, it is %v", edited)
	}
	if sent := w.object(
		"POST", "/v1/invoices/"+id+"/send", "",
	); sent["status"] != "open" || sent["due_date"] != float64(due) {
		t.Fatalf("sent, it is %v", sent)
	}
	requireOrder(t, types(w.events()), "invoice.created", "invoice.updated", "invoice.finalized", "invoice.sent")
	if status, code, _, _ := w.refusal(
		"POST", "/v1/invoices/"+id, "collection_method=charge_automatically",
	); status != 400 || code != "invoice_not_editable" {
		t.Fatalf("an open invoice becomes another: %d %s", status, code)
	}
	w.object("POST", "/v1/invoices/"+id+"/mark_uncollectible", "")
	if paid := w.object(
		"POST", "/v1/invoices/"+id+"/pay", "paid_out_of_band=true",
	); paid["status"] != "paid" || paid["paid_out_of_band"] != true {
		t.Fatalf("an uncollectible one cannot be paid: %v", paid)
	}
	charged := w.object("POST", "/v1/invoices", "customer="+customer)["id"].(string)
	if status, _, _, _ := w.refusal("POST", "/v1/invoices/"+charged+"/send", ""); status != 400 {
		t.Fatalf("one that is charged is sent: %d", status)
	}
}
