package metric

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// stripeOperation is a request to Stripe: its method and path, with :id in place of ids.
type stripeOperation string

// stripeOperations are the requests that pkg/stripegw makes.
var stripeOperations = []stripeOperation{
	"GET /v1/account",
	"POST /v1/billing_portal/sessions",
	"GET /v1/charges", "GET /v1/charges/:id",
	"GET /v1/checkout/sessions", "POST /v1/checkout/sessions", "GET /v1/checkout/sessions/:id",
	"POST /v1/checkout/sessions/:id/expire",
	"GET /v1/customers", "POST /v1/customers", "GET /v1/customers/:id", "DELETE /v1/customers/:id",
	"GET /v1/disputes", "GET /v1/disputes/:id",
	"GET /v1/events",
	"GET /v1/invoices", "GET /v1/invoices/:id", "GET /v1/invoices/:id/lines", "POST /v1/invoices/:id/void",
	"GET /v1/invoices/upcoming",
	"GET /v1/payment_intents", "POST /v1/payment_intents", "GET /v1/payment_intents/:id",
	"POST /v1/payment_intents/:id/cancel",
	"GET /v1/payment_methods",
	"GET /v1/prices", "POST /v1/prices", "GET /v1/prices/:id", "POST /v1/prices/:id",
	"POST /v1/products", "GET /v1/products/:id", "POST /v1/products/:id",
	"GET /v1/promotion_codes",
	"GET /v1/refunds/:id",
	"POST /v1/subscription_schedules", "GET /v1/subscription_schedules/:id", "POST /v1/subscription_schedules/:id",
	"POST /v1/subscription_schedules/:id/release",
	"GET /v1/subscriptions", "GET /v1/subscriptions/:id", "POST /v1/subscriptions/:id",
	"DELETE /v1/subscriptions/:id", "POST /v1/subscriptions/:id/resume",
	"GET /v1/webhook_endpoints", "POST /v1/webhook_endpoints", "POST /v1/webhook_endpoints/:id",
}

// stripeWords are the segments of those paths that are no ids.
var stripeWords = wordsOf(stripeOperations)

func wordsOf(list []stripeOperation) map[string]bool {
	words := map[string]bool{}
	for _, op := range list {
		_, path, _ := strings.Cut(string(op), " ")
		for word := range strings.SplitSeq(path, "/") {
			words[word] = true
		}
	}
	return words
}

// stripeOperationOf returns the operation of a request. One that is not listed becomes "other" when it is counted.
func stripeOperationOf(method, path string) stripeOperation {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if !stripeWords[s] {
			segments[i] = ":id"
		}
	}
	return stripeOperation(method + " " + strings.Join(segments, "/"))
}

// StripeOperation returns the operation of a request to Stripe: its method and path with :id in place of ids, or
// "other" if no code of ours makes it.
func StripeOperation(method, path string) string {
	if op := stripeOperationOf(method, path); slices.Contains(stripeOperations, op) {
		return string(op)
	}
	return other
}

// stripeStatus is a class of responses. Three are classes by themselves, because each has one cause: 401, the key is
// not valid; 403, the key lacks a permission; 429, the account's limit of requests is reached.
type stripeStatus string

const noResponse stripeStatus = "none"

var stripeStatuses = []stripeStatus{"2xx", "3xx", "4xx", "401", "403", "429", "5xx", noResponse}

func stripeStatusOf(status int) stripeStatus {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
		return stripeStatus(strconv.Itoa(status))
	case 0:
		return noResponse
	}
	return stripeStatus(string(rune('0'+status/100)) + "xx")
}
