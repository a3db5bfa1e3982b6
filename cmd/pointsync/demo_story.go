package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// begin registers a user and looks at what is for sale.
func (d *demo) begin() {
	d.say("A new user registers and holds a token")
	d.call(
		201, http.MethodPost, "/auth/register",
		map[string]any{"email": "ada@example.com", "password": "correct horse battery"},
	)
	d.expect(
		d.claims().at("subscription") == nil && d.claims().number("points") == 0,
		"the token says: no subscription, 0 points",
	)
	catalog := d.call(200, http.MethodGet, "/catalog", nil)
	d.expect(catalog.at("packs") != nil && catalog.at("plans") != nil, "there are plans and packs for sale")
}

// buyPack buys points once and spends them.
func (d *demo) buyPack() {
	d.say("Buy a pack of 100 points; the webhook need not be waited for")
	status := d.buy("pack_100")
	d.expect(status.number("points.available") == 100, "the pack's 100 points are there")
	d.expect(d.claims().number("points") == 100, "the token in the same response says so too")

	d.say("Spend 30, and repeat the request as after a lost response")
	first := d.call(
		200, http.MethodPost, "/points/spend", map[string]any{"amount": 30, "description": "one picture"},
		"Idempotency-Key", "demo-1",
	)
	again := d.call(
		200, http.MethodPost, "/points/spend", map[string]any{"amount": 30, "description": "one picture"},
		"Idempotency-Key", "demo-1",
	)
	d.expect(
		first.text("spend.id") == again.text("spend.id") && again.number("points.available") == 70,
		"one debit, the same response twice, 70 points left",
	)
}

// buy orders an item and pays for it as a program would.
func (d *demo) buy(item string) answer {
	made := d.call(201, http.MethodPost, "/checkout", map[string]any{"item": item}, "Idempotency-Key", "demo-buy-"+item)
	session := made.text("session_id")
	page := d.stripe(200, http.MethodGet, "/v1/payment_pages/"+session, nil)
	amount := made.number("order.amount")
	d.expect(page != nil && amount > 0, "Stripe's page asks for %d cents", amount)
	d.stripe(200, http.MethodPost, "/v1/payment_pages/"+session+"/confirm", url.Values{
		"payment_method": {"pm_card_visa"}, "expected_amount": {strconv.Itoa(amount)},
	})
	status := d.call(200, http.MethodGet, "/checkout/"+made.text("order.id"), nil)
	d.expect(status.text("order.status") == "fulfilled", "the order is fulfilled as soon as the customer is back")
	return status
}

// subscribe subscribes and spends inside the window.
func (d *demo) subscribe() {
	d.say("Subscribe; then spend inside the window that the token carries")
	status := d.buy("pro_monthly")
	d.expect(
		status.text("subscription.status") == "active", "the subscription is active until %s",
		status.text("subscription.until"),
	)
	d.expect(status.number("points.available") == 70+1200, "the period's 1200 points are there")
	spent := d.call(200, http.MethodPost, "/points/spend", map[string]any{"amount": 200})
	d.expect(spent.number("points.available") == 1070 && spent.at("stale") == false, "debited at once")
	d.call(409, http.MethodPost, "/checkout", map[string]any{"item": "basic_monthly"})
	d.expect(true, "a second subscription is refused")
}

// outside loses the webhooks, moves the clock past the period, and spends: the spend itself asks Stripe first.
func (d *demo) outside() {
	d.say("A month passes, and not one webhook arrives")
	endpoints := d.stripe(200, http.MethodGet, "/v1/webhook_endpoints", nil)
	for _, e := range endpoints["data"].([]any) {
		d.stripe(
			200, http.MethodPost, "/v1/webhook_endpoints/"+answer(e.(map[string]any)).text("id"),
			url.Values{"disabled": {"true"}},
		)
	}
	d.expect(d.stopJobs(d.ctx) == nil, "what was still being worked is done")
	until := d.claims().number("subscription.until")
	req := d.request(http.MethodGet, d.sandbox+"/_sandbox/clock", nil)
	now, err := time.Parse(time.RFC3339, d.send(200, req, "sandbox clock").text("now"))
	d.expect(err == nil, "the clock says %s", now.Format(time.RFC3339))
	// A renewal is charged an hour after the period has moved.
	beyond := time.Unix(int64(until), 0).Sub(now) + 90*time.Minute
	req = d.request(
		http.MethodPost, d.sandbox+"/_sandbox/clock", map[string]any{"advance_seconds": int(beyond.Seconds())},
	)
	d.send(200, req, "sandbox clock +"+beyond.Round(time.Hour).String())

	d.say("The old token has run out; refresh it. It mirrors a database that knows nothing of the renewal yet")
	d.call(401, http.MethodPost, "/points/spend", map[string]any{"amount": 1})
	d.call(200, http.MethodPost, "/auth/refresh", map[string]any{"refresh_token": d.refresh})
	d.expect(d.claims().number("subscription.until") == until, "the window in the token is over")

	d.say("Spend outside the window: pull from Stripe first, then debit")
	spent := d.call(200, http.MethodPost, "/points/spend", map[string]any{"amount": 1250})
	d.expect(
		spent.number("points.available") == 70+1200-1250, "the renewal's points were there to be spent: %d left",
		spent.number("points.available"),
	)
	d.expect(d.claims().number("subscription.until") > until, "the fresh token carries the new window")
}

// refused spends more than there is.
func (d *demo) refused() {
	d.say("Spend more than there is: refused, and the refusal carries a fresh token")
	before := d.token
	problem := d.call(
		402, http.MethodPost, "/points/spend", map[string]any{"amount": 1000}, "Idempotency-Key", "demo-2",
	)
	d.expect(problem.text("type") == "/problems/insufficient-points", "the problem says why")
	d.expect(
		d.token != before && d.claims().number("points") == problem.number("points.available"),
		"the token in it mirrors the database: %d points", d.claims().number("points"),
	)
}

// cancel ends the subscription at Stripe and checks that the window is gone.
func (d *demo) cancel() {
	d.say("Cancel at Stripe, at once")
	subs := d.stripe(200, http.MethodGet, "/v1/subscriptions", nil)
	id := answer(subs["data"].([]any)[0].(map[string]any)).text("id")
	canceled := d.stripe(200, http.MethodDelete, "/v1/subscriptions/"+id, nil)
	d.expect(canceled.text("status") == "canceled", "Stripe says canceled")
	problem := d.call(402, http.MethodPost, "/points/spend", map[string]any{"amount": 1000})
	d.expect(
		problem.text("subscription.status") == "canceled" && problem.at("subscription.until") == nil,
		"the spend noticed: no window any more",
	)
	entries := d.call(200, http.MethodGet, "/points/entries?limit=100", nil)
	sum := 0
	for _, e := range entries["entries"].([]any) {
		sum += answer(e.(map[string]any)).number("amount")
	}
	points := d.call(200, http.MethodGet, "/points", nil)
	d.expect(sum == points.number("available"), "the history adds up to the balance: %d points", sum)
	d.call(204, http.MethodPost, "/auth/logout", map[string]any{"refresh_token": d.refresh})
	fmt.Fprintln(d.out)
}
