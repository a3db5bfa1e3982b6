package reconcile_test

import (
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves that a request which begins after a payment never gets a picture from before it. A first sync has asked
// Stripe, which returned "unpaid", and the reply is on its way. The customer pays for 100 points. Then a second request
// comes for the same reason. When it returns Synced, the database must have the 100, because the picture that it used
// began after it came. This holds for a spend, for a request for the order and for a change of the subscription.
func TestLateCallerSeesItsPayment(t *testing.T) {
	t.Parallel()
	for _, dialect := range storetest.Dialects {
		for _, cause := range []billing.SyncCause{billing.CauseSpend, billing.CauseOrder, billing.CauseChange} {
			t.Run(string(dialect)+"/"+string(cause), func(t *testing.T) {
				t.Parallel()
				lateCaller(newWorld(t, dialect), cause)
			})
		}
	}
}

func lateCaller(w *world, cause billing.SyncCause) {
	a := w.buyer()
	o := w.order(a, "pack_100")
	h := w.Gate.Hold(string(a.CustomerID))
	early, late := make(chan reconcile.Outcome, 1), make(chan reconcile.Outcome, 1)
	call := func(told chan reconcile.Outcome) {
		outcome, err := w.syncer.SyncNow(w.t.Context(), a.ID, cause)
		if err != nil {
			w.t.Error(err)
		}
		told <- outcome
	}
	go call(early)
	h.Wait(w.t, picture) // the first picture is taken, and shows an unpaid order
	w.Gate.Pass(string(a.CustomerID))
	w.pay(o)
	go call(late)
	storetest.WaitFor(w.t, "the caller waits", func() bool { return reconcile.Waiting(w.syncer, a.ID) == 1 })
	h.Release()
	if got := <-early; got != reconcile.Synced {
		w.t.Errorf("the first caller was told %q", got)
	}
	if got := <-late; got != reconcile.Synced {
		w.t.Errorf("the second caller was told %q", got)
	}
	w.wantPoints(a.ID, 100, 0)
}

// Proves that a request which waits for the next sync does not try again when the sync before it could not reach
// Stripe. It fails together with that sync, and Stripe is asked once.
func TestLateCallerFailsWithTheFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t, store.SQLite)
	a := w.buyer()
	h := w.Gate.Hold(string(a.CustomerID))
	told := make(chan reconcile.Outcome, 2)
	call := func() {
		outcome, err := w.syncer.SyncNow(t.Context(), a.ID, billing.CauseSpend)
		if err != nil {
			t.Error(err)
		}
		told <- outcome
	}
	go call()
	h.Wait(t, picture) // and never released: the first sync fails at its timeout
	go call()
	storetest.WaitFor(t, "the caller waits", func() bool { return reconcile.Waiting(w.syncer, a.ID) == 1 })
	for range 2 {
		if got := <-told; got != reconcile.Failed {
			t.Errorf("a caller was told %q", got)
		}
	}
	if issued := w.account(a.ID).Sync.TicketIssued; issued != 1 {
		t.Errorf("%d tickets", issued)
	}
}
