package sandbox

// basilVersion is a newer API version. Events can be sent in its shape. A backend that trusts a payload instead of
// fetching the object then misses fields.
const basilVersion = "2025-03-31.basil"

// goneInBasil lists the fields that the version removed. The functions below add the fields that replace them.
var goneInBasil = map[string][]string{
	"invoice": {"application_fee_amount", "charge", "paid", "paid_out_of_band", "payment_intent", "quote", "subscription", "subscription_details",
		"subscription_proration_date", "tax", "total_tax_amounts", "transfer_data"},
	"line_item": {"amount_excluding_tax", "invoice_item", "plan", "price", "proration", "proration_details", "subscription", "subscription_item", "tax_amounts",
		"tax_rates", "type", "unit_amount_excluding_tax"},
	"subscription":     {"current_period_end", "current_period_start"},
	"charge":           {"invoice"},
	"payment_intent":   {"invoice"},
	"checkout.session": {"shipping_details"},
}

// asBasil turns a rendered event into the newer version's shape, in place.
func asBasil(event map[string]any) {
	event["api_version"] = basilVersion
	data := asMap(event["data"])
	object := asMap(data["object"])
	kind, _ := object["object"].(string)
	switch kind {
	case "subscription":
		basilSubscription(object)
	case "invoice":
		basilInvoice(object)
	case "checkout.session":
		object["collected_information"] = map[string]any{"shipping_details": object["shipping_details"]}
	}
	previous := asMap(data["previous_attributes"])
	for _, name := range goneInBasil[kind] {
		delete(object, name)
		delete(previous, name)
	}
}

// basilSubscription moves the periods onto the items.
func basilSubscription(s map[string]any) {
	items, _ := asMap(s["items"])["data"].([]any)
	for _, each := range items {
		item := asMap(each)
		item["current_period_end"], item["current_period_start"] = s["current_period_end"], s["current_period_start"]
	}
}

// basilInvoice moves the origin of an invoice under parent, and the prices of its lines under pricing.
func basilInvoice(i map[string]any) {
	i["parent"] = nil
	if i["subscription"] != nil {
		i["parent"] = map[string]any{
			"type":          "subscription_details",
			"quote_details": nil,
			"subscription_details": map[string]any{
				"metadata": asMap(i["subscription_details"])["metadata"], "subscription": i["subscription"],
			},
		}
	}
	i["total_taxes"] = []any{}
	lines, _ := asMap(i["lines"])["data"].([]any)
	for _, each := range lines {
		basilLine(asMap(each))
	}
}

func basilLine(line map[string]any) {
	price := asMap(line["price"])
	line["pricing"] = nil
	if price != nil {
		line["pricing"] = map[string]any{
			"type":                "price_details",
			"price_details":       map[string]any{"price": price["id"], "product": price["product"]},
			"unit_amount_decimal": price["unit_amount_decimal"],
		}
	}
	kind := "invoice_item_details"
	if line["type"] == "subscription" {
		kind = "subscription_item_details"
	}
	line["parent"] = map[string]any{
		"type":                      kind,
		"invoice_item_details":      nil,
		"subscription_item_details": nil,
		kind: map[string]any{
			"invoice_item":      line["invoice_item"],
			"proration":         line["proration"],
			"proration_details": line["proration_details"],
			"subscription":      line["subscription"],
			"subscription_item": line["subscription_item"],
		},
	}
	line["taxes"] = []any{}
	for _, name := range goneInBasil["line_item"] {
		delete(line, name)
	}
}
