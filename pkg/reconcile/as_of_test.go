package reconcile_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// syncAround takes a picture of an account's customer, holds it back while something happens, and then lets it be
// applied.
func (w *world) syncAround(a billing.Account, happens func()) {
	w.t.Helper()
	h := w.Gate.Hold(string(a.CustomerID))
	failed := make(chan error, 1)
	go func() {
		_, err := w.syncer.Sync(w.t.Context(), a.ID, billing.CauseEvent)
		failed <- err
	}()
	h.Wait(w.t, picture)
	w.Gate.Pass(string(a.CustomerID))
	happens()
	h.Release()
	must(w.t, <-failed)
}

// Proves that a sync expires points only up to the time when its picture began. Points that expired while Stripe was
// being asked may have a later expiry there by now. Each picture is taken a minute before the expiry that it shows, and
// applied four minutes after it. Basic is 500 points, and all roll over.
//   - Paid: the renewal failed, so the points expire 72 hours after the period. It is paid while the picture is on its
//     way. 500 are kept, and with the renewal's 500 the next sync makes them 1000. If the old picture expired them,
//     there would be 500.
//   - Kept: the operator had set an end, and takes it back. 500 are there until the period's end.
//   - Moved: the operator had set an end, and moves it by ten days. 500 are there until then.
//   - Over: nothing happens. The old picture expires nothing. The next sync, which begins after the end, expires all.
//   - Cancelled: a subscription that has ended expires its points at once, even those with a later expiry: 0.
//
// An earlier subscription of the account has ended, which changes none of this.
func TestSyncEndsAsOfItsPicture(t *testing.T) {
	t.Parallel()
	ending := func(w *world, _ billing.Account, id string) time.Time {
		at := w.Now().AddDate(0, 0, 10).Truncate(time.Second)
		w.Ask(http.MethodPost, "/v1/subscriptions/"+id, url.Values{"cancel_at": {itoa(at.Unix())}})
		return at
	}
	failing := func(w *world, a billing.Account, id string) time.Time {
		w.useCard(id, "pm_card_chargeCustomerFail")
		return w.account(a.ID).Subscription.CurrentPeriodEnd.Add(policy.PastDueGrace)
	}
	for name, c := range map[string]struct {
		before    func(w *world, a billing.Account, id string) time.Time // returns the end that the picture shows
		during    func(w *world, a billing.Account, id string, end time.Time)
		old, next billing.Points
	}{
		"Paid": {failing, func(w *world, _ billing.Account, id string, _ time.Time) {
			w.useCard(id, "pm_card_visa")
			owed := w.Ask(http.MethodGet, "/v1/subscriptions/"+id, nil)["latest_invoice"].(string)
			w.Ask(http.MethodPost, "/v1/invoices/"+owed+"/pay", nil)
		}, 500, 1000},
		"Kept": {ending, func(w *world, _ billing.Account, id string, _ time.Time) {
			w.Ask(http.MethodPost, "/v1/subscriptions/"+id, url.Values{"cancel_at": {""}})
		}, 500, 500},
		"Moved": {ending, func(w *world, _ billing.Account, id string, end time.Time) {
			w.Ask(
				http.MethodPost, "/v1/subscriptions/"+id, url.Values{"cancel_at": {itoa(end.AddDate(0, 0, 10).Unix())}},
			)
		}, 500, 500},
		"Over": {failing, func(*world, billing.Account, string, time.Time) {}, 500, 0},
		"Cancelled": {func(w *world, _ billing.Account, id string) time.Time {
			w.Ask(http.MethodDelete, "/v1/subscriptions/"+id, nil)
			return w.Now().Add(time.Hour)
		}, func(*world, billing.Account, string, time.Time) {}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachWorld(t, func(w *world) {
				w.rollsOver(billing.RolloverAll)
				a, former := w.subscriber()
				w.Ask(http.MethodDelete, "/v1/subscriptions/"+former, nil)
				w.sync(a)
				id := w.pay(w.order(a, "basic_monthly"))["subscription"].(string)
				w.sync(a)
				end := c.before(w, a, id)
				w.Advance(end.Sub(w.Now()) - time.Minute)
				w.syncAround(a, func() {
					c.during(w, a, id, end)
					w.Advance(5 * time.Minute)
				})
				w.wantPoints(a.ID, c.old, 0)
				w.sync(a)
				w.wantPoints(a.ID, c.next, 0)
				w.wantDrift(a)
			})
		})
	}
}
