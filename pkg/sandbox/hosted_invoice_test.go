package sandbox_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// This test proves that a customer can pay an invoice on its own page: be refused, authenticate, and see it paid.
func TestInvoicePage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	id, customer := w.billed("")
	if draft := latest(w.subscription(id)); draft["hosted_invoice_url"] != nil {
		t.Fatalf("a draft has a page: %v", draft)
	}
	if status, _, _ := w.browse("GET", w.url+"/i/"+latest(w.subscription(id))["id"].(string), nil); status != 404 {
		t.Fatalf("a draft's page answers %d", status)
	}
	w.advance(time.Hour)
	page := latest(w.subscription(id))["hosted_invoice_url"].(string)
	if status, body, _ := w.browse("GET", page, nil); status != 200 || !strings.Contains(body, "$19.00") ||
		!strings.Contains(body, "jo@shop.test") {
		t.Fatalf("%d %s", status, body)
	}
	if status, body, _ := w.browse(
		"POST", page, card("4000000000000002"),
	); status != 402 || !strings.Contains(body, "declined") {
		t.Fatalf("a refused card answers %d %s", status, body)
	}
	for _, answer := range []string{"refuse", "accept"} {
		if status, body, _ := w.browse(
			"POST", page, card("4000002760003184"),
		); status != 200 || !strings.Contains(body, "challenge") {
			t.Fatalf("the bank does not ask: %d %s", status, body)
		}
		w.browse("POST", page, url.Values{"challenge": {answer}})
	}
	if status, body, _ := w.browse("GET", page, nil); status != 200 || !strings.Contains(body, "is paid") ||
		latest(w.subscription(id))["status"] != "paid" {
		t.Fatalf("%d %s", status, body)
	}
	session := w.object("POST", "/v1/billing_portal/sessions", "customer="+customer)["url"].(string)
	if _, body, _ := w.browse("GET", session, nil); !strings.Contains(body, strings.TrimPrefix(page, w.url)) {
		t.Fatal("the portal does not lead to the invoice")
	}
	if status, _, _ := w.browse("POST", page, url.Values{"challenge": {"accept"}}); status != 200 || len(
		w.object("GET", "/v1/charges", "")["data"].([]any),
	) != 2 {
		t.Fatalf("it is paid twice, or answers %d", status)
	}
}
