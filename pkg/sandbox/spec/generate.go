//go:build ignore

// Generate distils Stripe's own OpenAPI document and fixtures (14 MB) into spec.json, which holds only what the sandbox
// serves. Run it with the folder embedded/openapi of github.com/stripe/stripe-mock at v0.183.0. That is the last
// version whose document is API 2023-10-16:
//
//	go run generate.go "$(go list -m -f '{{.Dir}}' github.com/stripe/stripe-mock)/embedded/openapi"
package main

import (
	"bytes"
	"encoding/json"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

type node = map[string]any

// operations lists the operations that the sandbox serves, under the names of Stripe's document.
var operations = []string{
	"GET /v1/account", "GET /v1/accounts/{account}", "GET /v1/balance",
	"GET /v1/customers/search", "GET /v1/charges/search", "GET /v1/invoices/search", "GET /v1/payment_intents/search",
	"GET /v1/prices/search", "GET /v1/products/search", "GET /v1/subscriptions/search",
	"POST /v1/customers/{customer}/tax_ids", "GET /v1/customers/{customer}/tax_ids",
	"GET /v1/customers/{customer}/tax_ids/{id}",
	"DELETE /v1/customers/{customer}/tax_ids/{id}",
	"GET /v1/customers/{customer}/cash_balance", "POST /v1/customers/{customer}/cash_balance",
	"GET /v1/customers/{customer}/cash_balance_transactions",
	"GET /v1/customers/{customer}/cash_balance_transactions/{transaction}",
	"POST /v1/customers/{customer}/funding_instructions",
	"POST /v1/test_helpers/customers/{customer}/fund_cash_balance",
	"POST /v1/refunds/{refund}/cancel", "POST /v1/test_helpers/refunds/{refund}/expire",
	"POST /v1/customers", "GET /v1/customers", "GET /v1/customers/{customer}", "POST /v1/customers/{customer}",
	"DELETE /v1/customers/{customer}", "GET /v1/customers/{customer}/payment_methods",
	"GET /v1/customers/{customer}/payment_methods/{payment_method}",
	"POST /v1/products", "GET /v1/products", "GET /v1/products/{id}", "POST /v1/products/{id}",
	"DELETE /v1/products/{id}",
	"POST /v1/prices", "GET /v1/prices", "GET /v1/prices/{price}", "POST /v1/prices/{price}",
	"POST /v1/coupons", "GET /v1/coupons", "GET /v1/coupons/{coupon}", "POST /v1/coupons/{coupon}",
	"DELETE /v1/coupons/{coupon}",
	"POST /v1/promotion_codes", "GET /v1/promotion_codes", "GET /v1/promotion_codes/{promotion_code}",
	"POST /v1/promotion_codes/{promotion_code}",
	"DELETE /v1/customers/{customer}/discount", "DELETE /v1/subscriptions/{subscription_exposed_id}/discount",
	"POST /v1/payment_methods", "GET /v1/payment_methods", "GET /v1/payment_methods/{payment_method}",
	"POST /v1/payment_methods/{payment_method}", "POST /v1/payment_methods/{payment_method}/attach",
	"POST /v1/payment_methods/{payment_method}/detach",
	"POST /v1/payment_intents", "GET /v1/payment_intents", "GET /v1/payment_intents/{intent}",
	"POST /v1/payment_intents/{intent}",
	"POST /v1/payment_intents/{intent}/confirm", "POST /v1/payment_intents/{intent}/cancel",
	"POST /v1/payment_intents/{intent}/capture", "POST /v1/payment_intents/{intent}/increment_authorization",
	"POST /v1/payment_intents/{intent}/apply_customer_balance",
	"POST /v1/payment_intents/{intent}/verify_microdeposits",
	"POST /v1/charges", "POST /v1/charges/{charge}/capture", "POST /v1/tokens", "GET /v1/tokens/{token}",
	"POST /v1/customers/{customer}/sources", "GET /v1/customers/{customer}/sources",
	"GET /v1/customers/{customer}/sources/{id}",
	"POST /v1/customers/{customer}/sources/{id}", "DELETE /v1/customers/{customer}/sources/{id}",
	"POST /v1/customers/{customer}/balance_transactions", "GET /v1/customers/{customer}/balance_transactions",
	"GET /v1/customers/{customer}/balance_transactions/{transaction}",
	"POST /v1/customers/{customer}/balance_transactions/{transaction}",
	"GET /v1/radar/early_fraud_warnings", "GET /v1/radar/early_fraud_warnings/{early_fraud_warning}",
	"GET /v1/balance_transactions", "GET /v1/balance_transactions/{id}", "POST /v1/refunds/{refund}/cancel",
	"POST /v1/setup_intents", "GET /v1/setup_intents", "GET /v1/setup_intents/{intent}",
	"POST /v1/setup_intents/{intent}",
	"POST /v1/setup_intents/{intent}/confirm", "POST /v1/setup_intents/{intent}/cancel",
	"GET /v1/charges", "GET /v1/charges/{charge}", "POST /v1/charges/{charge}",
	"POST /v1/refunds", "GET /v1/refunds", "GET /v1/refunds/{refund}", "POST /v1/refunds/{refund}",
	"GET /v1/disputes", "GET /v1/disputes/{dispute}", "POST /v1/disputes/{dispute}",
	"POST /v1/disputes/{dispute}/close",
	"POST /v1/checkout/sessions", "GET /v1/checkout/sessions", "GET /v1/checkout/sessions/{session}",
	"POST /v1/checkout/sessions/{session}/expire", "GET /v1/checkout/sessions/{session}/line_items",
	"POST /v1/subscriptions", "GET /v1/subscriptions", "GET /v1/subscriptions/{subscription_exposed_id}",
	"POST /v1/subscriptions/{subscription_exposed_id}", "DELETE /v1/subscriptions/{subscription_exposed_id}",
	"POST /v1/subscriptions/{subscription}/resume",
	"GET /v1/subscription_items", "GET /v1/subscription_items/{item}", "POST /v1/subscription_items",
	"POST /v1/subscription_items/{item}", "DELETE /v1/subscription_items/{item}",
	"POST /v1/subscription_schedules", "GET /v1/subscription_schedules", "GET /v1/subscription_schedules/{schedule}",
	"POST /v1/subscription_schedules/{schedule}", "POST /v1/subscription_schedules/{schedule}/cancel",
	"POST /v1/subscription_schedules/{schedule}/release",
	"POST /v1/invoices", "GET /v1/invoices", "GET /v1/invoices/{invoice}", "POST /v1/invoices/{invoice}",
	"GET /v1/invoices/{invoice}/lines", "DELETE /v1/invoices/{invoice}",
	"POST /v1/invoices/{invoice}/pay", "POST /v1/invoices/{invoice}/void", "POST /v1/invoices/{invoice}/finalize",
	"POST /v1/invoices/{invoice}/mark_uncollectible", "GET /v1/invoices/upcoming", "GET /v1/invoices/upcoming/lines",
	"POST /v1/invoices/{invoice}/send",
	"POST /v1/invoiceitems", "GET /v1/invoiceitems", "GET /v1/invoiceitems/{invoiceitem}",
	"POST /v1/invoiceitems/{invoiceitem}", "DELETE /v1/invoiceitems/{invoiceitem}",
	"POST /v1/billing_portal/sessions", "POST /v1/billing_portal/configurations",
	"GET /v1/billing_portal/configurations",
	"GET /v1/billing_portal/configurations/{configuration}", "POST /v1/billing_portal/configurations/{configuration}",
	"GET /v1/events", "GET /v1/events/{id}",
	"POST /v1/webhook_endpoints", "GET /v1/webhook_endpoints", "GET /v1/webhook_endpoints/{webhook_endpoint}",
	"POST /v1/webhook_endpoints/{webhook_endpoint}", "DELETE /v1/webhook_endpoints/{webhook_endpoint}",
	"POST /v1/test_helpers/test_clocks", "GET /v1/test_helpers/test_clocks",
	"GET /v1/test_helpers/test_clocks/{test_clock}",
	"DELETE /v1/test_helpers/test_clocks/{test_clock}", "POST /v1/test_helpers/test_clocks/{test_clock}/advance",
}

// resources lists the objects that the sandbox renders.
var resources = []string{
	"account", "balance", "customer", "product", "price", "payment_method", "payment_intent", "setup_intent", "charge",
	"refund", "dispute", "checkout.session",
	"item", "subscription", "subscription_item", "subscription_schedule", "invoice", "line_item", "invoiceitem",
	"billing_portal.session",
	"balance_transaction", "card", "token", "customer_balance_transaction", "radar.early_fraud_warning",
	"billing_portal.configuration", "event", "webhook_endpoint", "test_helpers.test_clock",
	"coupon", "promotion_code", "discount", "tax_id", "cash_balance", "customer_cash_balance_transaction",
	"funding_instructions",
}

// onDemand names parts that are absent unless expand[] asks for them, although they are neither ids nor paged lists.
var onDemand = map[string][]string{
	"coupon":                       {"applies_to"},
	"item":                         {"discounts"},
	"checkout.session":             {"total_details.breakdown"},
	"customer":                     {"cash_balance"},
	"price":                        {"currency_options"},
	"billing_portal.configuration": {"features.subscription_update.products"},
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: go run generate.go FOLDER_OF_spec3.json")
	}
	var document, fixtures node
	read(filepath.Join(os.Args[1], "spec3.json"), &document)
	read(filepath.Join(os.Args[1], "fixtures3.json"), &fixtures)
	schemas := document["components"].(node)["schemas"].(node)
	out := node{
		"operations": node{}, "blanks": node{}, "expandable": node{}, "official": official(document["paths"].(node)),
	}
	for _, name := range operations {
		out["operations"].(node)[name] = operation(document["paths"].(node), name)
	}
	for _, name := range resources {
		schema := schemas[name].(node)
		fixture := fixtures["resources"].(node)[name].(node)
		out["blanks"].(node)[name] = blank(schemas, schema, fixture)
		fields := append(expandable(schemas, schema, fixture, "", 0), onDemand[name]...)
		slices.Sort(fields)
		out["expandable"].(node)[name] = fields
	}
	if err := os.WriteFile("spec.json", lines(out), 0o644); err != nil {
		log.Fatal(err)
	}
}

