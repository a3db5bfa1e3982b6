package inbox_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves that the table decides, and not the queue. An event whose job was lost, or is held by a process that died, is
// processed once it is overdue. That holds whether or not its account is known. An event that waits for its turn is
// left alone.
func TestSweep(t *testing.T) {
	t.Parallel()
	for name, fate := range map[string]string{
		"Lost": "DELETE FROM river_job",
		"Dead": "UPDATE river_job SET state = 'running', attempt = 1, attempted_at = created_at",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachWorld(t, func(w *world) {
				a, o := w.buyer()
				refund := w.refund(o)
				w.ring("evt_1", a.CustomerID)
				must(
					w.t,
					w.deliver(eventOf("evt_2", "refund.created", fmt.Sprintf(`{"object":"refund","id":%q}`, refund))),
				)
				w.exec(fate)
				w.sweep()
				if n := w.count(pendingEvents); n != 2 || w.Gate.Asked("GET /v1/subscriptions") != 0 {
					w.t.Errorf("%d of 2 events wait after a look at events that have just come", n)
				}
				w.Advance(20 * time.Second)
				w.sweep() // the first one's sync, and the resolving of the second one
				w.Advance(20 * time.Second)
				w.sweep()
				if n := w.count(pendingEvents); n != 0 {
					w.t.Errorf("%d events wait after the sweeper's looks", n)
				}
				if e := w.event("evt_2"); e.AccountID != a.ID || e.Status != billing.InboxProcessed {
					w.t.Errorf("the event that did not name its customer: %+v", e)
				}
			})
		})
	}
}

// Proves that the sweeper waits for a sync of the account that has begun, whatever began it, but not longer than that
// sync's timeout. A user's own failing syncs do not delay the sweeper.
func TestSweepWaitsForSyncs(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, _ := w.buyer()
		w.ring("evt_1", a.CustomerID)
		w.Advance(20 * time.Second)
		w.Gate.Refuse()
		if _, err := w.syncer.Sync(context.Background(), a.ID, billing.CauseEvent); err == nil {
			w.t.Fatal("Stripe is down and the sync says nothing")
		}
		w.Gate.Open()
		w.sweep()
		if e := w.event("evt_1"); e.Status != billing.InboxPending || w.account(a.ID).Sync.TicketIssued != 1 {
			w.t.Errorf("a sync had just begun: %+v", e)
		}
		w.Advance(20 * time.Second)
		w.Gate.Refuse()
		_, err := w.syncer.SyncNow(context.Background(), a.ID, billing.CauseSpend)
		must(w.t, err)
		w.Gate.Open()
		w.sweep()
		if e := w.event("evt_1"); e.Status != billing.InboxProcessed {
			w.t.Errorf("a spend put the answer off: %+v", e)
		}
	})
}

// Proves that if many replicas sweep at once, only one syncs an account, and only one resolves an event.
func TestSweepTogether(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	database := storetest.URL(t, store.Postgres)
	replicas := []*world{s.replica(t, database), s.replica(t, database), s.replica(t, database)}
	w := replicas[0]
	const buyers = 10
	accounts := make([]billing.Account, buyers)
	for n := range accounts {
		accounts[n], _ = w.buyer()
		w.ring(fmt.Sprint("evt_", n), accounts[n].CustomerID)
	}
	w.exec("DELETE FROM river_job")
	w.Advance(20 * time.Second)
	var sweeps sync.WaitGroup
	for _, each := range replicas {
		for range 3 {
			sweeps.Go(each.sweep)
		}
	}
	sweeps.Wait()
	for _, a := range accounts {
		if got := w.account(a.ID); got.Available != 100 || got.Sync.TicketIssued != 1 {
			t.Errorf("%d points after %d syncs", got.Available, got.Sync.TicketIssued)
		}
	}
}

// Proves that an event whose syncs all failed is processed soon after Stripe is back, even if its job was given up long
// ago.
func TestSweepAfterStripeWasAway(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, _ := w.buyer()
		w.ring("evt_1", a.CustomerID)
		w.exec("DELETE FROM river_job")
		w.Gate.Refuse()
		for range 3 {
			w.Advance(20 * time.Second)
			w.sweep()
		}
		if e := w.event("evt_1"); e.Status != billing.InboxPending || e.Attempts != 3 || e.LastError == "" {
			w.t.Errorf("while Stripe is down: %+v", e)
		}
		w.Gate.Open()
		w.Advance(20 * time.Second)
		w.sweep()
		if e := w.event("evt_1"); e.Status != billing.InboxProcessed || w.account(a.ID).Available != 100 {
			w.t.Errorf("when Stripe is back: %+v", e)
		}
	})
}

func (w *world) sweep() {
	w.t.Helper()
	if err := w.inbox.Sweep(context.Background()); err != nil {
		w.t.Error(err)
	}
}
