package api_test

import (
	"net/http"
	"net/url"
	"reflect"
	"testing"
	"time"
)

// changesTheSubscription schedules a downgrade, withdraws it, cancels, and resumes.
func (c *client) changesTheSubscription() {
	c.t.Helper()
	c.w.Advance(time.Minute)
	down := map[string]any{"plan": "basic_monthly"}
	preview := c.call(http.StatusOK, http.MethodPost, "/subscription/preview", down)
	c.expect(
		preview.text("effect") == "period_end" && preview.number("amount_due") == 0 &&
			preview.at("proration_date") == nil,
		"less comes later: %s", preview.raw,
	)
	changed := c.call(http.StatusOK, http.MethodPost, "/subscription/change", down, "Idempotency-Key", "down")
	c.expect(
		changed.text(
			"subscription.scheduled_change.plan",
		) == "basic_monthly" && changed.text("subscription.plan") == "pro_monthly",
		"it is scheduled: %s", changed.raw,
	)
	again := c.call(http.StatusOK, http.MethodPost, "/subscription/change", down, "Idempotency-Key", "down")
	c.expect(
		again.header.Get("Idempotent-Replayed") == "true" && again.text("token") != "", "a repeat says so: %s",
		again.raw,
	)
	reused := c.call(
		http.StatusUnprocessableEntity, http.MethodPost, "/subscription/cancel", map[string]any{}, "Idempotency-Key",
		"down",
	)
	c.expect(reused.text("type") == "/problems/idempotency-key-reused", "a key is one request's: %s", reused.raw)
	resumed := c.call(http.StatusOK, http.MethodPost, "/subscription/resume", nil)
	c.expect(resumed.at("subscription.scheduled_change") == nil, "taken back: %s", resumed.raw)
	ends := c.call(http.StatusOK, http.MethodPost, "/subscription/cancel", map[string]any{})
	c.expect(ends.at("subscription.cancel_at_period_end") == true, "it ends with the period: %s", ends.raw)
	c.call(http.StatusConflict, http.MethodPost, "/subscription/cancel", map[string]any{})
	c.call(http.StatusOK, http.MethodPost, "/subscription/resume", nil, "Idempotency-Key", "resume")
	c.call(http.StatusConflict, http.MethodPost, "/subscription/resume", nil)
	read := c.call(http.StatusOK, http.MethodGet, "/subscription", nil)
	c.expect(
		read.at("subscription.cancel_at_period_end") == false && read.number("subscription.quantity") == 1,
		"it goes on: %s", read.raw,
	)
	c.w.Advance(2 * time.Minute) // restores what this used of the budget for asking Stripe
}

// decline makes the only subscription use a card that is declined.
func (w *world) decline() {
	w.t.Helper()
	sub := w.Ask(http.MethodGet, "/v1/subscriptions", nil)["data"].([]any)[0].(map[string]any)
	card := w.Ask(
		http.MethodPost, "/v1/payment_methods/pm_card_chargeCustomerFail/attach",
		url.Values{"customer": {sub["customer"].(string)}},
	)
	w.Ask(
		http.MethodPost, "/v1/subscriptions/"+sub["id"].(string),
		url.Values{"default_payment_method": {card["id"].(string)}},
	)
}

// TestVoidedOverHTTP proves that an immediate cancellation lists the invoice of an unpaid upgrade, and that its repeat
// lists the same.
func TestVoidedOverHTTP(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		c := w.user(t)
		c.buy("basic_monthly")
		w.decline()
		c.call(
			http.StatusPaymentRequired, http.MethodPost, "/subscription/change", map[string]any{"plan": "pro_monthly"},
		)
		invoice := w.Ask(http.MethodGet, "/v1/invoices?limit=1", nil)["data"].([]any)[0].(map[string]any)
		voided := []any{map[string]any{"id": invoice["id"], "amount": invoice["amount_due"], "currency": "usd"}}
		for range 2 {
			ended := c.call(
				http.StatusOK, http.MethodPost, "/subscription/cancel", map[string]any{"at": "now"}, "Idempotency-Key",
				"end",
			)
			c.expect(
				reflect.DeepEqual(ended.list("voided_invoices"), voided), "it lists what it voided, %v: %s", voided,
				ended.raw,
			)
		}
	})
}

