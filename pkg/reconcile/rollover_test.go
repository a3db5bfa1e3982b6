package reconcile_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/ledger"
)

// rollsOver gives every plan of the shop a rollover. It applies to the prices sold from then on.
func (w *world) rollsOver(n billing.Points) {
	w.t.Helper()
	c := catalog.Default()
	for i := range c.Plans {
		c.Plans[i].Rollover = n
	}
	w.sell(c)
}

func (w *world) spend(a billing.Account, n billing.Points) {
	w.t.Helper()
	_, err := ledger.Spend(w.t.Context(), w.db, a.ID, ledger.SpendRequest{Amount: n})
	must(w.t, err)
}

// Proves that points left of a paid period roll over into the next, up to the plan's limit, and last until the end of
// that one. This holds through a renewal, and with the subscription's own end.
func TestRenewalRollsOver(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		w.rollsOver(400)
		a, id := w.subscriber()
		w.spend(a, 200)
		w.renew(a)
		w.wantPoints(a.ID, 300+500, 0)
		w.renew(a)
		w.wantPoints(a.ID, 400+500, 0)
		w.sync(a)
		w.wantPoints(a.ID, 400+500, 0)
		w.spend(a, 850)
		w.renew(a)
		w.wantPoints(a.ID, 50+500, 0)
		w.Ask(http.MethodDelete, "/v1/subscriptions/"+id, nil)
		w.sync(a)
		w.wantPoints(a.ID, 0, 0)
	})
}

// Proves that points that outlive their period, because Stripe still retries its renewal, roll over into the next
// period once the retry is paid.
func TestLateRenewalRollsOver(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		w.rollsOver(billing.RolloverAll)
		a, id := w.subscriber()
		w.useCard(id, "pm_card_chargeCustomerFail")
		w.renew(a)
		w.wantPoints(a.ID, 500, 0) // they last for the grace
		w.useCard(id, "pm_card_visa")
		invoice := w.Ask(http.MethodGet, "/v1/subscriptions/"+id, nil)["latest_invoice"].(string)
		w.Ask(http.MethodPost, "/v1/invoices/"+invoice+"/pay", nil)
		w.sync(a)
		w.wantPoints(a.ID, 500+500, 0)
		w.renew(a)
		w.wantPoints(a.ID, 500+500+500, 0)
	})
}

// Proves that repeated upgrades and downgrades bring only points that money was paid for. The credit of a downgrade
// buys no points when an upgrade uses it up. Points that were granted last as long as their period.
func TestPlanChangesFarmNothing(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		w.rollsOver(billing.RolloverAll)
		a, id := w.subscriber()
		change := func(plan string) {
			price, err := w.Stripe.Price(w.t.Context(), plan)
			must(w.t, err)
			s := w.Ask(http.MethodGet, "/v1/subscriptions/"+id, nil)
			item := s["items"].(map[string]any)["data"].([]any)[0].(map[string]any)["id"].(string)
			w.Ask(http.MethodPost, "/v1/subscriptions/"+id, url.Values{
				"items[0][id]": {item}, "items[0][price]": {string(price)}, "proration_behavior": {"always_invoice"},
			})
			w.sync(a)
		}
		change("pro_monthly")
		up := w.account(a.ID).Available
		if up < 500+690 || up > 500+700 {
			w.t.Errorf("%d points after the change up, want the plans' difference more", up)
		}
		for range 3 {
			change("basic_monthly")
			change("pro_monthly")
		}
		w.wantPoints(a.ID, up, 0)
		change("basic_monthly")
		w.renew(a) // the credit pays for it
		w.wantPoints(a.ID, up, 0)
	})
}
