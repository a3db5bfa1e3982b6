package reconcile_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// Proves that a downgrade, which gives a credit, and an upgrade that this credit pays bring no points, however often
// they are repeated. Only money brings points.
func TestUpOnCreditBringsNoPoints(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, id := w.subscriber()
		w.Advance(10 * 24 * time.Hour)
		w.changePlan(id, "pro_monthly")
		w.sync(a)
		paidFor := w.account(a.ID).Available
		if paidFor <= 500 || paidFor >= 1200 {
			t.Fatalf("after a paid change up there are %d points, want a share of the difference", paidFor)
		}
		for range 3 {
			w.Advance(time.Hour)
			w.changePlan(id, "basic_monthly")
			w.sync(a)
			w.changePlan(id, "pro_monthly")
			w.sync(a)
			w.wantPoints(a.ID, paidFor, 0)
		}
	})
}

// changePlan changes a subscription's plan now and invoices the difference at once, as Stripe's portal does.
func (w *world) changePlan(subscription, item string) {
	w.t.Helper()
	price, err := w.Stripe.Price(w.t.Context(), item)
	must(w.t, err)
	items := w.Ask(http.MethodGet, "/v1/subscriptions/"+subscription, nil)["items"].(map[string]any)["data"].([]any)
	w.Ask(http.MethodPost, "/v1/subscriptions/"+subscription, url.Values{
		"items[0][id]": {items[0].(map[string]any)["id"].(string)}, "items[0][price]": {string(price)},
		"proration_behavior": {"always_invoice"}, "payment_behavior": {"pending_if_incomplete"},
	})
	if now := w.Ask(
		http.MethodGet, "/v1/subscriptions/"+subscription, nil,
	)["status"]; now != string(billing.SubActive) {
		w.t.Fatalf("after the change the subscription is %v", now)
	}
}
