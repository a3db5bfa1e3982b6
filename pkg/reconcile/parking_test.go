package reconcile_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// bounded sets limits for the world's syncer on what is granted in a day.
func (w *world) bounded(grants int64, points billing.Points) {
	w.Policy.ParkGrants, w.Policy.ParkPoints = grants, points
	w.syncer = w.newSyncer()
}

// unpark is a person's approval, without the note that package account makes of it.
func (w *world) unpark(a billing.Account) {
	w.t.Helper()
	storetest.Change(w.t, w.db, a.ID, func(ctx context.Context, tx *store.Tx, locked billing.Account) error {
		locked.Parking = billing.Parking{Approved: true, EndedAt: &tx.Now}
		return tx.SaveParking(ctx, locked)
	})
}

func (w *world) wantParked(a billing.Account, reason string) {
	w.t.Helper()
	switch p := w.account(a.ID).Parking; {
	case (p.At != nil) != (reason != ""), !strings.Contains(p.Reason, reason):
		w.t.Errorf("parked: %+v, want %q", p, reason)
	}
}

// Proves that a sync which would grant more than the bounds allow parks the account. No grant comes, orders stay paid,
// and the rest of the sync is applied as usual. Nothing is lost, however much time and however many syncs pass. When a
// person unparks the account, all of it is granted once, and after that the bounds start counting again.
func TestPark(t *testing.T) {
	t.Parallel()
	for name, bounds := range map[string]struct {
		grants int64
		points billing.Points
		reason string
	}{
		"Grants": {2, 0, "3 grants within 24 hours, more than 2"},
		"Points": {0, 650, "700 points within 24 hours, more than 650"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachWorld(t, func(w *world) {
				w.bounded(bounds.grants, bounds.points)
				a, id := w.subscriber() // 500 points
				first, second := w.order(a, "pack_100"), w.order(a, "pack_100")
				w.pay(first)
				w.sync(a)
				w.wantParked(a, "")
				w.pay(second)
				w.sync(a)
				w.wantPoints(a.ID, 600, 0)
				w.wantParked(a, bounds.reason)
				w.wantDrift(a, billing.DriftParked)
				w.repaired(a, billing.DriftParked)
				if got := w.orderNow(second); got.Status != billing.OrderPaid || got.FulfilledAt != nil {
					w.t.Errorf("the order that waits is %s", got.Status)
				}
				w.whileParked(a, first, id)
				w.unpark(a)
				w.syncTogether(a, 4)
				w.wantParked(a, "")
				w.wantPoints(a.ID, 100+500, 0) // the second pack, and the renewal; the first pack was refunded
				if got := w.orderNow(second).Status; got != billing.OrderFulfilled {
					w.t.Errorf("the order that waited is %s", got)
				}
				w.wantDrift(a)
				third := w.order(a, "pack_100")
				w.pay(third)
				w.sync(a)
				w.wantParked(a, "")
				w.wantPoints(a.ID, 700, 0)
			})
		})
	}
}

// whileParked makes a refund, two renewals and a cancellation happen to a parked account.
func (w *world) whileParked(a billing.Account, refunded billing.Order, subscription string) {
	w.t.Helper()
	w.Ask(http.MethodPost, "/v1/refunds", url.Values{"payment_intent": {string(w.orderNow(refunded).PaymentIntentID)}})
	w.sync(a)
	w.wantPoints(a.ID, 500, 0)
	w.renew(a)
	w.renew(a)
	w.Advance(7 * 24 * time.Hour)
	w.Ask(http.MethodPost, "/v1/subscriptions/"+subscription, url.Values{"cancel_at_period_end": {"true"}})
	w.sync(a)
	if s := w.account(a.ID).Subscription; !s.CancelAtPeriodEnd {
		w.t.Error("a parked account's subscription is not kept up with")
	}
	w.wantDrift(a, billing.DriftParked)
}

// Proves that a parked account's syncs read again what events named since about the time it was parked, but nothing
// older. The sync that makes the grants reads all of it.
func TestParkedReadsAgain(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a := w.buyer()
		asked := map[string]int{} // for refunds, since the last look
		reads := func(refund string) int {
			path := "GET /v1/refunds/" + refund
			before := asked[path]
			asked[path] = w.Gate.Asked(path)
			return asked[path] - before
		}
		refund := func() string {
			o := w.order(a, "pack_100")
			w.pay(o)
			w.sync(a)
			re := w.Ask(
				http.MethodPost, "/v1/refunds", url.Values{"payment_intent": {string(w.orderNow(o).PaymentIntentID)}},
			)["id"].(string)
			w.told(a, "evt_"+re, billing.StripeObject{Type: billing.ObjectRefund, ID: re})
			return re
		}
		old := refund()
		w.sync(a)
		w.Advance(49 * time.Hour)
		recent := refund()
		w.bounded(1, 0)
		w.pay(w.order(a, "pack_100"))
		w.pay(w.order(a, "pack_100"))
		w.sync(a)
		w.wantParked(a, "more than 1")
		reads(old)
		reads(recent)
		w.sync(a)
		if o, r := reads(old), reads(recent); o != 0 || r != 1 {
			t.Errorf("a parked account's sync reads the old refund %d times, the recent one %d times", o, r)
		}
		w.unpark(a)
		w.sync(a)
		if o, r := reads(old), reads(recent); o != 1 || r != 1 {
			t.Errorf("the sync that grants reads the old refund %d times, the recent one %d times", o, r)
		}
		w.wantPoints(a.ID, 200, 0)
	})
}

// Proves that syncs at once on two replicas, each with another picture, together grant no more than the limit. Grants
// are counted under the account's lock.
func TestParkTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t, store.Postgres)
	w.bounded(3, 0)
	a := w.buyer()
	for range 6 {
		w.pay(w.order(a, "pack_100"))
		w.syncTogether(a, 3)
	}
	w.sync(a)
	w.wantPoints(a.ID, 300, 0)
	w.wantParked(a, "grants within 24 hours, more than 3")
}

// Proves that a sync decides about parking by what it finds as soon as it has the account's lock. If another sync used
// up a person's approval in the meantime, nothing more is granted.
func TestParkDecidesUnderLock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, store.Postgres)
	w.bounded(1, 0)
	a := w.buyer()
	w.pay(w.order(a, "pack_100"))
	w.pay(w.order(a, "pack_100"))
	w.unpark(a)
	held := w.Gate.Hold(string(a.CustomerID))
	synced := make(chan error, 1)
	go func() { _, err := w.syncer.Sync(t.Context(), a.ID, billing.CauseEvent); synced <- err }()
	held.Wait(t, 1) // its ticket is taken
	storetest.Change(t, w.db, a.ID, func(ctx context.Context, tx *store.Tx, locked billing.Account) error {
		locked.Parking = billing.Parking{EndedAt: &tx.Now} // as the sync that made the grants leaves it
		if err := tx.SaveParking(ctx, locked); err != nil {
			return err
		}
		held.Release()
		storetest.WaitForLock(t, w.db)
		return nil
	})
	must(t, <-synced)
	w.wantParked(a, "2 grants within 24 hours, more than 1")
	w.wantPoints(a.ID, 0, 0)
}

// Proves that grants of more than a day ago no longer count.
func TestParkSpan(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		w.bounded(1, 0)
		a := w.buyer()
		for n := range billing.Points(3) {
			w.pay(w.order(a, "pack_100"))
			w.sync(a)
			w.wantPoints(a.ID, 100*(n+1), 0)
			w.wantParked(a, "")
			w.Advance(25 * time.Hour)
		}
	})
}
