package reconcile_test

import (
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// payWith pays an order with a test card. The payer's bank disputes the payment if the card is for that.
func (w *world) payWith(a billing.Account, o billing.Order, card string) {
	w.t.Helper()
	w.Ask(http.MethodPost, "/v1/payment_pages/"+string(o.CheckoutID)+"/confirm", url.Values{"payment_method": {card}})
	w.sync(a)
	w.Advance(time.Minute)
	w.sync(a)
}

// closeDispute ends the only dispute.
func (w *world) closeDispute(a billing.Account, evidence string) {
	w.t.Helper()
	id := w.Ask(http.MethodGet, "/v1/disputes", nil)["data"].([]any)[0].(map[string]any)["id"].(string)
	w.Ask(
		http.MethodPost, "/v1/disputes/"+id, url.Values{"evidence[uncategorized_text]": {evidence}, "submit": {"true"}},
	)
	w.sync(a)
}

// Proves that a dispute takes the points of the money it takes back, wherever they are. A lost dispute keeps them, and
// a won dispute restores them once. Several syncs at once on two replicas, and another one after them, change nothing
// more.
func TestDispute(t *testing.T) {
	t.Parallel()
	for _, won := range []bool{true, false} {
		t.Run("Won="+strconv.FormatBool(won), func(t *testing.T) {
			t.Parallel()
			eachWorld(t, func(w *world) {
				a := w.buyer()
				w.pay(w.order(a, "pack_100"))
				o := w.order(a, "pack_100")
				w.pay(w.order(a, "pack_1000"))
				w.sync(a)
				w.spend(a, 1050) // of 1100
				w.payWith(a, o, "pm_card_createDispute")
				w.wantPoints(a.ID, 50, 0)
				if got := w.orderNow(o).Status; got != billing.OrderRefunded {
					w.t.Errorf("the disputed order is %s", got)
				}
				want, evidence, status := billing.Points(50), "losing_evidence", billing.OrderRefunded
				if won {
					want, evidence, status = 150, "winning_evidence", billing.OrderFulfilled
				}
				w.closeDispute(a, evidence)
				w.wantPoints(a.ID, want, 0)
				before := len(w.entries(a))
				w.syncTogether(a, 6)
				w.wantPoints(a.ID, want, 0)
				if got := w.orderNow(o).Status; got != status || len(w.entries(a)) != before {
					w.t.Errorf("the order is %s, and there are %d entries after %d", got, len(w.entries(a)), before)
				}
			})
		})
	}
}

// Proves that the points of a disputed purchase that are already spent are owed, including those of a subscription's
// period. The debt is gone when the dispute is won.
func TestDisputeOfSpentPoints(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, id := w.subscriber()
		w.spend(a, 450)
		invoice := w.Ask(http.MethodGet, "/v1/subscriptions/"+id, nil)["latest_invoice"].(string)
		intent := w.Ask(http.MethodGet, "/v1/invoices/"+invoice, nil)["payment_intent"].(string)
		w.Ask(http.MethodPost, "/_sandbox/payments/"+intent+"/dispute", nil)
		w.sync(a)
		w.wantPoints(a.ID, 0, 450)
		w.closeDispute(a, "winning_evidence")
		w.wantPoints(a.ID, 50, 0)
	})
}

// Proves that an inquiry, which moves no money, takes no points, however it ends.
func TestInquiry(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a := w.buyer()
		o := w.order(a, "pack_100")
		w.payWith(a, o, "pm_card_createDisputeInquiry")
		w.wantPoints(a.ID, 100, 0)
		w.closeDispute(a, "losing_evidence")
		w.wantPoints(a.ID, 100, 0)
		if got := w.orderNow(o).Status; got != billing.OrderFulfilled || len(w.entries(a)) != 1 {
			w.t.Errorf("the order is %s, and there are %d entries", got, len(w.entries(a)))
		}
	})
}
