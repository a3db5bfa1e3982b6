package reconcile_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
)

// carries opens the shop with another catalogue, set up at Stripe or not.
func (w *world) carries(setUp bool, change func(c *catalog.Catalog)) {
	w.t.Helper()
	c := catalog.Default()
	change(c)
	if setUp {
		w.Sell(c)
	}
	w.Catalog = c
	w.syncer = w.newSyncer()
}

// Proves what a subscriber gets after the plan's price changed to 18.00 for 1000. They pay 9.00 and get 500 as before,
// even if only the points were changed. Those who subscribe later get the new points.
func TestRepriced(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		old, _ := w.subscriber()
		w.carries(true, func(c *catalog.Catalog) { c.Plans[0].Amount, c.Plans[0].Points = 1800, 1000 })
		w.renew(old)
		w.wantPoints(old.ID, 500, 0)
		middle, _ := w.subscriber()
		w.wantPoints(middle.ID, 1000, 0)
		w.carries(true, func(c *catalog.Catalog) { c.Plans[0].Amount, c.Plans[0].Points = 1800, 700 })
		w.renew(middle)
		w.wantPoints(middle.ID, 1000, 0)
		newest, _ := w.subscriber()
		w.wantPoints(newest.ID, 700, 0)
		for _, a := range []billing.Account{old, middle, newest} {
			w.sync(a)
			w.wantDrift(a)
		}
	})
}

// Proves that a plan that is missing from the catalogue is reported and grants by its price. If its price carries no
// terms, it grants nothing, and no later sync misses it: both renewals are granted when the item is back.
func TestVanished(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		sold, _ := w.subscriber()
		w.carries(true, func(c *catalog.Catalog) { c.Plans[0].Amount = 1000 })
		price, err := w.Stripe.Price(w.t.Context(), "basic_monthly")
		must(w.t, err)
		w.Ask(http.MethodPost, "/v1/prices/"+string(price), url.Values{"metadata[pointsync_points]": {"many"}})
		a, _ := w.subscriber()
		w.wantPoints(a.ID, 500, 0) // by the catalogue
		w.spend(a, 500)
		before := w.account(a.ID).Sync.InvoicesSince
		w.carries(false, func(c *catalog.Catalog) { c.Plans = c.Plans[1:] })
		w.renew(a)
		w.renew(a)
		w.sync(sold)
		w.wantPoints(a.ID, 0, 0)
		w.wantPoints(sold.ID, 500, 0)
		w.wantDrift(sold, billing.DriftUnknown)
		// three invoices and the subscription
		w.wantDrift(a, billing.DriftUnknown, billing.DriftUnknown, billing.DriftUnknown, billing.DriftUnknown)
		if now := w.account(a.ID).Sync.InvoicesSince; now.After(before.Add(33 * 24 * time.Hour)) {
			w.t.Errorf("the watermark went from %v to %v", before, now)
		}
		w.carries(false, func(*catalog.Catalog) {})
		w.sync(a)
		w.wantPoints(a.ID, 500, 0) // of the last renewal, which replaced those of the one before
		if n := w.granted(a); n != 3 {
			w.t.Errorf("%d of 3 periods were granted", n)
		}
		w.wantDrift(a)
	})
}

// Proves that a renewal of 0.45, under a coupon, is carried as a debt and grants. The renewal that collects the debt
// grants only its own points. A goodwill credit on the invoice takes no points away.
func TestSmallSums(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, id := w.subscriber()
		coupon := w.Ask(
			http.MethodPost, "/v1/coupons", url.Values{"percent_off": {"95"}, "duration": {"once"}},
		)["id"].(string)
		w.Ask(http.MethodPost, "/v1/subscriptions/"+id, url.Values{"coupon": {coupon}})
		w.renew(a) // 5 % of 9.00 is 0.45
		w.wantPoints(a.ID, 500, 0)
		if owed := w.Ask(http.MethodGet, "/v1/customers/"+string(a.CustomerID), nil)["balance"]; owed != 45.0 {
			w.t.Errorf("the customer owes %v", owed)
		}
		w.renew(a) // 9.45 are charged
		w.wantPoints(a.ID, 500, 0)
		w.Ask(
			http.MethodPost, "/v1/invoiceitems",
			url.Values{"customer": {string(a.CustomerID)}, "currency": {"usd"}, "amount": {"-900"}},
		)
		w.renew(a)
		w.wantPoints(a.ID, 500, 0)
		w.sync(a)
		w.wantDrift(a)
	})
}
