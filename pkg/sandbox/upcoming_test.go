package sandbox_test

import (
	"net/url"
	"testing"
	"time"
)

// These tests prove that a preview shows what will come, to the cent, and changes nothing.

// all returns everything that the lists show, so that a trace can be seen.
func (w *world) all() string {
	w.t.Helper()
	shown := ""
	for _, noun := range []string{
		"customers", "subscriptions", "invoices", "invoiceitems", "payment_intents", "charges", "prices", "products",
		"events",
	} {
		_, body, _ := w.raw("GET", "/v1/"+noun, "limit=100")
		shown += body
	}
	return shown
}

// foresee requests a preview and proves that it leaves no trace.
func (w *world) foresee(form url.Values) map[string]any {
	w.t.Helper()
	before := w.all()
	shown := w.object("GET", "/v1/invoices/upcoming", form.Encode())
	lines := w.object("GET", "/v1/invoices/upcoming/lines", form.Encode())["data"].([]any)
	if w.all() != before {
		w.t.Fatal("the preview left something behind")
	}
	if _, named := shown["id"]; named || shown["billing_reason"] != "upcoming" || len(lines) != min(
		len(shown["lines"].(map[string]any)["data"].([]any)), 10,
	) {
		w.t.Fatalf("it is no preview: %v", shown)
	}
	return shown
}

// A change that is invoiced at once costs what its preview showed for the same proration_date. This holds for every
// change.
func TestPreviewEqualsTheInvoice(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(w *world, item string) url.Values{
		"OtherPrice": func(w *world, item string) url.Values {
			return url.Values{"items[0][id]": {item}, "items[0][price]": {w.price(7777, "month")}}
		},
		"Quantity": func(w *world, item string) url.Values {
			return url.Values{"items[0][id]": {item}, "items[0][quantity]": {"7"}}
		},
		"Fewer": func(w *world, item string) url.Values {
			return url.Values{
				"items[0][id]": {item}, "items[0][deleted]": {"true"}, "items[1][price]": {w.price(123, "month")},
				"items[1][quantity]": {"3"},
			}
		},
		"OtherInterval": func(w *world, item string) url.Values {
			return url.Values{"items[0][id]": {item}, "items[0][price]": {w.price(99999, "year")}}
		},
		"AnchorNow": func(w *world, item string) url.Values { return url.Values{"billing_cycle_anchor": {"now"}} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, inApril)
			id, customer := w.subscribed(w.price(1999, "month"), "pm_card_visa")
			w.object("POST", "/v1/invoiceitems", "amount=-250&currency=usd&customer="+customer)
			w.object("POST", "/v1/customers/"+customer, "balance=-100")
			w.advance(11*day + 7*time.Hour)
			form := change(w, itemIDOf(w.subscription(id)))
			form.Set("proration_behavior", "always_invoice")
			form.Set("proration_date", itoa(time.Date(2024, 4, 10, 3, 4, 5, 0, time.UTC).Unix()))
			ask := url.Values{"subscription": {id}}
			for param, values := range form {
				ask["subscription_"+param] = values
			}
			shown := w.foresee(ask)
			if itoa(int64(shown["subscription_proration_date"].(float64))) != form.Get("proration_date") {
				t.Fatalf("its proration_date is %v", shown["subscription_proration_date"])
			}
			w.object("POST", "/v1/subscriptions/"+id, form.Encode())
			made := latest(w.subscription(id))
			for _, field := range []string{"total", "subtotal", "amount_due", "starting_balance"} {
				if shown[field] != made[field] {
					t.Errorf("%s: previewed %v, made %v", field, shown[field], made[field])
				}
			}
			for i, line := range shown["lines"].(map[string]any)["data"].([]any) {
				real := made["lines"].(map[string]any)["data"].([]any)[i].(map[string]any)
				if line := line.(map[string]any); line["amount"] != real["amount"] ||
					line["description"] != real["description"] || line["proration"] != real["proration"] {
					t.Errorf("line %d: previewed %v, made %v", i, line, real)
				}
			}
		})
	}
}

func itemIDOf(sub map[string]any) string {
	return sub["items"].(map[string]any)["data"].([]any)[0].(map[string]any)["id"].(string)
}

