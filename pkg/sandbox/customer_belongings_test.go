package sandbox_test

import (
	"slices"
	"testing"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// These tests prove that an object of a customer is stored, shown, and found only under that customer.

func TestTaxIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	customer := w.object(
		"POST", "/v1/customers", "tax_id_data[0][type]=eu_vat&tax_id_data[0][value]=DE123456789",
	)["id"].(string)
	path := "/v1/customers/" + customer + "/tax_ids"
	made := w.object("POST", path, "type=us_ein&value=12-3456789")
	if made["country"] != "US" || made["verification"].(map[string]any)["status"] != "unavailable" {
		t.Fatalf("a number that nobody looks up: %v", made)
	}
	first := w.object(
		"GET", "/v1/customers/"+customer, "expand[]=tax_ids",
	)["tax_ids"].(map[string]any)["data"].([]any)[1].(map[string]any)
	if first["value"] != "DE123456789" || first["country"] != "DE" ||
		first["verification"].(map[string]any)["status"] != "pending" {
		t.Fatalf("what the customer was made with: %v", first)
	}
	other := w.object("POST", "/v1/customers", "")["id"].(string)
	if status, code, _, _ := w.refusal(
		"GET", "/v1/customers/"+other+"/tax_ids/"+made["id"].(string), "",
	); status != 404 || code != "resource_missing" {
		t.Fatalf("another's number: %d %s", status, code)
	}
	w.object("DELETE", path+"/"+made["id"].(string), "")
	if left := w.object("GET", path, "")["data"].([]any); len(left) != 1 {
		t.Fatalf("left are %v", left)
	}
	before := len(w.object("GET", "/v1/customers", "")["data"].([]any))
	for form, param := range map[string]string{
		"type=eu_vat&value=12": "value", "type=eu_dog&value=DE1": "type", "type=eu_vat": "value",
	} {
		if status, _, got, _ := w.refusal("POST", path, form); status != 400 || got != param {
			t.Errorf("%s: %d %s", form, status, got)
		}
	}
	if _, code, param, _ := w.refusal(
		"POST", "/v1/customers", "tax_id_data[0][type]=eu_vat&tax_id_data[0][value]=1",
	); code != "tax_id_invalid" || param != "tax_id_data[0][value]" {
		t.Errorf("a bad number of a new customer: %s %s", code, param)
	}
	if now := len(w.object("GET", "/v1/customers", "")["data"].([]any)); now != before {
		t.Error("a refused customer was made")
	}
	requireOrder(
		t, types(w.events()), "customer.created", "customer.tax_id.created", "customer.tax_id.created",
		"customer.tax_id.deleted",
	)
}

func TestCashBalance(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	customer := w.object("POST", "/v1/customers", "cash_balance[settings][reconciliation_mode]=manual")["id"].(string)
	balance := func() map[string]any { return w.object("GET", "/v1/customers/"+customer+"/cash_balance", "") }
	if got := balance(); got["available"] != nil ||
		got["settings"].(map[string]any)["reconciliation_mode"] != "manual" {
		t.Fatalf("it begins as %v", got)
	}
	for _, amount := range []string{"300", "40"} {
		w.object(
			"POST", "/v1/test_helpers/customers/"+customer+"/fund_cash_balance",
			"currency=eur&reference=x&amount="+amount,
		)
	}
	last := w.object(
		"GET", "/v1/customers/"+customer+"/cash_balance_transactions", "limit=1",
	)["data"].([]any)[0].(map[string]any)
	if last["net_amount"] != 40.0 || last["ending_balance"] != 340.0 ||
		balance()["available"].(map[string]any)["eur"] != 340.0 {
		t.Fatalf("the last transfer is %v, the balance %v", last, balance())
	}
	w.object("GET", "/v1/customers/"+customer+"/cash_balance_transactions/"+last["id"].(string), "")
	reset := w.object(
		"POST", "/v1/customers/"+customer+"/cash_balance", "settings[reconciliation_mode]=merchant_default",
	)
	if reset["settings"].(map[string]any)["using_merchant_default"] != true ||
		reset["available"].(map[string]any)["eur"] != 340.0 {
		t.Fatalf("its settings are %v", reset)
	}
	if got := w.object(
		"GET", "/v1/customers/"+customer, "expand[]=cash_balance",
	)["cash_balance"].(map[string]any); got["object"] != "cash_balance" {
		t.Fatalf("it does not expand: %v", got)
	}
	for form, param := range map[string]string{"currency=xyz&amount=1": "currency", "currency=eur&amount=0": "amount"} {
		if status, _, got, _ := w.refusal(
			"POST", "/v1/test_helpers/customers/"+customer+"/fund_cash_balance", form,
		); status != 400 || got != param {
			t.Errorf("%s: %d %s", form, status, got)
		}
	}
	if status, _, _, _ := w.refusal("GET", "/v1/customers/cus_none/cash_balance", ""); status != 404 {
		t.Errorf("nobody's balance: %d", status)
	}
	if got := types(w.events()); !slices.Contains(got, "cash_balance.funds_available") {
		t.Errorf("the events are %v", got)
	}
}

