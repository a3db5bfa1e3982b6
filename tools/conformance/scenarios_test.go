package conformance

import (
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// scenarios are the lives that a customer can have. The sandbox's own tests check their values. Here only the shapes
// are checked.
var scenarios = map[string]func(*world){
	"Purchase":         purchase,
	"Subscription":     func(w *world) { w.subscribed(w.price(1900, "month"), "") },
	"Decline":          decline,
	"Renewal":          renewal,
	"FailedToCanceled": failedToCanceled,
	"CancelAtEnd":      cancelAtEnd,
	"PlanChanges":      planChanges,
	"Trial":            trial,
	"Refund":           refund,
	"Dispute":          func(w *world) { disputed(w, "pm_card_createDispute", "winning_evidence") },
	"DisputeLost":      func(w *world) { disputed(w, "pm_card_createDisputeProductNotReceived", "losing_evidence") },
	"Inquiry":          func(w *world) { disputed(w, "pm_card_createDisputeInquiry", "losing_evidence") },
	"Expiry":           expiry,
	"Authentication":   authentication,
	"Portal":           portal,
	"TestClock":        testClock,
	"Intents":          intents,
	"Controls":         controls,
	"Setup":            setup,
	"Invoices":         invoices,
	"Catalogue":        catalogue,
	"Coupons":          coupons,
	"PromotionCodes":   promotionCodes,
	"Errors":           errors,
	"Captures":         captures,
	"BankDebits":       bankDebits,
	"SetupSessions":    setupSessions,
	"RefundFates":      refundFates,
	"Sources":          sources,
	"Searches":         searches,
	"Belongings":       belongings,
	"RefundThatWaits":  refundThatWaits,
	"PortalFlows":      portalFlows,
	"Unpaid":           unpaidForGood,
	"Pausing":          pausing,
	"Previews":         previews,
	"Anchors":          anchors,
	"Sending":          sending,
	"Unattended":       unattended,
	"Schedules":        schedules,
}

func purchase(w *world) {
	session := w.session(
		"payment", w.price(900, ""),
		"&customer_creation=always&payment_intent_data[metadata][o]=1&payment_intent_data[setup_future_usage]=off_session&allow_promotion_codes=true",
	)
	w.ask("GET", "/v1/checkout/sessions/"+session+"/line_items", "")
	w.bought(session, "pm_card_visa")
	w.ask(
		"GET", "/v1/checkout/sessions/"+session,
		"expand[]=line_items&expand[]=payment_intent.latest_charge.refunds&expand[]=customer&expand[]=line_items.data.price.product",
	)
	w.bought(w.session("payment", w.price(800, ""), "&customer_email=a@b.test"), "pm_card_mastercard")
}

func decline(w *world) {
	once, monthly := w.session("payment", w.price(900, ""), ""), w.session(
		"subscription", w.price(901, "month"), "&customer_email=a@b.test",
	)
	for _, session := range []string{once, monthly} {
		w.refused(
			http.StatusPaymentRequired, "POST", "/v1/payment_pages/"+session+"/confirm",
			"payment_method=pm_card_visa_chargeDeclined",
		)
		w.bought(session, "pm_card_visa")
	}
	w.refused(
		http.StatusPaymentRequired, "POST", "/v1/payment_intents",
		"amount=500&currency=usd&confirm=true&payment_method=pm_card_chargeDeclinedExpiredCard",
	)
	customer := w.ask("POST", "/v1/customers", "")["id"].(string)
	w.refused(
		http.StatusPaymentRequired, "POST", "/v1/payment_methods/pm_card_visa_chargeDeclined/attach",
		"customer="+customer,
	)
}

func renewal(w *world) {
	id, customer := w.subscribed(w.price(1900, "month"), "")
	w.ask("GET", "/v1/invoices/upcoming", "subscription="+id)
	w.advance(31 * day)
	w.ask(
		"GET", "/v1/subscriptions/"+id,
		"expand[]=latest_invoice.payment_intent&expand[]=customer&expand[]=default_payment_method&expand[]=items.data.price.product",
	)
	w.advance(time.Hour)
	w.ask("GET", "/v1/customers/"+customer, "expand[]=subscriptions&expand[]=sources&expand[]=tax_ids")
	w.ask("GET", "/v1/invoices", "subscription="+id+"&expand[]=data.charge&expand[]=data.subscription")
	w.ask("GET", "/v1/customers/"+customer+"/payment_methods", "")
}

func failedToCanceled(w *world) {
	id, customer := w.subscribed(w.price(1900, "month"), "")
	w.switchCard(customer, id, "pm_card_chargeCustomerFail")
	for range 5 {
		w.advance(8 * day)
	}
	w.advance(2 * time.Hour)
	if status := w.ask("GET", "/v1/subscriptions/"+id, "")["status"]; status != "past_due" {
		w.t.Fatalf("it is %v", status)
	}
	w.advance(20 * day)
	if status := w.ask("GET", "/v1/subscriptions/"+id, "expand[]=latest_invoice")["status"]; status != "canceled" {
		w.t.Fatalf("it is %v", status)
	}
}

func cancelAtEnd(w *world) {
	id, _ := w.subscribed(w.price(1900, "month"), "")
	for _, wanted := range []string{"true", "false", "true"} {
		w.ask("POST", "/v1/subscriptions/"+id, "cancel_at_period_end="+wanted)
	}
	w.advance(32 * day)
	gone, _ := w.subscribed(w.price(2900, "month"), "")
	w.ask("DELETE", "/v1/subscriptions/"+gone, "")
	w.refused(http.StatusNotFound, "DELETE", "/v1/subscriptions/"+gone, "")
}

func planChanges(w *world) {
	low, high := w.price(1000, "month"), w.price(2000, "month")
	id, customer := w.subscribed(low, "")
	item := w.ask("GET", "/v1/subscriptions/"+id, "")["items"].(node)["data"].([]any)[0].(node)["id"].(string)
	to := func(price, more string) {
		w.advance(5 * day)
		w.ask("POST", "/v1/subscriptions/"+id, "items[0][id]="+item+"&items[0][price]="+price+more)
	}
	to(high, "&proration_behavior=always_invoice")
	to(low, "&proration_behavior=none")
	to(high, "")
	w.ask("GET", "/v1/invoices/upcoming", "customer="+customer)
	w.switchCard(customer, id, "pm_card_chargeCustomerFail")
	to(w.price(3000, "month"), "&proration_behavior=always_invoice&payment_behavior=pending_if_incomplete")
	w.ask("GET", "/v1/subscription_items", "subscription="+id)
	w.ask("POST", "/v1/subscription_items/"+item, "metadata[a]=b")
	w.advance(40 * day)
}

func trial(w *world) {
	id, _ := w.subscribed(w.price(1900, "month"), "&subscription_data[trial_period_days]=14")
	w.advance(12 * day)
	w.advance(3 * day)
	w.ask("GET", "/v1/subscriptions/"+id, "expand[]=latest_invoice")
}

func refund(w *world) {
	paid := w.bought(w.session("payment", w.price(900, ""), ""), "pm_card_visa")
	intent := paid["payment_intent"].(string)
	part := w.ask(
		"POST", "/v1/refunds", "amount=400&reason=requested_by_customer&payment_intent="+intent,
	)["id"].(string)
	w.ask("POST", "/v1/refunds/"+part, "metadata[a]=b")
	w.ask("POST", "/v1/refunds", "payment_intent="+intent+"&expand[]=charge")
	w.refused(http.StatusBadRequest, "POST", "/v1/refunds", "payment_intent="+intent)
	w.ask("GET", "/v1/payment_intents/"+intent, "expand[]=latest_charge.refunds")
}

func disputed(w *world, card, evidence string) {
	paid := w.bought(w.session("payment", w.price(900, ""), ""), card)
	found := w.ask(
		"GET", "/v1/disputes", "expand[]=data.charge&payment_intent="+paid["payment_intent"].(string),
	)["data"].([]any)[0].(node)
	w.ask("POST", "/v1/disputes/"+found["id"].(string), "evidence[uncategorized_text]="+evidence)
	w.ask("GET", "/v1/disputes/"+found["id"].(string), "expand[]=payment_intent")
}

func expiry(w *world) {
	price := w.price(900, "")
	w.session("payment", price, "")
	w.ask("POST", "/v1/checkout/sessions/"+w.session("payment", price, "")+"/expire", "")
	customer := w.ask("POST", "/v1/customers", "")["id"].(string)
	w.ask(
		"POST", "/v1/subscriptions",
		"payment_behavior=default_incomplete&expand[]=latest_invoice.payment_intent&customer="+customer+
			"&items[0][price]="+w.price(901, "month"),
	)
	w.advance(25 * time.Hour)
}

func authentication(w *world) {
	asked := w.ask(
		"POST", "/v1/payment_intents",
		"amount=500&currency=usd&confirm=true&return_url=https://shop.test&payment_method=pm_card_threeDSecure2Required",
	)
	if asked["status"] != "requires_action" {
		w.t.Fatalf("it is %v", asked["status"])
	}
	session := w.session("subscription", w.price(901, "month"), "&customer_email=a@b.test")
	w.bought(session, "pm_card_threeDSecure2Required")
	form := url.Values{"challenge": {"accept"}}.Encode()
	if status, body := w.send("POST", "/c/pay/"+session, form); status != http.StatusSeeOther {
		w.t.Fatalf("%d %s", status, body)
	}
}

func portal(w *world) {
	_, customer := w.subscribed(w.price(1900, "month"), "")
	features := "business_profile[headline]=x&features[customer_update][enabled]=true&features[customer_update][allowed_updates][0]=email&features[invoice_history][enabled]=true" +
		"&features[subscription_cancel][enabled]=true&features[payment_method_update][enabled]=true"
	made := w.ask("POST", "/v1/billing_portal/configurations", features)["id"].(string)
	w.ask("POST", "/v1/billing_portal/configurations/"+made, "metadata[a]=b")
	w.ask("POST", "/v1/billing_portal/sessions", "return_url=https://shop.test&customer="+customer)
	w.ask("POST", "/v1/billing_portal/sessions", "customer="+customer+"&configuration="+made)
}

func controls(w *world) {
	id, _ := w.subscribed(w.price(1900, "month"), "")
	for _, outcome := range []string{"failed", "paid"} {
		w.ask("POST", "/_sandbox/subscriptions/"+id+"/next_invoice", `{"outcome":"`+outcome+`"}`)
	}
	charge := w.ask("GET", "/v1/charges", "limit=1")["data"].([]any)[0].(node)["id"].(string)
	w.ask("POST", "/_sandbox/payments/"+charge+"/refund", `{"amount":100}`)
	dispute := w.ask("POST", "/_sandbox/payments/"+charge+"/dispute", `{"reason":"duplicate"}`)["id"].(string)
	w.ask("POST", "/_sandbox/disputes/"+dispute+"/close", `{"outcome":"won"}`)
	for _, kind := range []string{"api_error", "api_rate_limit", "api_lock_timeout"} {
		w.ask("POST", "/_sandbox/faults", `{"kind":"`+kind+`"}`)
		if status, _ := w.send("POST", "/v1/customers", ""); status < 400 {
			w.t.Fatalf("%s answers %d", kind, status)
		}
	}
}

func setup(w *world) {
	customer := w.ask("POST", "/v1/customers", "email=a@b.test")["id"].(string)
	made := w.ask(
		"POST", "/v1/setup_intents", "description=d&automatic_payment_methods[enabled]=true&customer="+customer,
	)["id"].(string)
	w.ask("POST", "/v1/setup_intents/"+made, "metadata[a]=b")
	w.refused(
		http.StatusPaymentRequired, "POST", "/v1/setup_intents/"+made+"/confirm",
		"payment_method=pm_card_visa_chargeDeclined",
	)
	w.ask("GET", "/v1/setup_intents/"+made, "")
	w.ask(
		"POST", "/v1/setup_intents/"+made+"/confirm",
		"payment_method=pm_card_visa&expand[]=payment_method&expand[]=customer",
	)
	w.refused(http.StatusBadRequest, "POST", "/v1/setup_intents/"+made+"/cancel", "")
	w.ask(
		"POST", "/v1/setup_intents/"+w.ask("POST", "/v1/setup_intents", "usage=on_session")["id"].(string)+"/cancel",
		"cancellation_reason=abandoned",
	)
	for _, outcome := range []string{"accepted", "refused"} {
		asked := w.ask(
			"POST", "/v1/setup_intents", "confirm=true&payment_method=pm_card_threeDSecure2Required",
		)["id"].(string)
		w.ask("POST", "/_sandbox/intents/"+asked+"/authenticate", `{"outcome":"`+outcome+`"}`)
	}
}

func testClock(w *world) {
	start := time.Date(2030, 1, 31, 0, 0, 0, 0, time.UTC)
	clock := w.ask(
		"POST", "/v1/test_helpers/test_clocks", fmt.Sprintf("name=x&frozen_time=%d", start.Unix()),
	)["id"].(string)
	customer := w.ask(
		"POST", "/v1/customers",
		"test_clock="+clock+"&payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa",
	)["id"].(string)
	w.ask(
		"POST", "/v1/subscriptions",
		"customer="+customer+"&items[0][price]="+w.price(700, "month")+"&expand[]=test_clock",
	)
	w.ask(
		"POST", "/v1/test_helpers/test_clocks/"+clock+"/advance",
		fmt.Sprintf("frozen_time=%d", start.AddDate(0, 1, 1).Unix()),
	)
	w.ask("GET", "/v1/test_helpers/test_clocks/"+clock, "")
	w.lists()
	w.ask("DELETE", "/v1/test_helpers/test_clocks/"+clock, "")
	w.ask("GET", "/v1/customers/"+customer, "")
}

func intents(w *world) {
	customer := w.ask(
		"POST", "/v1/customers",
		"description=x&phone=1&shipping[name]=Jo&shipping[address][line1]=a&invoice_prefix=ABC&preferred_locales[]=fr",
	)["id"].(string)
	made := w.ask(
		"POST", "/v1/payment_intents",
		"amount=500&currency=eur&customer="+customer+"&description=d&metadata[a]=b&receipt_email=a@b.test",
	)["id"].(string)
	w.ask("POST", "/v1/payment_intents/"+made, "amount=600")
	w.refused(
		http.StatusPaymentRequired, "POST", "/v1/payment_intents/"+made+"/confirm",
		"payment_method=pm_card_chargeDeclined&return_url=https://shop.test",
	)
	w.ask("POST", "/v1/payment_intents/"+made+"/confirm", "payment_method=pm_card_visa&return_url=https://shop.test")
	other := w.ask("POST", "/v1/payment_intents", "amount=500&currency=usd")["id"].(string)
	w.ask("POST", "/v1/payment_intents/"+other+"/cancel", "cancellation_reason=abandoned")
	method := w.ask(
		"POST", "/v1/payment_methods",
		"type=card&card[number]=4242424242424242&card[exp_month]=12&card[exp_year]=2030&card[cvc]=123&billing_details[name]=Jo",
	)["id"].(string)
	w.ask("POST", "/v1/payment_methods/"+method+"/attach", "customer="+customer)
	w.ask("POST", "/v1/payment_methods/"+method, "metadata[a]=b")
	w.ask("GET", "/v1/payment_methods/"+method, "expand[]=customer")
	w.ask("GET", "/v1/payment_methods", "type=card&customer="+customer)
	w.ask("POST", "/v1/payment_methods/"+method+"/detach", "")
	w.ask("GET", "/v1/account", "")
	w.ask("GET", "/v1/balance", "")
}

func invoices(w *world) {
	customer := w.ask(
		"POST", "/v1/customers", "payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa",
	)["id"].(string)
	item := func() string {
		return w.ask(
			"POST", "/v1/invoiceitems", "amount=700&currency=usd&description=x&customer="+customer,
		)["id"].(string)
	}
	draft := func() string {
		item()
		return w.ask(
			"POST", "/v1/invoices",
			"pending_invoice_items_behavior=include&customer="+customer+"&description=x&metadata[a]=b",
		)["id"].(string)
	}
	w.ask("DELETE", "/v1/invoiceitems/"+item(), "")
	w.ask("POST", "/v1/invoiceitems", "customer="+customer+"&price="+w.price(300, ""))
	paid := draft()
	w.ask("POST", "/v1/invoices/"+paid, "metadata[a]=c")
	w.ask("GET", "/v1/invoices/"+paid+"/lines", "")
	w.ask("POST", "/v1/invoices/"+paid+"/finalize", "")
	w.ask("POST", "/v1/invoices/"+paid+"/pay", "expand[]=payment_intent")
	for _, end := range []string{"void", "mark_uncollectible"} {
		open := draft()
		w.ask("POST", "/v1/invoices/"+open+"/finalize", "")
		w.ask("POST", "/v1/invoices/"+open+"/"+end, "")
	}
	w.ask("DELETE", "/v1/invoices/"+draft(), "")
	w.ask("POST", "/v1/customers/"+customer, "name=Joe&metadata[a]=&balance=-100")
	w.ask("DELETE", "/v1/customers/"+customer, "")
	w.ask("GET", "/v1/customers/"+customer, "")
}

func catalogue(w *world) {
	product := w.ask("POST", "/v1/products", "name=x&description=y&images[]=https://a.test/b.png&features[0][name]=f&unit_label=seat&shippable=true"+
		"&package_dimensions[height]=1&package_dimensions[length]=1&package_dimensions[weight]=1&package_dimensions[width]=1&url=https://a.test"+
		"&default_price_data[currency]=usd&default_price_data[unit_amount]=100&expand[]=default_price")["id"].(string)
	w.ask("POST", "/v1/products/"+product, "active=false&metadata[a]=b")
	price := w.ask(
		"POST", "/v1/prices",
		"currency=usd&unit_amount=5&recurring[interval]=year&nickname=n&expand[]=product&product="+product,
	)["id"].(string)
	w.ask("POST", "/v1/prices/"+price, "active=false&lookup_key=a")
	bare := w.ask("POST", "/v1/products", "name=z")["id"].(string)
	w.ask("DELETE", "/v1/products/"+bare, "")
	endpoint := w.ask(
		"POST", "/v1/webhook_endpoints", "enabled_events[]=*&url=http://127.0.0.1:9&description=d",
	)["id"].(string)
	w.ask("POST", "/v1/webhook_endpoints/"+endpoint, "disabled=true&metadata[a]=b")
	w.ask("DELETE", "/v1/webhook_endpoints/"+endpoint, "")
}

func errors(w *world) {
	w.refused(http.StatusNotFound, "GET", "/v1/customers/cus_x", "")
	w.refused(http.StatusBadRequest, "POST", "/v1/customers", "nme=x")
	w.refused(http.StatusBadRequest, "POST", "/v1/prices", "unit_amount=1")
	w.refused(http.StatusBadRequest, "POST", "/v1/prices", "unit_amount=ten&currency=usd")
	w.refused(http.StatusBadRequest, "GET", "/v1/customers", "limit=101")
	w.refused(http.StatusBadRequest, "POST", "/v1/checkout/sessions", "mode=gift")
	w.refused(http.StatusNotFound, "GET", "/v1/nothing", "")
	for range 12 {
		w.ask("POST", "/v1/customers", "")
	}
	w.ask("GET", "/v1/customers", "limit=3")
}
