package conformance

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const day = 24 * time.Hour

// deviations are the sandbox's intentional differences from the document and its fixtures.
var deviations = map[string]string{
	"charge.refunds is missing":                     "since 2022-11-15 refunds are absent unless expanded; the fixture shows them expanded",
	"line_item.invoice_item is missing":             "only a line that came from an invoice item has one; the schema does not require it and forbids null",
	"payment_method.card is missing":                "a bank account has the key of its own type, sepa_debit; the fixture shows a card",
	"charge.payment_method_details.card is missing": "paid from a bank account, it has the key of that type; the fixture shows a card",
	"refund.destination_details.card is missing":    "a refund to a bank account says so; the fixture shows one to a card",
	"invoice.id is missing":                         "an upcoming invoice is a preview and has no id, as Stripe documents it",
	"customer_cash_balance_transaction.funded.bank_transfer.eu_bank_transfer is missing": "each kind of transfer has its own hash; the fixture shows one in euros",
}

// unpublished is the beginning of addresses that Stripe serves and does not document.
const unpublished = "/v1/payment_pages/"

// TestSchema proves that every response and every webhook of the sandbox has the shape that Stripe's own document
// describes at this API version. It has no key that Stripe does not know, and every key of Stripe's fixture of the
// object.
func TestSchema(t *testing.T) {
	t.Parallel()
	seen := &sightings{deviations: map[string]bool{}}
	t.Cleanup(func() { // after all scenarios: no deviation may be outdated
		for what, reason := range deviations {
			if !seen.deviations[what] || len(strings.Fields(reason)) < 4 {
				t.Errorf("the deviation %q is none any more, or lacks a reason: %q", what, reason)
			}
		}
		t.Logf("%d answers and %d webhooks were held against the document", seen.answers, seen.hooks)
	})
	for name, play := range scenarios {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			play(w)
			w.lists()
			w.ask("POST", "/_sandbox/webhooks/flush", "")
			w.judge(seen)
		})
	}
}

// sightings are the findings of all scenarios together.
type sightings struct {
	mu             sync.Mutex
	deviations     map[string]bool
	answers, hooks int
}

// judge compares all responses and webhooks with the document.
func (w *world) judge(seen *sightings) {
	w.t.Helper()
	seen.mu.Lock()
	defer seen.mu.Unlock()
	seen.answers, seen.hooks = seen.answers+len(w.answers), seen.hooks+len(w.hooks)
	w.mu.Lock()
	defer w.mu.Unlock()
	found := map[string]string{} // where each violation was found first
	see := func(where string, violations []string) {
		for _, each := range violations {
			if deviations[each] != "" {
				seen.deviations[each] = true
			} else if found[each] == "" {
				found[each] = where
			}
		}
	}
	for _, each := range w.answers {
		where := each.method + " " + each.path
		schema, published := official().response(each.method, each.path, each.status)
		switch {
		case published:
			see(where, official().violations(schema, each.body))
		case !strings.HasPrefix(each.path, unpublished) && each.status != 404:
			w.t.Errorf("%s: Stripe publishes no such operation", where)
		}
	}
	for _, body := range w.hooks {
		see("webhook "+string(body[:min(len(body), 60)]), official().announced(body))
	}
	for violation, where := range found {
		w.t.Errorf("%s: %s", where, violation)
	}
	if len(w.hooks) == 0 || len(w.answers) < 20 {
		w.t.Errorf("only %d answers and %d webhooks were seen", len(w.answers), len(w.hooks))
	}
}

// lists reads every list, and every object on it again by its id.
func (w *world) lists() {
	w.t.Helper()
	for _, path := range []string{"customers", "products", "prices", "payment_intents", "setup_intents", "charges",
		"refunds", "disputes", "checkout/sessions", "subscriptions?status=all", "coupons", "promotion_codes",
		"invoices", "invoiceitems", "subscription_schedules", "billing_portal/configurations", "events?limit=100",
		"webhook_endpoints", "test_helpers/test_clocks"} {
		address, query, _ := strings.Cut(path, "?")
		page := w.ask("GET", "/v1/"+address, query)["data"].([]any)
		for _, each := range page[:min(len(page), 12)] {
			w.ask("GET", "/v1/"+address+"/"+each.(node)["id"].(string), "")
		}
	}
}

// TestTheJudgeIsStrict proves that each kind of error is found: an unknown key, a wrong type, a missing key and a
// missing key of the fixture.
func TestTheJudgeIsStrict(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	status, good := w.send("POST", "/v1/customers", "email=a@b.test")
	schema, _ := official().response("POST", "/v1/customers", status)
	if found := official().violations(schema, good); len(found) > 0 {
		t.Fatalf("a good customer is refused: %v", found)
	}
	for wrong, change := range map[string][2]string{
		"unknown":  {`"email":`, `"e_mail": 1, "email":`},
		"type":     {`"livemode": false`, `"livemode": "no"`},
		"required": {`"created":`, `"createt":`},
		"fixture":  {`"next_invoice_sequence": 1,`, ``},
	} {
		text := strings.Replace(string(good), change[0], change[1], 1)
		if text == string(good) {
			t.Fatalf("the change %s does not apply to %s", wrong, good)
		}
		if found := official().violations(schema, []byte(text)); len(found) == 0 {
			t.Errorf("%s: nothing is found", wrong)
		}
	}
	hook := `{"id":"evt_1","object":"event","api_version":"2023-10-16","created":1,"livemode":false,"pending_webhooks":0,"request":null,"type":"customer.renamed","data":{"object":` + string(good) + `}}`
	if found := official().announced([]byte(hook)); !slices.ContainsFunc(
		found, func(each string) bool { return strings.Contains(each, "customer.renamed") },
	) {
		t.Errorf("an invented event is not seen: %v", found)
	}
}
