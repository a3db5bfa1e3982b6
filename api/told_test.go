package api_test

import (
	"net/http"
	"reflect"
	"testing"
	"time"
)

// TestToldOfPurchases proves that endpoints receive events about orders and subscriptions as the contract says. The
// events contain what the API itself returns about the same order and subscription: bought, scheduled to change, and
// ended.
func TestToldOfPurchases(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		c, admin := w.user(t), w.admin(t)
		tells := func(kind string) func() answer {
			url, came := endpoint(t)
			secret := admin.call(
				http.StatusCreated, http.MethodPost, "/admin/webhooks",
				map[string]any{"url": url, "types": []string{kind}},
			).text("secret")
			return func() answer {
				t.Helper()
				a := c.next(came, secret)
				c.expect(a.text("type") == kind, "asked for %s: %s", kind, a.raw)
				return a
			}
		}
		fulfilled, changed := tells("order.fulfilled"), tells("subscription.changed")

		pack := c.buy("pack_100")
		order := fulfilled()
		for _, member := range []string{"id", "item", "quantity", "points", "amount", "currency", "status"} {
			got, want := order.at("data.order."+member), pack.at("order."+member)
			c.expect(
				got != nil && reflect.DeepEqual(got, want), "an order's %s is %v, told %s", member, want, order.raw,
			)
		}
		c.expect(
			order.at("data.account_id") == c.claims().text("sub") && order.number("data.points.available") == 100,
			"whose order, and what it left: %s", order.raw,
		)

		same := func(event, read answer) {
			t.Helper()
			got, want := event.at("data.subscription"), read.at("subscription")
			delete(want.(map[string]any), "features") // they follow from the plan, and no event names them
			c.expect(got != nil && reflect.DeepEqual(got, want), "the subscription is %v, told %s", want, event.raw)
		}
		w.Advance(time.Minute) // restores what this used of the budget for asking Stripe
		plan := c.buy("pro_monthly")
		begun := changed()
		c.expect(
			begun.text("data.subscription.status") == "active" && begun.at("data.order") == nil, "bought: %s",
			begun.raw,
		)
		same(begun, c.call(http.StatusOK, http.MethodGet, "/subscription", nil))
		c.expect(fulfilled().at("data.order.id") == plan.at("order.id"), "the plan's order too")

		w.Advance(10 * time.Minute)
		down := c.call(
			http.StatusOK, http.MethodPost, "/subscription/change", map[string]any{"plan": "basic_monthly"},
			"Idempotency-Key", "down",
		)
		scheduled := changed()
		c.expect(
			scheduled.text("data.subscription.scheduled_change.plan") == "basic_monthly", "scheduled: %s",
			scheduled.raw,
		)
		same(scheduled, down)

		w.Advance(10 * time.Minute)
		end := c.call(
			http.StatusOK, http.MethodPost, "/subscription/cancel", map[string]any{"at": "now"}, "Idempotency-Key",
			"end",
		)
		ended := changed()
		// Withdrawing the schedule may count as a separate change.
		for ended.text("data.subscription.status") != "canceled" {
			ended = changed()
		}
		c.expect(ended.at("data.subscription.until") == nil, "it has no window: %s", ended.raw)
		same(ended, end)
	})
}