func TestPreview(t *testing.T) {
	t.Parallel()
	t.Run("RenewalWithProrations", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inApril)
		id, _ := w.subscribed(w.price(1000, "month"), "pm_card_visa")
		w.advance(15 * day)
		shown := w.foresee(
			url.Values{
				"subscription": {id}, "subscription_items[0][id]": {itemIDOf(w.subscription(id))},
				"subscription_items[0][price]": {w.price(2000, "month")},
			},
		)
		if !near(shown["amount_due"], 2500) || len(shown["lines"].(map[string]any)["data"].([]any)) != 3 {
			t.Fatalf("the next cycle is 20 and the 5 of before: %v", shown)
		}
	})
	t.Run("WithItems", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inApril)
		id, customer := w.subscribed(w.price(1000, "month"), "pm_card_visa")
		waits := w.object("POST", "/v1/invoiceitems", "amount=300&currency=usd&customer="+customer)["id"].(string)
		shown := w.foresee(url.Values{"customer": {customer}, "subscription": {id}, "invoice_items[0][amount]": {"50"}, "invoice_items[0][currency]": {"usd"},
			"invoice_items[1][invoiceitem]": {waits}, "invoice_items[1][amount]": {"200"}})
		if shown["amount_due"] != float64(1250) {
			t.Fatalf("10, a half and 2 are %v", shown["amount_due"])
		}
		if status, _, param, _ := w.refusal(
			"GET", "/v1/invoices/upcoming", "subscription="+id+"&invoice_items[0][description]=x",
		); status != 400 || param != "invoice_items[0][amount]" {
			t.Fatalf("an item for nothing answers %d %s", status, param)
		}
	})
	t.Run("PendingItemsOnly", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inApril)
		customer := w.cardHolder()
		if status, code, _, _ := w.refusal(
			"GET", "/v1/invoices/upcoming", "customer="+customer,
		); status != 404 || code != "invoice_upcoming_none" {
			t.Fatalf("with nothing to come it answers %d %s", status, code)
		}
		w.object("POST", "/v1/invoiceitems", "amount=300&currency=usd&customer="+customer)
		if shown := w.foresee(
			url.Values{"customer": {customer}},
		); shown["amount_due"] != float64(300) || shown["subscription"] != nil {
			t.Fatalf("it is %v", shown)
		}
	})
	t.Run("NewSubscription", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inApril)
		w.advance(15 * day)
		form := url.Values{
			"customer": {w.cardHolder()}, "subscription_items[0][price]": {w.price(3000, "month")},
			"subscription_items[0][quantity]": {"2"},
		}
		if shown := w.foresee(form); shown["amount_due"] != float64(6000) {
			t.Fatalf("it is %v", shown["amount_due"])
		}
		form.Set("subscription_billing_cycle_anchor", itoa(time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC).Unix()))
		if shown := w.foresee(form); !near(shown["amount_due"], 3000) {
			t.Fatalf("until its anchor it is %v", shown["amount_due"])
		}
	})
}

func TestPreviewOfChanges(t *testing.T) {
	t.Parallel()
	t.Run("Ends", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inApril)
		id, _ := w.subscribed(w.price(3000, "month"), "pm_card_visa")
		w.advance(15 * day)
		if status, code, _, _ := w.refusal(
			"GET", "/v1/invoices/upcoming", "subscription_cancel_at_period_end=true&subscription="+id,
		); status != 404 || code != "invoice_upcoming_none" {
			t.Fatalf("it ends, and answers %d %s", status, code)
		}
		if shown := w.foresee(
			url.Values{"subscription": {id}, "subscription_cancel_now": {"true"}},
		); !near(shown["total"], -1500) || shown["amount_due"] != float64(0) {
			t.Fatalf("ended now it is %v", shown["total"])
		}
	})
	t.Run("Trial", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inApril)
		id := w.object(
			"POST", "/v1/subscriptions",
			"trial_period_days=10&customer="+w.cardHolder()+"&items[0][price]="+w.price(3000, "month"),
		)["id"].(string)
		if shown := w.foresee(
			url.Values{"subscription": {id}, "subscription_trial_end": {"now"}},
		); shown["amount_due"] != float64(3000) || shown["created"] == w.subscription(id)["trial_end"] {
			t.Fatalf("it is %v", shown)
		}
	})
	t.Run("Resumed", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inApril)
		id, _ := w.pausedTrial()
		if shown := w.foresee(
			url.Values{"subscription": {id}, "subscription_resume_at": {"now"}},
		); shown["amount_due"] != float64(3000) {
			t.Fatalf("it is %v", shown)
		}
	})
	t.Run("Refused", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, inApril)
		id, _ := w.subscribed(w.price(3000, "month"), "pm_card_visa")
		for form, want := range map[string]string{
			"subscription_proration_date=5":  "subscription_proration_date",
			"subscription_items[0][id]=si_x": "subscription_items[0][id]", "schedule=x": "schedule",
		} {
			if status, _, param, _ := w.refusal(
				"GET", "/v1/invoices/upcoming", form+"&subscription="+id,
			); status != 400 || param != want {
				t.Errorf("%s answers %d %s", form, status, param)
			}
		}
	})
}

// A renewal is announced a week before, with the invoice that it will bring. With a period of a week or less it is not
// announced.
func TestRenewalNotice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, inApril)
	id, _ := w.subscribed(w.price(3000, "month"), "pm_card_visa")
	before := len(w.events())
	w.advance(23*day + time.Hour)
	told := lessBalance(w.events()[before:])
	if len(told) != 1 || told[0]["type"] != "invoice.upcoming" {
		t.Fatalf("a week before: %v", types(told))
	}
	if shown := told[0]["data"].(map[string]any)["object"].(map[string]any); shown["amount_due"] != float64(3000) ||
		shown["subscription"] != id || shown["id"] != nil {
		t.Fatalf("it tells %v", shown)
	}
	w.subscribed(w.price(100, "week"), "pm_card_visa")
	before = len(w.events())
	w.advance(6 * day)
	if told := lessBalance(w.events()[before:]); len(told) != 0 {
		t.Fatalf("a week is announced, or a month twice: %v", types(told))
	}
}
