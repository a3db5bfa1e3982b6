package conformance

import (
	"net/http"
	"strings"
)

func searches(w *world) {
	_, customer := w.subscribed(w.price(1900, "month"), "")
	for _, noun := range []string{
		"charges", "invoices", "payment_intents", "prices", "products", "subscriptions", "customers",
	} {
		w.ask(
			"GET", "/v1/"+noun+"/search",
			"expand[]=total_count&limit=1&query=-metadata['a']:null%20OR%20metadata['a']:null",
		)
	}
	w.ask("GET", "/v1/customers/search", "query=email~'shop'&expand[]=data.subscriptions")
	w.refused(http.StatusBadRequest, "GET", "/v1/customers/search", "query=nose:'x'")
	w.refused(http.StatusBadRequest, "GET", "/v1/payouts", "")
	w.ask("GET", "/v1/customers/"+customer, "expand[]=cash_balance")
	w.ask("GET", "/v1/accounts/"+w.ask("GET", "/v1/account", "")["id"].(string), "")
	w.refused(http.StatusForbidden, "GET", "/v1/accounts/acct_1", "")
}

func belongings(w *world) {
	customer := w.ask(
		"POST", "/v1/customers",
		"tax_id_data[0][type]=gb_vat&tax_id_data[0][value]=GB123456789&cash_balance[settings][reconciliation_mode]=manual",
	)["id"].(string)
	path := "/v1/customers/" + customer
	number := w.ask("POST", path+"/tax_ids", "type=eu_vat&value=DE123456789&expand[]=customer")["id"].(string)
	w.ask("GET", path, "expand[]=tax_ids")
	w.ask("GET", path+"/tax_ids", "")
	w.ask("GET", path+"/tax_ids/"+number, "")
	w.ask("DELETE", path+"/tax_ids/"+number, "")
	w.ask("GET", path+"/cash_balance", "")
	for _, currency := range []string{"eur", "gbp", "jpy", "usd"} {
		moved := w.ask(
			"POST", "/v1/test_helpers/customers/"+customer+"/fund_cash_balance",
			"amount=500&reference=x&currency="+currency,
		)["id"].(string)
		w.ask("GET", path+"/cash_balance_transactions/"+moved, "")
	}
	w.ask("GET", path+"/cash_balance_transactions", "")
	w.ask("POST", path+"/cash_balance", "settings[reconciliation_mode]=automatic")
	for _, form := range []string{
		"currency=eur&bank_transfer[type]=eu_bank_transfer&bank_transfer[eu_bank_transfer][country]=DE",
		"currency=jpy&bank_transfer[type]=jp_bank_transfer",
	} {
		w.ask("POST", path+"/funding_instructions", "funding_type=bank_transfer&"+form)
	}
	price := w.ask(
		"POST", "/v1/prices",
		"currency=usd&unit_amount=5&product_data[name]=x&currency_options[eur][unit_amount]=4&expand[]=currency_options",
	)["id"].(string)
	w.ask("GET", "/v1/prices/"+price, "expand[]=currency_options&expand[]=product")
}

func refundThatWaits(w *world) {
	intent := w.ask(
		"POST", "/v1/payment_intents",
		"amount=900&currency=usd&confirm=true&return_url=https://shop.test&payment_method=pm_card_visa",
	)["id"].(string)
	for _, end := range []string{"/v1/refunds/%/cancel", "/v1/test_helpers/refunds/%/expire"} {
		id := w.ask("POST", "/v1/refunds", "payment_intent="+intent)["id"].(string)
		w.ask("POST", "/_sandbox/refunds/"+id+"/hold", "{}")
		w.ask("GET", "/v1/refunds/"+id, "")
		w.ask("POST", strings.Replace(end, "%", id, 1), "expand[]=charge")
		w.refused(http.StatusBadRequest, "POST", strings.Replace(end, "%", id, 1), "")
	}
}

func portalFlows(w *world) {
	low, high := w.price(1000, "month"), w.price(2000, "month")
	id, customer := w.subscribed(low, "")
	item := w.ask("GET", "/v1/subscriptions/"+id, "")["items"].(node)["data"].([]any)[0].(node)["id"].(string)
	product := w.ask("GET", "/v1/prices/"+high, "")["product"].(string)
	configuration := w.ask("POST", "/v1/billing_portal/configurations", "business_profile[headline]=x&login_page[enabled]=true&features[payment_method_update][enabled]=true"+
		"&features[subscription_cancel][enabled]=true&features[subscription_cancel][mode]=immediately&features[subscription_cancel][cancellation_reason][enabled]=true"+
		"&features[subscription_cancel][cancellation_reason][options][]=unused&features[subscription_update][enabled]=true"+
		"&features[subscription_update][default_allowed_updates][]=price&features[subscription_update][products][0][product]="+product+
		"&features[subscription_update][products][0][prices][]="+high+
		"&expand[]=features.subscription_update.products")["id"].(string)
	for _, flow := range []string{
		"payment_method_update&flow_data[after_completion][type]=hosted_confirmation&flow_data[after_completion][hosted_confirmation][custom_message]=x",
		"subscription_cancel&flow_data[subscription_cancel][subscription]=" + id +
			"&flow_data[after_completion][type]=redirect&flow_data[after_completion][redirect][return_url]=https://shop.test",
		"subscription_update&flow_data[subscription_update][subscription]=" + id,
		"subscription_update_confirm&flow_data[subscription_update_confirm][subscription]=" + id +
			"&flow_data[subscription_update_confirm][items][0][id]=" + item +
			"&flow_data[subscription_update_confirm][items][0][quantity]=2&flow_data[subscription_update_confirm][items][0][price]=" + high,
	} {
		w.ask(
			"POST", "/v1/billing_portal/sessions",
			"customer="+customer+"&configuration="+configuration+"&flow_data[type]="+flow,
		)
	}
	w.ask(
		"POST", "/v1/billing_portal/configurations/"+configuration,
		"login_page[enabled]=false&features[subscription_update][products]=",
	)
}
