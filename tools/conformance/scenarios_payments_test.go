package conformance

import (
	"net/http"
	"net/url"
	"time"
)

// captures makes payments whose money is held first, and then captured, captured in part, cancelled, or left to expire.
func captures(w *world) {
	hold := func() string {
		return w.ask(
			"POST", "/v1/payment_intents",
			"amount=2000&currency=usd&capture_method=manual&confirm=true&payment_method=pm_card_visa&shipping[name]=Jo&shipping[address][line1]=a",
		)["id"].(string)
	}
	w.ask("POST", "/v1/payment_intents/"+hold()+"/capture", "expand[]=latest_charge.balance_transaction")
	w.ask("POST", "/v1/payment_intents/"+hold()+"/capture", "amount_to_capture=500&expand[]=latest_charge.refunds")
	w.ask("POST", "/v1/payment_intents/"+hold()+"/cancel", "")
	forgotten := hold()
	w.refused(http.StatusBadRequest, "POST", "/v1/payment_intents/"+forgotten+"/increment_authorization", "amount=3000")
	w.refused(http.StatusBadRequest, "POST", "/v1/payment_intents/"+forgotten+"/apply_customer_balance", "")
	w.refused(http.StatusBadRequest, "POST", "/v1/payment_intents/"+forgotten+"/verify_microdeposits", "")
	w.ask(
		"GET",
		"/v1/checkout/sessions/"+w.bought(
			w.session("payment", w.price(900, ""), "&payment_intent_data[capture_method]=manual"), "pm_card_visa",
		)["id"].(string),
		"",
	)
	w.advance(8 * day)
	w.movements()
}

// movements reads what moved the account's money, with its sources.
func (w *world) movements() {
	w.t.Helper()
	for _, each := range w.ask("GET", "/v1/balance_transactions", "expand[]=data.source")["data"].([]any) {
		w.ask("GET", "/v1/balance_transactions/"+each.(node)["id"].(string), "")
	}
	w.ask("GET", "/v1/balance", "")
}

// bankDebits makes payments from bank accounts, which succeed or fail, for sessions, intents and subscriptions.
func bankDebits(w *world) {
	once := w.ask("POST", "/v1/prices", "currency=eur&unit_amount=900&product_data[name]=Thing")["id"].(string)
	monthly := w.ask(
		"POST", "/v1/prices", "currency=eur&unit_amount=900&product_data[name]=Thing&recurring[interval]=month",
	)["id"].(string)
	debited := func(mode, price, iban string) {
		method := w.ask(
			"POST", "/v1/payment_methods",
			"type=sepa_debit&billing_details[name]=Jo&billing_details[email]=a@b.test&sepa_debit[iban]="+iban,
		)["id"].(string)
		w.bought(
			w.session(
				mode, price, "&customer_email=a@b.test&payment_method_types[]=sepa_debit&payment_method_types[]=card",
			),
			method,
		)
	}
	for _, iban := range []string{"AT611904300234573201", "AT861904300235473202"} {
		debited("payment", once, iban)
		debited("subscription", monthly, iban)
		w.ask(
			"POST", "/v1/payment_intents",
			"amount=500&currency=eur&confirm=true&payment_method_data[type]=sepa_debit&payment_method_data[sepa_debit][iban]="+iban,
		)
	}
	w.advance(time.Hour)
	paid := w.ask("GET", "/v1/payment_intents", "limit=100")["data"].([]any)
	for _, each := range paid {
		if each := each.(node); each["status"] == "succeeded" {
			w.ask("POST", "/v1/refunds", "payment_intent="+each["id"].(string))
		}
	}
	asked := w.ask(
		"POST", "/v1/payment_intents",
		"amount=500&currency=eur&confirm=true&payment_method_data[type]=sepa_debit&payment_method_data[sepa_debit][iban]=DE89370400440532013000",
	)["id"].(string)
	w.ask("POST", "/_sandbox/intents/"+asked+"/settle", `{"outcome":"failed"}`)
	w.refused(http.StatusBadRequest, "POST", "/v1/payment_methods", "type=sepa_debit&sepa_debit[iban]=AT00")
	w.advance(40 * day)
	w.movements()
}