func TestFundingInstructions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	path := "/v1/customers/" + w.object("POST", "/v1/customers", "")["id"].(string) + "/funding_instructions"
	form := "funding_type=bank_transfer&currency=eur&bank_transfer[type]=eu_bank_transfer"
	transfer := w.object(
		"POST", path, form+"&bank_transfer[eu_bank_transfer][country]=FR",
	)["bank_transfer"].(map[string]any)
	address := transfer["financial_addresses"].([]any)[0].(map[string]any)
	if transfer["country"] != "FR" || address["iban"].(map[string]any)["iban"] != "FR00000000000000000001" {
		t.Fatalf("it says %v", transfer)
	}
	for _, bad := range []string{form, "funding_type=bank_transfer&currency=usd&bank_transfer[type]=us_bank_transfer"} {
		if status, _, param, _ := w.refusal("POST", path, bad); status != 400 || param == "" {
			t.Errorf("%s: %d %s", bad, status, param)
		}
	}
}

// A price's amounts in other currencies are stored and shown, but no one pays them: the sandbox refuses to sell in
// them.
func TestCurrencyOptions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	price := w.object(
		"POST", "/v1/prices",
		"currency=usd&unit_amount=900&product_data[name]=x&currency_options[eur][unit_amount]=800",
	)
	if price["currency_options"] != nil {
		t.Fatal("they show without being asked for")
	}
	id := price["id"].(string)
	w.object("POST", "/v1/prices/"+id, "currency_options[gbp][unit_amount]=700")
	shown := w.object("GET", "/v1/prices/"+id, "expand[]=currency_options")["currency_options"].(map[string]any)
	for currency, amount := range map[string]float64{"usd": 900, "eur": 800, "gbp": 700} {
		if shown[currency].(map[string]any)["unit_amount"] != amount {
			t.Errorf("%s is %v", currency, shown[currency])
		}
	}
	for form, param := range map[string]string{
		"currency_options[usd][unit_amount]=1":                    "currency_options[usd]",
		"currency_options[eur][unit_amount]=-1":                   "currency_options[eur][unit_amount]",
		"currency_options[eur][tax_behavior]=inclusive":           "currency_options[eur][unit_amount]",
		"currency_options[eur][custom_unit_amount][enabled]=true": "currency_options[eur]",
		"currency_options=x":                                      "currency_options",
	} {
		if status, _, got, _ := w.refusal("POST", "/v1/prices/"+id, form); status != 400 || got != param {
			t.Errorf("%s: %d %s", form, status, got)
		}
	}
	form := "mode=payment&success_url=https://shop.test&line_items[0][quantity]=1&line_items[0][price]=" + id
	if _, _, param, _ := w.refusal("POST", "/v1/checkout/sessions", form+"&currency=eur"); param != "currency" {
		t.Errorf("it is sold in euros")
	}
}
