package conformance

import (
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// unpaidForGood makes a renewal fail for good with settings that keep the subscription, and then pays it.
func unpaidForGood(w *world) {
	w.ask("POST", "/_sandbox/settings", `{"after_last_retry":"unpaid","retry_days":[1]}`)
	id, customer := w.subscribed(w.price(1900, "month"), "")
	w.switchCard(customer, id, "pm_card_chargeCustomerFail")
	w.advance(31*day + time.Hour)
	w.advance(2 * day)
	owed := w.ask("GET", "/v1/subscriptions/"+id, "expand[]=latest_invoice")["latest_invoice"].(node)["id"].(string)
	w.advance(31 * day)
	w.switchCard(customer, id, "pm_card_visa")
	w.ask("POST", "/v1/invoices/"+owed+"/pay", "")
}

func pausing(w *world) {
	customer := w.ask("POST", "/v1/customers", "email=a@b.test")["id"].(string)
	id := w.ask(
		"POST", "/v1/subscriptions",
		"trial_period_days=9&trial_settings[end_behavior][missing_payment_method]=pause&customer="+customer+
			"&items[0][price]="+w.price(900, "month"),
	)["id"].(string)
	w.advance(9 * day)
	w.ask("GET", "/v1/subscriptions/"+id, "")
	w.ask("GET", "/v1/invoices/upcoming", "subscription_resume_at=now&subscription="+id)
	w.switchCard(customer, id, "pm_card_visa")
	w.ask("POST", "/v1/subscriptions/"+id+"/resume", "billing_cycle_anchor=now")
	until := url.QueryEscape(fmt.Sprint(time.Date(2024, 3, 10, 0, 0, 0, 0, time.UTC).Unix()))
	w.ask(
		"POST", "/v1/subscriptions/"+id,
		"pause_collection[behavior]=mark_uncollectible&pause_collection[resumes_at]="+until,
	)
	w.advance(40 * day)
}

func previews(w *world) {
	id, customer := w.subscribed(w.price(1900, "month"), "")
	item := w.ask("GET", "/v1/subscription_items", "subscription="+id)["data"].([]any)[0].(node)["id"].(string)
	w.advance(5 * day)
	change := "subscription=" + id + "&subscription_items[0][id]=" + item + "&subscription_items[0][price]=" +
		w.price(2900, "month")
	w.ask("GET", "/v1/invoices/upcoming", change+"&invoice_items[0][amount]=5&invoice_items[0][currency]=usd")
	w.ask(
		"GET", "/v1/invoices/upcoming", change+"&subscription_proration_behavior=always_invoice&expand[]=subscription",
	)
	w.ask("GET", "/v1/invoices/upcoming/lines", change+"&limit=1")
	w.ask("GET", "/v1/invoices/upcoming", "subscription_cancel_now=true&subscription="+id)
	w.refused(
		http.StatusNotFound, "GET", "/v1/invoices/upcoming", "subscription_cancel_at_period_end=true&subscription="+id,
	)
	w.ask("GET", "/v1/invoices/upcoming", "customer="+customer+"&subscription_items[0][price]="+w.price(700, "year"))
	w.ask("DELETE", "/v1/subscriptions/"+id, "invoice_now=true&prorate=true&cancellation_details[feedback]=unused")
}

func anchors(w *world) {
	customer := w.ask(
		"POST", "/v1/customers", "payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa",
	)["id"].(string)
	ahead := fmt.Sprint(time.Date(2024, 2, 1, 0, 0, 0, 0, time.UTC).Unix())
	monthly, once := w.price(900, "month"), w.price(40, "")
	for _, behavior := range []string{"create_prorations", "none"} {
		id := w.ask(
			"POST", "/v1/subscriptions",
			"billing_cycle_anchor="+ahead+"&proration_behavior="+behavior+"&customer="+customer+"&items[0][price]="+
				monthly,
		)["id"].(string)
		w.ask("POST", "/v1/subscriptions/"+id, "billing_cycle_anchor=now&add_invoice_items[0][price]="+once)
	}
}

func sending(w *world) {
	customer := w.ask(
		"POST", "/v1/customers",
		"email=a@b.test&payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa",
	)["id"].(string)
	w.ask(
		"POST", "/v1/subscriptions",
		"collection_method=send_invoice&days_until_due=7&customer="+customer+"&items[0][price]="+w.price(900, "month"),
	)
	w.advance(time.Hour)
	w.advance(8 * day)
	item := w.ask("POST", "/v1/invoiceitems", "amount=5&currency=usd&customer="+customer)["id"].(string)
	w.ask("POST", "/v1/invoiceitems/"+item, "unit_amount=300&quantity=2&period[start]=5&period[end]=6&metadata[a]=b")
	id := w.ask(
		"POST", "/v1/invoices",
		"pending_invoice_items_behavior=include&collection_method=send_invoice&days_until_due=7&customer="+customer,
	)["id"].(string)
	w.ask("POST", "/v1/invoices/"+id, "footer=f&custom_fields[0][name]=a&custom_fields[0][value]=b")
	w.ask("POST", "/v1/invoices/"+id+"/send", "")
	w.ask("POST", "/v1/invoices/"+id+"/mark_uncollectible", "")
	w.ask("POST", "/v1/invoices/"+id+"/pay", "")
}

// unattended renews with a card that requires its holder to authenticate.
func unattended(w *world) {
	id, customer := w.subscribed(w.price(1900, "month"), "")
	w.switchCard(customer, id, "pm_card_threeDSecure2Required")
	w.advance(31*day + time.Hour)
	invoice := w.ask("GET", "/v1/subscriptions/"+id, "expand[]=latest_invoice.payment_intent")["latest_invoice"].(node)
	w.refused(http.StatusPaymentRequired, "POST", "/v1/invoices/"+invoice["id"].(string)+"/pay", "")
	w.ask(
		"POST", "/_sandbox/intents/"+invoice["payment_intent"].(node)["id"].(string)+"/authenticate",
		`{"outcome":"accepted"}`,
	)
}

func schedules(w *world) {
	customer := w.ask(
		"POST", "/v1/customers", "payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa",
	)["id"].(string)
	low, high := w.price(900, "month"), w.price(1900, "month")
	phases := "&phases[0][items][0][price]=" + low +
		"&phases[0][iterations]=1&phases[0][metadata][a]=b&phases[1][items][0][price]=" + high +
		"&phases[1][items][0][quantity]=2"
	led := w.ask("POST", "/v1/subscription_schedules", "end_behavior=cancel&start_date=now&customer="+customer+phases)
	w.ask("GET", "/v1/subscriptions/"+led["subscription"].(string), "expand[]=schedule")
	later := fmt.Sprint(time.Date(2024, 2, 1, 0, 0, 0, 0, time.UTC).Unix())
	planned := w.ask(
		"POST", "/v1/subscription_schedules", "start_date="+later+"&customer="+customer+phases,
	)["id"].(string)
	w.ask("POST", "/v1/subscription_schedules/"+planned, "metadata[a]=b")
	dropped := w.ask(
		"POST", "/v1/subscription_schedules", "start_date="+later+"&customer="+customer+phases,
	)["id"].(string)
	w.ask("POST", "/v1/subscription_schedules/"+dropped+"/cancel", "")
	w.advance(35 * day)
	w.ask("POST", "/v1/subscription_schedules/"+planned+"/release", "expand[]=customer")
	w.advance(30 * day)
	if status := w.ask("GET", "/v1/subscription_schedules/"+led["id"].(string), "")["status"]; status != "completed" {
		w.t.Fatalf("it is %v", status)
	}
	id, _ := w.subscribed(low, "")
	adopted := w.ask("POST", "/v1/subscription_schedules", "from_subscription="+id)["id"].(string)
	w.ask("POST", "/v1/subscription_schedules/"+adopted+"/cancel", "prorate=true")
	w.ask("GET", "/v1/subscription_schedules", "customer="+customer+"&scheduled=false")
}