// official returns every path of Stripe's API with its methods. With it the sandbox can tell an operation that only it
// does not serve from one that does not exist.
func official(paths node) node {
	out := node{}
	for path, item := range paths {
		var methods []string
		for method := range item.(node) {
			methods = append(methods, strings.ToUpper(method))
		}
		slices.Sort(methods)
		out[path] = methods
	}
	return out
}

// lines writes one line for each operation or object, so that a change of one shows as one line.
func lines(out node) []byte {
	var text bytes.Buffer
	text.WriteString("{")
	for i, part := range slices.Sorted(maps.Keys(out)) {
		if i > 0 {
			text.WriteString(",")
		}
		text.WriteString("\n" + strconv.Quote(part) + ": {")
		entries := out[part].(node)
		for j, name := range slices.Sorted(maps.Keys(entries)) {
			if j > 0 {
				text.WriteString(",")
			}
			entry, err := json.Marshal(entries[name])
			if err != nil {
				log.Fatal(err)
			}
			text.WriteString("\n" + strconv.Quote(name) + ": ")
			text.Write(entry)
		}
		text.WriteString("\n}")
	}
	text.WriteString("\n}\n")
	return text.Bytes()
}

func read(path string, into *node) {
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		log.Fatalf("%s: %v", path, err)
	}
}

