package conformance

import (
	"net/http"
	"time"
)

// coupons creates coupons that a merchant redeems on a customer, on a subscription and on an invoice, and that end.
func coupons(w *world) {
	price := w.price(1900, "month")
	product := w.ask("GET", "/v1/prices/"+price, "")["product"].(string)
	w.ask(
		"POST", "/v1/coupons",
		"id=HALF&percent_off=50&duration=forever&name=Half&metadata[a]=b&expand[]=applies_to&applies_to[products][0]="+
			product,
	)
	w.ask(
		"POST", "/v1/coupons",
		"id=SOME&amount_off=300&currency=usd&duration=repeating&duration_in_months=2&max_redemptions=9",
	)
	w.ask("POST", "/v1/coupons", "id=ONCE&percent_off=12.5&redeem_by=1708000000")
	w.ask("POST", "/v1/coupons/HALF", "name=Half+price&metadata[a]=")
	w.ask("GET", "/v1/coupons/HALF", "expand[]=applies_to")
	w.ask("GET", "/v1/coupons", "limit=2&expand[]=data.applies_to")
	customer := w.ask(
		"POST", "/v1/customers",
		"coupon=SOME&payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa",
	)["id"].(string)
	w.ask("GET", "/v1/customers/"+customer, "expand[]=discount.customer")
	id := w.ask(
		"POST", "/v1/subscriptions",
		"coupon=HALF&expand[]=latest_invoice.discounts&expand[]=discount.promotion_code&customer="+customer+
			"&items[0][price]="+price,
	)["id"].(string)
	w.ask(
		"GET", "/v1/invoices/upcoming", "expand[]=discounts&expand[]=total_discount_amounts.discount&subscription="+id,
	)
	item := w.ask("GET", "/v1/subscription_items", "subscription="+id)["data"].([]any)[0].(node)["id"].(string)
	w.ask(
		"POST", "/v1/subscriptions/"+id,
		"coupon=ONCE&proration_behavior=always_invoice&items[0][price]="+w.price(2900, "month")+"&items[0][id]="+item,
	)
	w.advance(32 * day)
	w.ask("POST", "/v1/subscriptions/"+id, "coupon=HALF")
	w.ask("DELETE", "/v1/subscriptions/"+id+"/discount", "")
	w.advance(32 * day)
	w.ask("POST", "/v1/customers/"+customer, "coupon=HALF")
	w.ask("POST", "/v1/invoiceitems", "amount=700&currency=usd&customer="+customer)
	draft := w.ask(
		"POST", "/v1/invoices",
		"expand[]=discounts&customer="+customer+"&discounts[0][coupon]=SOME&discounts[1][coupon]=HALF",
	)["id"].(string)
	w.ask(
		"POST", "/v1/invoices/"+draft,
		"discounts[0][coupon]=SOME&expand[]=total_discount_amounts.discount&expand[]=lines.data.discount_amounts.discount",
	)
	w.ask("POST", "/v1/invoices/"+draft+"/pay", "")
	w.ask("DELETE", "/v1/customers/"+customer+"/discount", "")
	w.refused(http.StatusNotFound, "DELETE", "/v1/customers/"+customer+"/discount", "")
	w.refused(http.StatusBadRequest, "POST", "/v1/customers", "coupon=ONCE")
	w.ask("DELETE", "/v1/coupons/SOME", "")
}

// promotionCodes creates codes that payers type, or that the merchant gives to them.
func promotionCodes(w *world) {
	w.ask("POST", "/v1/coupons", "id=TEN&percent_off=10&duration=repeating&duration_in_months=3")
	w.ask("POST", "/v1/coupons", "id=ALL&percent_off=100")
	customer := w.ask("POST", "/v1/customers", "email=a@b.test")["id"].(string)
	w.ask("POST", "/v1/promotion_codes", "coupon=TEN&code=FALL&customer="+customer+
		"&expand[]=customer&max_redemptions=1"+
		"&restrictions[first_time_transaction]=true&restrictions[minimum_amount]=100&restrictions[minimum_amount_currency]=usd")
	free := w.ask("POST", "/v1/promotion_codes", "coupon=ALL&code=FREE")["id"].(string)
	w.ask("POST", "/v1/promotion_codes", "coupon=ALL&expires_at=1708000000")
	w.ask("POST", "/v1/promotion_codes/"+free, "metadata[a]=b")
	w.ask("GET", "/v1/promotion_codes", "code=fall&active=true&expand[]=data.coupon.applies_to&customer="+customer)

	typed := w.session("subscription", w.price(1900, "month"), "&allow_promotion_codes=true&customer="+customer)
	w.refused(http.StatusBadRequest, "POST", "/v1/payment_pages/"+typed, "promotion_code=WINTER")
	w.ask("POST", "/v1/payment_pages/"+typed, "promotion_code=fall")
	w.bought(typed, "pm_card_visa")
	given := w.session(
		"payment", w.price(900, ""), "&expand[]=total_details.breakdown&discounts[0][promotion_code]="+free,
	)
	w.ask("GET", "/v1/checkout/sessions/"+given, "expand[]=total_details.breakdown&expand[]=line_items.data.discounts")
	w.ask("POST", "/v1/payment_pages/"+given+"/confirm", "email=a@b.test")
	for _, session := range []string{typed, given} {
		w.ask(
			"GET", "/v1/checkout/sessions/"+session,
			"expand[]=total_details.breakdown&expand[]=line_items.data.discounts&expand[]=subscription&expand[]=invoice.discounts",
		)
		w.ask("GET", "/v1/checkout/sessions/"+session+"/line_items", "expand[]=data.discounts")
	}
	w.bought(w.session("subscription", w.price(901, "month"), "&discounts[0][coupon]=ALL"), "pm_card_visa")
	w.advance(40*day + time.Hour)
}
