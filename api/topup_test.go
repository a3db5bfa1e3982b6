package api_test

import (
	"net/http"
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// toppedUp enables an automatic top-up. The points are low, so the server's own job buys a pack within seconds.
func (c *client) toppedUp() {
	c.t.Helper()
	c.expect(c.call(http.StatusOK, http.MethodGet, "/points/top-up", nil).at("top_up") == nil, "there is none yet")
	before := c.call(http.StatusOK, http.MethodGet, "/points", nil).number("available")
	want := map[string]any{
		"enabled": true, "pack": "pack_100", "quantity": 2, "threshold": before + 1, "monthly_limit": 3,
	}
	set := c.call(http.StatusOK, http.MethodPut, "/points/top-up", want)
	c.expect(set.text("top_up.status") == "on" && set.number("top_up.amount") == 1000 &&
		set.number("top_up.monthly_amount") == 3000,
		"it says what it costs: %s", set.raw)
	c.waitFor("the pack is bought", func() bool {
		return c.call(http.StatusOK, http.MethodGet, "/points", nil).number("available") == before+200
	})
	c.counts(1, `pointsync_top_up_orders_total{status="fulfilled"}`)
	state := c.call(http.StatusOK, http.MethodGet, "/points/top-up", nil)
	c.expect(
		state.number("top_up.used_this_month") == 1 && state.at("top_up.reason") == nil, "it counts: %s", state.raw,
	)
	newest := answer{
		json: c.call(http.StatusOK, http.MethodGet, "/orders?limit=1", nil).list("orders")[0].(map[string]any),
	}
	c.expect(
		newest.at("automatic") == true && newest.text("status") == "fulfilled" && newest.at("expires_at") == nil,
		"the order says how it was made: %v", newest.json,
	)
	c.call(http.StatusOK, http.MethodGet, "/checkout/"+newest.text("id"), nil)
	c.call(http.StatusNoContent, http.MethodDelete, "/points/top-up", nil)
	c.call(http.StatusNoContent, http.MethodDelete, "/points/top-up", nil)
	c.expect(c.call(http.StatusOK, http.MethodGet, "/points/top-up", nil).at("top_up") == nil, "it is gone")
	c.spend(http.StatusOK, 200) // the rest of the story does not expect these points
}

// waitFor polls until one of the server's own jobs has had an effect.
func (c *client) waitFor(what string, done func() bool) {
	c.t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			c.t.Fatal("does not come: " + what)
		}
	}
}

// TestSavedCard proves that a pack's page keeps the card only if it is asked to, and that a top-up can be enabled then.
// The account's timeline shows it to admins. If the bank wants the customer there, the top-up stops, and is counted.
func TestSavedCard(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		c := w.user(t)
		want := map[string]any{"enabled": true, "pack": "pack_100", "threshold": 1, "monthly_limit": 1}
		c.call(http.StatusConflict, http.MethodPut, "/points/top-up", want)
		plain := c.call(http.StatusCreated, http.MethodPost, "/checkout", map[string]any{"item": "pack_100"})
		saving := c.call(
			http.StatusCreated, http.MethodPost, "/checkout",
			map[string]any{"item": "pack_100", "save_payment_method": true},
		)
		c.expect(plain.text("order.id") != saving.text("order.id"), "another wish is another page")
		c.pay(plain)
		c.call(http.StatusConflict, http.MethodPut, "/points/top-up", want)
		c.pay(saving)
		admin, timeline := w.admin(t), "/admin/accounts/"+c.claims().text("sub")+"/timeline?limit=1"
		c.expect(admin.call(http.StatusOK, http.MethodGet, timeline, nil).at("top_up") == nil, "there is none yet")
		set := c.call(http.StatusOK, http.MethodPut, "/points/top-up", want)
		shown := admin.call(http.StatusOK, http.MethodGet, timeline, nil)
		c.expect(reflect.DeepEqual(shown.at("top_up"), set.at("top_up")), "the timeline shows it: %s", shown.raw)

		a, err := w.db.Account(t.Context(), billing.AccountID(c.claims().text("sub")))
		must(t, err)
		customer := string(a.CustomerID)
		card := w.Ask(http.MethodPost, "/v1/payment_methods/pm_card_authenticationRequired/attach",
			url.Values{"customer": {customer}})["id"].(string)
		w.Ask(http.MethodPost, "/v1/customers/"+customer,
			url.Values{"invoice_settings[default_payment_method]": {card}})
		c.spend(http.StatusOK, 200)
		c.counts(1, `pointsync_top_ups_stopped_total{reason="authentication_required"}`)
		c.counts(1, `pointsync_top_up_orders_total{status="failed"}`)
	})
}
