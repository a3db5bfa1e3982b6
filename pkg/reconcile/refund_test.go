package reconcile_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/sandbox/sandboxtest"
)

// failingRefunds is a test card whose refunds fail an hour after they seemed to succeed.
const failingRefunds = "4000000000005126"

// Proves that a refund that fails later restores what it took, once: for a pack with its order and for a period,
// whether or not the points were spent. Syncs at once on two replicas, and another one after them, change nothing more.
// A payment that was refused before the successful one has no effect.
func TestRefundThatFails(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a := w.buyer()
		card := w.Ask(http.MethodPost, "/v1/payment_methods", url.Values{
			"type": {"card"}, "card[number]": {failingRefunds}, "card[exp_month]": {"12"}, "card[exp_year]": {"2034"},
			"card[cvc]": {"123"},
		})["id"].(string)
		pack, plan := w.order(a, "pack_100"), w.order(a, "basic_monthly")
		w.refusedOn(pack)
		for _, o := range []billing.Order{pack, plan} {
			w.Ask(
				http.MethodPost, "/v1/payment_pages/"+string(o.CheckoutID)+"/confirm",
				url.Values{"payment_method": {card}},
			)
		}
		w.sync(a)
		w.spend(a, 550) // of 600
		charges := w.Ask(http.MethodGet, "/v1/charges", url.Values{"customer": {string(a.CustomerID)}})["data"].([]any)
		for _, each := range charges {
			if charge := each.(map[string]any); charge["paid"] == true {
				w.Ask(http.MethodPost, "/v1/refunds", url.Values{"charge": {charge["id"].(string)}})
			}
		}
		w.sync(a)
		w.wantPoints(a.ID, 0, 550)
		if got := w.orderNow(pack).Status; got != billing.OrderRefunded {
			w.t.Errorf("the refunded order is %s", got)
		}
		w.Advance(2 * time.Hour)
		w.wantDrift(a, billing.DriftRestore, billing.DriftRestore)
		w.syncTogether(a, 4)
		w.wantPoints(a.ID, 50, 0)
		if got := w.orderNow(pack).Status; got != billing.OrderFulfilled {
			w.t.Errorf("the order whose refund failed is %s", got)
		}
		before := len(w.entries(a))
		w.sync(a)
		if after := len(w.entries(a)); after != before {
			w.t.Errorf("another sync made %d entries more", after-before)
		}
		w.wantDrift(a)
	})
}

// Proves that a payment that was refused on the page before another one succeeded restores nothing that a refund took.
func TestRefusedPaymentRestoresNothing(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a := w.buyer()
		pack := w.order(a, "pack_100")
		w.refusedOn(pack)
		w.pay(pack)
		w.sync(a)
		w.Ask(http.MethodPost, "/v1/refunds", url.Values{"payment_intent": {string(w.orderNow(pack).PaymentIntentID)}})
		w.sync(a)
		w.sync(a)
		w.wantPoints(a.ID, 0, 0)
		w.wantDrift(a)
	})
}

// refusedOn tries to pay an order with a card that is declined.
func (w *world) refusedOn(o billing.Order) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(
		w.t.Context(), http.MethodPost,
		w.Sandbox+"/v1/payment_pages/"+string(o.CheckoutID)+"/confirm?payment_method=pm_card_visa_chargeDeclined", nil,
	)
	must(w.t, err)
	req.Header.Set("Authorization", "Bearer "+sandboxtest.Key)
	resp, err := http.DefaultClient.Do(req)
	must(w.t, err)
	must(w.t, resp.Body.Close())
	if resp.StatusCode != http.StatusPaymentRequired {
		w.t.Fatalf("a declined card is answered %d", resp.StatusCode)
	}
}
