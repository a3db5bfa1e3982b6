package sandbox_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// These tests prove what happens to a subscription whose renewals fail for good, as the settings say, and how it
// recovers. If a card asks for 3-D Secure, its invoice waits.

func TestAfterLastRetry(t *testing.T) {
	t.Parallel()
	t.Run("Unpaid", unpaid)
	t.Run("PastDue", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, sandbox.Options{AfterLastRetry: "past_due", RetrySchedule: []time.Duration{}})
		id, customer := w.subscribed(w.price(1900, "month"), "pm_card_visa")
		w.switchCard(customer, id, "pm_card_chargeCustomerFail")
		w.advance(31*day + time.Hour)
		if sub := w.subscription(id); sub["status"] != "past_due" || latest(sub)["next_payment_attempt"] != nil ||
			latest(sub)["status"] != "open" {
			t.Fatalf("without a retry it is %v, the invoice %v", sub["status"], latest(sub))
		}
		w.advance(31 * day)
		if sub := w.subscription(id); sub["status"] != "past_due" || latest(sub)["attempt_count"] != float64(1) {
			t.Fatalf("a period later it is %v, the invoice %v", sub["status"], latest(sub))
		}
	})
	t.Run("Unknown", func(t *testing.T) {
		t.Parallel()
		if _, err := sandbox.New(sandbox.Options{AfterLastRetry: "forgive"}); err == nil {
			t.Fatal("an unknown setting is taken")
		}
	})
}

func unpaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	w.control(200, "POST", "settings", `{"after_last_retry":"unpaid","retry_days":[2]}`)
	id, customer := w.subscribed(w.price(1900, "month"), "pm_card_visa")
	w.switchCard(customer, id, "pm_card_chargeCustomerFail")
	before := len(w.events())
	w.advance(31*day + time.Hour)
	w.advance(2 * day)
	sub := w.subscription(id)
	if sub["status"] != "unpaid" || latest(sub)["next_payment_attempt"] != nil ||
		latest(sub)["attempt_count"] != float64(2) {
		t.Fatalf("after the last retry it is %v: %v", sub["status"], latest(sub))
	}
	last := w.events()[before:]
	if told := last[len(last)-1]; told["type"] != "customer.subscription.updated" ||
		previous(told)["status"] != "past_due" {
		t.Fatalf("the last event is %v", told)
	}
	owed := latest(sub)["id"].(string)
	w.advance(31 * day)
	if sub = w.subscription(id); sub["status"] != "unpaid" || latest(sub)["status"] != "draft" ||
		latest(sub)["auto_advance"] != false {
		t.Fatalf("the next renewal is no draft that stays: %v", latest(sub))
	}
	w.switchCard(customer, id, "pm_card_visa")
	w.object("POST", "/v1/invoices/"+owed+"/pay", "")
	if sub = w.subscription(id); sub["status"] != "active" {
		t.Fatalf("paying what is open leaves it %v", sub["status"])
	}
}

func previous(event map[string]any) map[string]any {
	changed, _ := event["data"].(map[string]any)["previous_attributes"].(map[string]any)
	return changed
}

// Settings are shown, checked, and kept across a restart. The options take precedence over the kept settings.
func TestSettings(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	if shown := w.control(200, "GET", "settings", ""); shown["after_last_retry"] != "cancel" || len(
		shown["retry_days"].([]any),
	) != 3 {
		t.Fatalf("the defaults are %v", shown)
	}
	for _, wrong := range []string{
		`{"after_last_retry":"forgive"}`, `{"retry_days":[0]}`, `{"retry_days":[61]}`,
		`{"retry_days":[1,1,1,1,1,1,1,1,1]}`, `{"retry_day":[1]}`, `{"retry_days":[1e300]}`, `{"debit_hours":0}`,
		`{"debit_hours":337}`, `{"debit_hours":1e300}`,
	} {
		w.control(400, "POST", "settings", wrong)
	}
	w.control(200, "POST", "settings", `{"retry_days":[0.5]}`)
	if shown := w.control(
		200, "GET", "settings", "",
	); shown["after_last_retry"] != "cancel" || shown["retry_days"].([]any)[0] != 0.5 {
		t.Fatalf("changed, they are %v", shown)
	}

	if shown := w.control(
		200, "POST", "settings", `{"debit_hours":72}`,
	); shown["debit_hours"] != 72.0 || shown["retry_days"].([]any)[0] != 0.5 {
		t.Fatalf("changed, they are %v", shown)
	}

	folder := t.TempDir()
	keep := func(opts sandbox.Options, body string) map[string]any {
		opts.DataDir = folder
		s, err := sandbox.New(opts)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		server := httptest.NewServer(s.Handler())
		defer server.Close()
		other := &world{t: t, url: server.URL}
		if body != "" {
			other.control(200, "POST", "settings", body)
		}
		return other.control(200, "GET", "settings", "")
	}
	keep(sandbox.Options{}, `{"after_last_retry":"unpaid","retry_days":[]}`)
	if shown := keep(sandbox.Options{}, ""); shown["after_last_retry"] != "unpaid" || len(
		shown["retry_days"].([]any),
	) != 0 {
		t.Fatalf("after a restart they are %v", shown)
	}
	if shown := keep(sandbox.Options{AfterLastRetry: "past_due"}, ""); shown["after_last_retry"] != "past_due" {
		t.Fatalf("the option does not win: %v", shown)
	}
}

func TestRenewalNeedsAuthentication(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	id, customer := w.subscribed(w.price(1900, "month"), "pm_card_visa")
	w.switchCard(customer, id, "pm_card_threeDSecure2Required")
	before := len(w.events())
	w.advance(31*day + time.Hour)
	invoice := latest(w.subscription(id))
	intent := w.object("GET", "/v1/payment_intents/"+invoice["payment_intent"].(string), "")
	if w.subscription(id)["status"] != "past_due" || intent["status"] != "requires_action" ||
		invoice["next_payment_attempt"] == nil {
		t.Fatalf("the intent is %v, the invoice %v", intent["status"], invoice)
	}
	requireOrder(
		t, types(w.events()[before:]), "payment_intent.requires_action", "invoice.payment_action_required",
		"invoice.payment_failed", "customer.subscription.updated",
	)
	status, code, _, _ := w.refusal("POST", "/v1/invoices/"+invoice["id"].(string)+"/pay", "")
	if status != http.StatusPaymentRequired || code != "invoice_payment_intent_requires_action" {
		t.Fatalf("paying by hand answers %d %s", status, code)
	}
	w.control(200, "POST", "intents/"+intent["id"].(string)+"/authenticate", `{"outcome":"accepted"}`)
	if sub := w.subscription(id); sub["status"] != "active" || latest(sub)["status"] != "paid" {
		t.Fatalf("authenticated, it is %v", sub["status"])
	}
}
