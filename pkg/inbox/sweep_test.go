package inbox_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
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

// Proves that a running server sweeps by itself, and begins with it: an event whose job was lost is processed. A sweep
// that goes well is not logged as a failure, and one that fails is.
func TestServerSweeps(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		var told logBuffer
		runs := func(until string, ok func() bool) {
			w.t.Helper()
			_, runner := w.logging(&told, slog.LevelInfo)
			must(w.t, runner.Start(w.t.Context()))
			storetest.WaitFor(w.t, until, ok)
			must(w.t, runner.Stop(context.Background()))
		}
		a, _ := w.buyer()
		w.ring("evt_1", a.CustomerID)
		w.exec("DELETE FROM river_job")
		w.Advance(20 * time.Second)
		runs("the event is processed", func() bool { return w.event("evt_1").Status == billing.InboxProcessed })
		const failed = "the search for events that wait too long failed"
		if told.count(failed) != 0 {
			w.t.Errorf("all went well, and it says %s", told.String())
		}
		w.exec("ALTER TABLE inbox_events RENAME TO gone")
		runs("the failure is logged", func() bool { return told.count(failed) > 0 })
	})
}

// Proves what a sweep logs: nothing if no event waits too long, otherwise how many accounts and events were looked at
// and how many looks failed. Of many failures only one is logged with its reason.
func TestSweepIsLogged(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		var told logBuffer
		in, _ := w.logging(&told, slog.LevelInfo)
		wants := func(summary string, reasons int) {
			w.t.Helper()
			told.forget()
			must(w.t, in.Sweep(w.t.Context()))
			text := told.String()
			if summary == "" && text != "" || summary != "" && (told.count(summary) != 1 ||
				told.count("were looked at again") != 1 || told.count("is still not processed") != reasons) {
				w.t.Errorf("want %q and %d reasons in %q", summary, reasons, text)
			}
		}
		for n := range 2 {
			a, _ := w.buyer()
			w.ring(fmt.Sprint("evt_", n), a.CustomerID)
			refund := fmt.Sprintf(`{"object":"refund","id":"re_none%d"}`, n)
			must(w.t, w.deliver(eventOf(fmt.Sprint("evt_refund", n), "refund.created", refund)))
		}
		wants("", 0)
		w.Gate.Refuse()
		w.Advance(20 * time.Second)
		wants("accounts=2 unrouted=2 failed=4", 1)
		w.Gate.Open()
		w.Advance(20 * time.Second)
		wants("accounts=2 unrouted=2 failed=0", 0)
		w.Advance(20 * time.Second)
		wants("", 0)
	})
}

// stuckSweep begins a sweep of accounts whose events have waited too long, and returns when all of its four workers are
// held at Stripe. asked returns how many customers Stripe was asked about so far. end lets all go and waits for the
// sweep.
func (w *world) stuckSweep(accounts int) (asked func() int, end func()) {
	w.t.Helper()
	const workers = 4
	var mu sync.Mutex
	held, at, released := map[string]bool{}, map[string]bool{}, make(chan struct{})
	for n := range accounts {
		a, _ := w.buyer()
		w.ring(fmt.Sprint("evt_stuck_", n), a.CustomerID)
		held[string(a.CustomerID)] = true
	}
	w.exec("DELETE FROM river_job")
	w.Advance(20 * time.Second)
	w.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
		if id := r.URL.Query().Get("customer"); held[id] {
			mu.Lock()
			at[id] = true
			mu.Unlock()
			select {
			case <-released:
			case <-r.Context().Done():
			}
		}
		w.Gate.Stripe.ServeHTTP(out, r)
	})
	asked = func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(at)
	}
	var sweep sync.WaitGroup
	sweep.Go(w.sweep)
	storetest.WaitFor(w.t, "all workers of the sweep are held", func() bool { return asked() >= workers })
	return asked, func() { close(released); sweep.Wait() }
}

// Proves that a sweep asks Stripe about no more than four accounts at a time, however many wait. A fifth would have the
// time of five other syncs to show up.
func TestSweepAsksAboutFew(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		other, _ := w.buyer()
		asked, end := w.stuckSweep(9)
		for range 5 {
			_, err := w.syncer.Sync(w.t.Context(), other.ID, billing.CauseOrder)
			must(w.t, err)
		}
		if n := asked(); n != 4 {
			w.t.Errorf("Stripe was asked about %d accounts at a time", n)
		}
		end()
		if n := w.count(pendingEvents); n != 0 {
			w.t.Errorf("%d events wait after the sweep", n)
		}
	})
}

// Proves that a sweep that comes late to an event does not ask Stripe whose it is if another sweep has asked since the
// event was found. The first sweep finds the event, and its workers are held by other accounts.
func TestSweepResolvesOnce(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, o := w.buyer()
		refund := w.refund(o)
		must(w.t, w.deliver(eventOf("evt_1", "refund.created", fmt.Sprintf(`{"object":"refund","id":%q}`, refund))))
		_, end := w.stuckSweep(4)
		w.sweep()
		if e, n := w.event("evt_1"), w.Gate.Asked("GET /v1/refunds/"+refund); e.AccountID != a.ID || n != 1 {
			w.t.Errorf("the second sweep asked %d times: %+v", n, e)
		}
		end()
		if n := w.Gate.Asked("GET /v1/refunds/" + refund); n != 1 {
			w.t.Errorf("the sweeps asked %d times whose the event is", n)
		}
	})
}

func (w *world) sweep() {
	w.t.Helper()
	if err := w.inbox.Sweep(context.Background()); err != nil {
		w.t.Error(err)
	}
}