// TestChangeOverHTTP proves an upgrade over HTTP: what its preview says, a payment that is refused and made later, and
// an immediate cancellation.
func TestChangeOverHTTP(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		c := w.user(t)
		up := map[string]any{"plan": "pro_monthly"}
		c.call(http.StatusConflict, http.MethodPost, "/subscription/preview", up)
		c.call(http.StatusConflict, http.MethodPost, "/subscription/change", up)
		c.call(http.StatusConflict, http.MethodPost, "/subscription/cancel", map[string]any{})
		c.buy("basic_monthly")
		w.Advance(10 * time.Minute)
		c.call(http.StatusConflict, http.MethodPost, "/subscription/change", map[string]any{"plan": "basic_monthly"})
		preview := c.call(http.StatusOK, http.MethodPost, "/subscription/preview", up)
		c.expect(
			preview.text("effect") == "now" && preview.number("amount_due") > 0 && len(preview.list("lines")) == 2,
			"the preview: %s", preview.raw,
		)

		w.decline()
		up["proration_date"] = preview.number("proration_date")
		refused := c.call(
			http.StatusPaymentRequired, http.MethodPost, "/subscription/change", up, "Idempotency-Key", "up",
		)
		c.expect(
			refused.text("type") == "/problems/payment-required" && refused.text("payment_url") != "",
			"there is a page to pay at: %s", refused.raw,
		)
		c.expect(
			c.call(http.StatusOK, http.MethodGet, "/subscription", nil).text("subscription.plan") == "basic_monthly",
			"the old plan stays",
		)
		paid, err := http.PostForm(
			refused.text("payment_url"),
			url.Values{"card_number": {"4242424242424242"}, "exp": {"12/60"}, "cvc": {"123"}, "name": {"Jo"}},
		)
		must(t, err)
		must(t, paid.Body.Close())
		w.Flush()
		changed := c.call(http.StatusOK, http.MethodPost, "/subscription/change", up, "Idempotency-Key", "up")
		c.expect(
			changed.text("subscription.plan") == "pro_monthly" &&
				changed.number("points.available") == 500+preview.number("points"),
			"it is made: %s", changed.raw,
		)
		c.expect(
			changed.at("voided_invoices") != nil && len(changed.list("voided_invoices")) == 0, "and voided nothing: %s",
			changed.raw,
		)
		ended := c.call(
			http.StatusOK, http.MethodPost, "/subscription/cancel", map[string]any{"at": "now"}, "Idempotency-Key",
			"end",
		)
		c.expect(
			ended.text("subscription.status") == "canceled" && ended.number("points.available") == 0 &&
				ended.at("subscription.until") == nil,
			"it has ended: %s", ended.raw,
		)
		c.call(http.StatusConflict, http.MethodPost, "/subscription/cancel", map[string]any{"at": "now"})
		c.call(http.StatusConflict, http.MethodPost, "/subscription/resume", nil)
	})
}

// badChanges are changes that the contract or the catalogue does not allow.
func badChanges() []refusal {
	post := func(name, path string, body any, pointer string, header ...string) refusal {
		return refusal{
			name, http.MethodPost, "/subscription/" + path, body, header, http.StatusBadRequest, "validation", pointer,
		}
	}
	return []refusal{
		post("change without a plan", "change", `{}`, "/plan"),
		post("change to a plan unheard of", "change", `{"plan":"gold"}`, "/plan"),
		post("change to a pack", "change", `{"plan":"pack_100"}`, "/plan"),
		post("change of another price", "change", `{"plan":"pro_monthly","amount":1}`, ""),
		post("change of another's subscription", "change", `{"plan":"pro_monthly","subscription":"sub_1"}`, ""),
		post("change to more seats than are sold", "change", `{"plan":"pro_monthly","quantity":2}`, "/quantity"),
		post("change to no seats", "change", `{"plan":"pro_monthly","quantity":0}`, "/quantity"),
		post(
			"change at a date that is none", "change", `{"plan":"pro_monthly","proration_date":"now"}`,
			"/proration_date",
		),
		post("change with a bad key", "change", `{"plan":"pro_monthly"}`, "Idempotency-Key", "Idempotency-Key", "a b"),
		post("preview of a plan unheard of", "preview", `{"plan":"gold"}`, "/plan"),
		post("preview of more seats than are sold", "preview", `{"plan":"pro_monthly","quantity":100}`, "/quantity"),
		post("cancellation at another time", "cancel", `{"at":"tomorrow"}`, "/at"),
		{
			"change without a subscription", http.MethodPost, "/subscription/change", `{"plan":"pro_monthly"}`, nil,
			http.StatusConflict, "conflict", "",
		},
		{
			"change without a token", http.MethodPost, "/subscription/change", `{"plan":"pro_monthly"}`,
			[]string{"Authorization", "-"}, http.StatusUnauthorized, "unauthorized", "",
		},
		{
			"resumption without a subscription", http.MethodPost, "/subscription/resume", nil, nil, http.StatusConflict,
			"conflict", "",
		},
	}
}