// operation returns the declared parameters, whether they belong to the query or to the form.
func operation(paths node, name string) node {
	method, path, _ := strings.Cut(name, " ")
	item, ok := paths[path].(node)
	if !ok {
		log.Fatalf("no such path: %s", path)
	}
	op := item[strings.ToLower(method)].(node)
	fields := node{}
	for _, p := range list(op["parameters"]) {
		parameter := p.(node)
		if parameter["in"] == "query" {
			field := field(parameter["schema"].(node))
			if parameter["required"] == true {
				field["required"] = true
			}
			fields[parameter["name"].(string)] = field
		}
	}
	if body, ok := op["requestBody"].(node); ok {
		for _, media := range body["content"].(node) {
			for key, value := range children(media.(node)["schema"].(node)) {
				fields[key] = value
			}
		}
	}
	return fields
}

func children(schema node) node {
	fields := node{}
	properties, _ := schema["properties"].(node)
	for key, value := range properties {
		fields[key] = field(value.(node))
	}
	for _, key := range list(schema["required"]) {
		fields[key.(string)].(node)["required"] = true
	}
	return fields
}

// field returns the shape of one parameter. "any" lists alternatives; "unset" says that an empty string is allowed.
func field(schema node) node {
	if alternatives := list(schema["anyOf"]); alternatives != nil {
		out := node{}
		var kept []any
		for _, alternative := range alternatives {
			shape := field(alternative.(node))
			if shape["unset"] == true && len(shape) == 2 {
				out["unset"] = true
				continue
			}
			kept = append(kept, shape)
		}
		if len(kept) == 1 {
			for key, value := range kept[0].(node) {
				out[key] = value
			}
			return out
		}
		out["any"] = kept
		return out
	}
	out := node{}
	switch schema["type"] {
	case "array":
		out["kind"] = "list"
		out["item"] = field(schema["items"].(node))
	case "object":
		if fields := children(schema); len(fields) > 0 {
			out["kind"] = "object"
			out["fields"] = fields
		} else if extra, ok := schema["additionalProperties"].(node); ok {
			out["kind"] = "map"
			out["item"] = field(extra)
		} else {
			out["kind"] = "map"
		}
	default:
		out["kind"] = schema["type"]
		if schema["format"] == "unix-time" {
			out["time"] = true
		}
		if limit, ok := schema["maxLength"].(float64); ok && limit != 5000 {
			out["max"] = limit
		}
		words := list(schema["enum"])
		if slices.Contains(words, any("")) {
			out["unset"] = true
			words = slices.DeleteFunc(words, func(word any) bool { return word == "" })
		}
		if len(words) > 0 {
			out["enum"] = words
		}
	}
	return out
}