// setupSessions saves cards and bank accounts: at once, after 3-D Secure, and never.
func setupSessions(w *world) {
	customer := w.ask("POST", "/v1/customers", "email=a@b.test")["id"].(string)
	open := func(more string) string {
		return w.ask(
			"POST", "/v1/checkout/sessions", "mode=setup&success_url=https://shop.test/ok&expand[]=setup_intent"+more,
		)["id"].(string)
	}
	w.bought(open("&payment_method_types[]=card&customer="+customer), "pm_card_visa")
	w.bought(open("&currency=usd&customer_creation=always"), "pm_card_visa")
	asked := open("&currency=usd&setup_intent_data[description]=x")
	w.refused(
		http.StatusPaymentRequired, "POST", "/v1/payment_pages/"+asked+"/confirm",
		"payment_method=pm_card_visa_chargeDeclined",
	)
	w.bought(asked, "pm_card_authenticationRequiredOnSetup")
	if status, body := w.send(
		"POST", "/c/pay/"+asked, url.Values{"challenge": {"accept"}}.Encode(),
	); status != http.StatusSeeOther {
		w.t.Fatalf("%d %s", status, body)
	}
	w.ask("GET", "/v1/checkout/sessions/"+asked, "expand[]=setup_intent.payment_method")
	w.ask(
		"POST",
		"/v1/checkout/sessions/"+open(
			"&currency=eur&payment_method_types[]=sepa_debit&payment_method_types[]=card",
		)+"/expire",
		"",
	)
	w.ask(
		"POST", "/v1/setup_intents",
		"confirm=true&payment_method_types[]=sepa_debit&payment_method_data[type]=sepa_debit&payment_method_data[sepa_debit][iban]=AT611904300234573201&expand[]=payment_method",
	)
}

// refundFates makes refunds that the payer's bank decides later, and a refund that resolves an early fraud warning.
func refundFates(w *world) {
	for _, card := range []string{"pm_card_refundPending", "pm_card_refundFail", "pm_card_createEarlyFraudWarning"} {
		intent := w.ask(
			"POST", "/v1/payment_intents", "amount=2000&currency=usd&confirm=true&payment_method="+card,
		)["id"].(string)
		warned := w.ask(
			"GET", "/v1/radar/early_fraud_warnings", "payment_intent="+intent+"&expand[]=data.charge",
		)["data"].([]any)
		for _, each := range warned {
			w.ask("GET", "/v1/radar/early_fraud_warnings/"+each.(node)["id"].(string), "")
		}
		made := w.ask("POST", "/v1/refunds", "payment_intent="+intent)["id"].(string)
		w.advance(time.Hour)
		w.ask("GET", "/v1/refunds/"+made, "expand[]=balance_transaction&expand[]=charge")
		w.refused(http.StatusBadRequest, "POST", "/v1/refunds/"+made+"/cancel", "")
	}
	w.ask("POST", "/v1/payment_intents", "amount=2000&currency=usd&confirm=true&payment_method=pm_card_bypassPending")
	w.movements()
}

// sources makes cards in the form that customers had before payment methods, with the charges and credit of that time.
func sources(w *world) {
	token := w.ask(
		"POST", "/v1/tokens", "card[number]=4242424242424242&card[exp_month]=12&card[exp_year]=2030&card[cvc]=123",
	)["id"].(string)
	w.ask("GET", "/v1/tokens/"+token, "")
	customer := w.ask("POST", "/v1/customers", "balance=-100&source="+token)["id"].(string)
	path := "/v1/customers/" + customer
	second := w.ask("POST", path+"/sources", "source=tok_mastercard&metadata[a]=b")["id"].(string)
	w.ask("POST", path+"/sources/"+second, "name=Jo&exp_year=2031&address_zip=1")
	w.ask("GET", path+"/sources", "")
	w.ask("GET", path+"/sources/"+second, "")
	w.ask("POST", path, "default_source="+second+"&expand[]=default_source&expand[]=sources")
	w.ask(
		"POST", "/v1/charges",
		"amount=700&currency=usd&customer="+customer+
			"&shipping[name]=Jo&shipping[address][line1]=a&expand[]=balance_transaction",
	)
	held := w.ask("POST", "/v1/charges", "amount=700&currency=usd&capture=false&source=tok_visa")["id"].(string)
	w.ask("POST", "/v1/charges/"+held+"/capture", "amount=500")
	w.ask("POST", "/v1/charges", "amount=700&currency=usd&capture=false&source=tok_amex")
	w.refused(http.StatusPaymentRequired, "POST", "/v1/charges", "amount=700&currency=usd&source=tok_chargeDeclined")
	w.ask("DELETE", path+"/sources/"+second, "")
	entry := w.ask(
		"POST", path+"/balance_transactions", "amount=-500&currency=usd&description=x&expand[]=customer",
	)["id"].(string)
	w.ask("POST", path+"/balance_transactions/"+entry, "metadata[a]=b")
	w.ask("GET", path+"/balance_transactions/"+entry, "")
	w.ask("POST", "/v1/subscriptions", "customer="+customer+"&items[0][price]="+w.price(1900, "month"))
	w.ask("GET", path+"/balance_transactions", "expand[]=data.invoice")
	w.advance(8 * day)
	w.movements()
}
