package reconcile_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// Proves that a refund or dispute of a charge behind the newest 100 claws points back. The sync of its event finds it,
// whether the event names the charge, its refund or its dispute. If every event is lost, the comparison with Stripe and
// its repair find it. An ordinary sync without such an event does not see it: that is the price of its fixed number of
// calls. The pack brought 100 points and is refunded in full, so 0 are left.
func TestMoneyBackOfAnOldCharge(t *testing.T) {
	t.Parallel()
	refund := func(w *world, o billing.Order) billing.StripeObject {
		re := w.Ask(http.MethodPost, "/v1/refunds", url.Values{"payment_intent": {string(o.PaymentIntentID)}})
		return billing.StripeObject{Type: "refund", ID: re["id"].(string)}
	}
	charge := func(w *world, o billing.Order) billing.StripeObject {
		return billing.StripeObject{
			Type: "charge", ID: w.Ask(http.MethodGet, "/v1/refunds/"+refund(w, o).ID, nil)["charge"].(string),
		}
	}
	dispute := func(w *world, _ billing.Order) billing.StripeObject {
		disputes := w.Ask(http.MethodGet, "/v1/disputes", nil)["data"].([]any)
		return billing.StripeObject{Type: "dispute", ID: disputes[0].(map[string]any)["id"].(string)}
	}
	for name, c := range map[string]struct {
		card string
		back func(w *world, o billing.Order) billing.StripeObject
	}{
		"Refund": {"pm_card_visa", refund}, "Charge": {"pm_card_visa", charge}, "Dispute": {
			"pm_card_createDispute", dispute,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachWorld(t, func(w *world) {
				a, o := w.buried(c.card)
				object := c.back(w, o)
				w.sync(a)
				w.wantPoints(a.ID, 100, 0)
				w.told(a, "evt_back", object)
				w.sync(a)
				w.wantPoints(a.ID, 0, 0)
				w.sync(a)
				w.wantPoints(a.ID, 0, 0)
			})
		})
		t.Run(name+"/EventLost", func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, store.SQLite)
			a, o := w.buried(c.card)
			c.back(w, o)
			drift, err := w.syncer.Drift(t.Context(), a.ID)
			if err != nil || len(drift) != 1 || drift[0].Kind != billing.DriftClawback {
				t.Errorf("the comparison finds %+v, %v", drift, err)
			}
			if left, err := w.syncer.Repair(t.Context(), a.ID); err != nil || len(left) != 0 {
				t.Errorf("the repair leaves %+v, %v", left, err)
			}
			w.wantPoints(a.ID, 0, 0)
		})
	}
}

// buried returns a buyer whose pack of 100 points was paid with a card, with 100 newer charges since.
func (w *world) buried(card string) (billing.Account, billing.Order) {
	w.t.Helper()
	a := w.buyer()
	o := w.order(a, "pack_100")
	w.Ask(http.MethodPost, "/v1/payment_pages/"+string(o.CheckoutID)+"/confirm", url.Values{"payment_method": {card}})
	w.Advance(time.Second) // Stripe lists by whole seconds
	w.bury(a)
	w.sync(a)
	w.wantPoints(a.ID, 100, 0)
	return a, w.orderNow(o)
}

// bury makes 100 charges of the customer that are newer than all earlier ones.
func (w *world) bury(a billing.Account) {
	w.t.Helper()
	for range 100 {
		w.Ask(http.MethodPost, "/v1/payment_intents", url.Values{
			"amount": {"500"}, "currency": {"usd"}, "customer": {string(a.CustomerID)},
			"payment_method": {"pm_card_visa"}, "confirm": {"true"},
			"automatic_payment_methods[enabled]": {"true"}, "automatic_payment_methods[allow_redirects]": {"never"},
		})
	}
}
