package reconcile_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

const (
	inversions = 1000 / slowdown
	inverters  = 4 // accounts side by side
)

// Proves that a picture that was taken earlier and arrives later never overwrites the later one. For each pair of
// syncs, the test holds back the replies of the first one until Stripe has changed and the second sync was applied.
func TestInversions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, store.Postgres)
	for n := range inverters {
		t.Run(fmt.Sprint("Account", n+1), func(t *testing.T) {
			t.Parallel()
			mine := &world{House: w.In(t), t: t, db: w.db, syncer: w.syncer}
			a, subscription := mine.subscriber()
			for i := range inversions / inverters {
				cancels := i%2 == 0
				mine.invert(a, func() {
					mine.Ask(
						http.MethodPost, "/v1/subscriptions/"+subscription,
						url.Values{"cancel_at_period_end": {fmt.Sprint(cancels)}},
					)
				})
				if got := mine.account(a.ID); got.Subscription.CancelAtPeriodEnd != cancels {
					t.Fatalf("inversion %d: cancels at the period's end: %v, and at Stripe %v", i, !cancels, cancels)
				}
			}
			after := mine.account(a.ID)
			if after.Sync.TicketApplied != after.Sync.TicketIssued ||
				after.Sync.TicketIssued != 1+2*inversions/inverters {
				t.Errorf("ticket %d of %d was applied last", after.Sync.TicketApplied, after.Sync.TicketIssued)
			}
			mine.wantPoints(a.ID, 500, 0)
		})
	}
}

// Proves that the later picture loses nothing when the earlier one is discarded, and that nothing is granted twice: a
// pack that is paid between the two is fulfilled once.
func TestInversionOfPurchase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, store.Postgres)
	a := w.buyer()
	for n := range billing.Points(10) {
		o := w.order(a, "pack_100")
		w.invert(a, func() { w.pay(o) })
		if got := w.orderNow(o); got.Status != billing.OrderFulfilled {
			t.Errorf("the order is %s", got.Status)
		}
		w.wantPoints(a.ID, 100*(n+1), 0)
	}
}

// invert begins a sync. Before its picture arrives, it makes the change and runs another sync completely.
func (w *world) invert(a billing.Account, change func()) {
	w.t.Helper()
	type result struct {
		applied bool
		err     error
	}
	h := w.Gate.Hold(string(a.CustomerID))
	slow := make(chan result, 1)
	go func() {
		applied, err := w.syncer.Sync(w.t.Context(), a.ID, billing.CauseEvent)
		slow <- result{applied, err}
	}()
	h.Wait(w.t, picture)
	w.Gate.Pass(string(a.CustomerID))
	change()
	w.sync(a)
	h.Release()
	r := <-slow
	must(w.t, r.err)
	if r.applied {
		w.t.Fatal("the earlier sync was applied after the later one")
	}
}