// blank returns the official fixture of an object without the values of that one example. Free text, ids and numbers
// become null if they may be null. Words of an enum, flags and empty shapes stay, as Stripe returns them.
func blank(schemas, schema, fixture node) node {
	out := node{}
	properties, _ := schema["properties"].(node)
	for key, value := range fixture {
		property, _ := properties[key].(node)
		// An id or a creation date is never neutral. Since 2022-11-15 refunds is absent unless expanded (the fixture
		// shows it expanded). Only lines of one kind have invoice_item, and it cannot be null. A payment method has
		// only the key of its own type; the fixture's type is card.
		if key == "id" || key == "created" || key == "refunds" || key == "invoice_item" ||
			key == "card" && schema["x-resourceId"] == "payment_method" {
			continue
		}
		child, isObject := value.(node)
		_, isText := value.(string)
		_, isNumber := value.(float64)
		switch {
		case property["nullable"] == true && (isNumber || isText && property["enum"] == nil):
			out[key] = nil
		case isObject:
			out[key] = blank(schemas, resolve(schemas, property), child)
		default:
			out[key] = value
		}
	}
	return out
}

func resolve(schemas, schema node) node {
	if ref, ok := schema["$ref"].(string); ok {
		return schemas[ref[strings.LastIndex(ref, "/")+1:]].(node)
	}
	if alternatives := list(schema["anyOf"]); len(alternatives) == 1 {
		return resolve(schemas, alternatives[0].(node))
	}
	return schema
}

// expandable returns the dotted names of an object's fields that expand[] may name. Those are ids that become objects,
// and lists that are absent unless asked for.
func expandable(schemas, schema, fixture node, prefix string, depth int) []string {
	names := []string{}
	properties, _ := schema["properties"].(node)
	for key, value := range properties {
		property := value.(node)
		if items, ok := property["items"].(node); ok {
			property = items // a list of ids, or of hashes that hold ids
		}
		child := resolve(schemas, property)
		_, isResource := child["x-resourceId"]
		childProperties, _ := child["properties"].(node)
		_, isList := childProperties["data"]
		_, present := fixture[key]
		switch {
		case property["x-expansionResources"] != nil:
			names = append(names, prefix+key)
		case isList && (!present || key == "refunds") && prefix == "":
			names = append(names, prefix+key)
		case childProperties != nil && !isResource && !isList && depth < 2:
			names = append(names, expandable(schemas, child, node{}, prefix+key+".", depth+1)...)
		}
	}
	slices.Sort(names)
	return names
}

func list(value any) []any {
	items, _ := value.([]any)
	return items
}
