package reconcile_test

import (
	"bytes"
	"context"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/housetest"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// wantOutcome syncs as a user's request does.
func (w *world) wantOutcome(id billing.AccountID, want reconcile.Outcome) {
	w.t.Helper()
	got, err := w.syncer.SyncNow(w.t.Context(), id, billing.CauseSpend)
	must(w.t, err)
	if got != want {
		w.t.Errorf("the outcome is %q, want %q", got, want)
	}
}

// wantOutcomeOfOrder syncs repeatedly, as a customer does who looks at an order.
func (w *world) wantOutcomeOfOrder(id billing.AccountID, wants ...reconcile.Outcome) {
	w.t.Helper()
	for n, want := range wants {
		got, err := w.syncer.SyncNow(w.t.Context(), id, billing.CauseOrder)
		must(w.t, err)
		if got != want {
			w.t.Errorf("the outcome of look %d is %q, want %q", n+1, got, want)
		}
	}
}

// Proves that an account's own spends cause at most five syncs at once and then one every ten seconds. The budget is
// full again after fifty seconds. A customer who looks at an order has three more. Each account has a separate budget,
// and events do not use it.
func TestUserBudget(t *testing.T) {
	t.Parallel()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		clock := storetest.NewClock()
		w := worldOf(t, dialect, housetest.Options{Now: clock.Now})
		a, other := w.buyer(), w.buyer()
		for _, step := range []struct {
			after time.Duration
			syncs int
		}{
			{0, 5}, {9 * time.Second, 0}, {time.Second, 1}, {25 * time.Second, 2}, {5 * time.Second, 1},
			{time.Hour, 5},
		} {
			clock.Advance(step.after)
			for range step.syncs {
				w.wantOutcome(a.ID, reconcile.Synced)
			}
			w.wantOutcome(a.ID, reconcile.NoBudget)
		}
		w.wantOutcomeOfOrder(a.ID, reconcile.Synced, reconcile.Synced, reconcile.Synced, reconcile.NoBudget)
		issued := w.account(a.ID).Sync.TicketIssued
		w.wantOutcome(other.ID, reconcile.Synced)
		w.sync(a)
		if got := w.account(a.ID).Sync; issued != 17 || got.TicketIssued != 18 || got.TicketApplied != 18 {
			t.Errorf("%d tickets before and %+v after: a refusal took one", issued, got)
		}
		asked := w.Gate.Asked(fetch)
		w.wantOutcome(a.ID, reconcile.NoBudget)
		if w.Gate.Asked(fetch) != asked {
			t.Error("Stripe was asked without a budget")
		}
	})
}

// Proves that an account without a Stripe customer is not synced, and that a missing account is an error.
func TestUserWithoutCustomer(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a := storetest.NewAccount(w.t, w.db)
		w.wantOutcome(a.ID, reconcile.NoCustomer)
		if applied, err := w.syncer.Sync(w.t.Context(), a.ID, billing.CauseEvent); applied || err != nil {
			w.t.Errorf("Sync answers %v, %v", applied, err)
		}
		if w.Gate.Asked(fetch) != 0 || w.account(a.ID).Sync.TicketIssued != 0 {
			w.t.Error("a ticket was taken or Stripe was asked")
		}
		if _, err := w.syncer.SyncNow(
			w.t.Context(), "acc_none", billing.CauseSpend,
		); billing.CodeOf(err) != billing.ENotFound {
			w.t.Errorf("no such account: %v", err)
		}
	})
}

// Proves that a user waits two seconds for a Stripe that hangs, and no longer. The user gets Failed, as with a Stripe
// that is down, and the next sync applies what was missed.
func TestUserStripeAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, store.Postgres)
	a := w.buyer()
	o := w.order(a, "pack_100")
	w.pay(o)
	for _, c := range []struct {
		name     string
		fault    func(*housetest.Gate)
		min, max time.Duration
	}{
		{"Hangs", (*housetest.Gate).Hang, 1900 * time.Millisecond, 8 * time.Second},
		{"Down", (*housetest.Gate).Refuse, 0, 8 * time.Second},
	} {
		c.fault(w.Gate)
		begun := time.Now()
		w.wantOutcome(a.ID, reconcile.Failed)
		if took := time.Since(begun); took < c.min || took > c.max {
			t.Errorf("%s: it took %v", c.name, took)
		}
	}
	if got := w.orderNow(o); got.Status != billing.OrderPending {
		t.Errorf("the order is %s without anybody having asked Stripe", got.Status)
	}
	w.Gate.Open()
	w.wantOutcome(a.ID, reconcile.Synced)
	w.wantPoints(a.ID, 100, 0)
}

// Proves that callers who come while a fetch is under way share the next one. 50 callers cause two fetches, and at most
// two tickets and two pieces of the budget. The second fetch begins when the first has ended.
func TestUsersShareOneSync(t *testing.T) {
	t.Parallel()
	w := newWorld(t, store.Postgres)
	a := w.buyer()
	w.pay(w.order(a, "pack_100"))
	asked := w.Gate.Asked(fetch)
	h := w.Gate.Hold(string(a.CustomerID))
	const callers = 50
	outcomes := make(chan reconcile.Outcome, callers)
	var answered sync.WaitGroup
	for range callers {
		answered.Go(func() { oneOfManyCallers(w, a.ID, outcomes) })
	}
	h.Wait(t, picture) // a fetch is under way and cannot end
	storetest.WaitFor(t, "all callers wait", func() bool { return waitingCallers() == callers })
	if n := w.Gate.Asked(fetch) - asked; n != 1 {
		t.Errorf("%d fetches are under way at once", n)
	}
	h.Release()
	answered.Wait()
	close(outcomes)
	for outcome := range outcomes {
		if outcome != reconcile.Synced {
			t.Errorf("a caller was told %q", outcome)
		}
	}
	if n, issued := w.Gate.Asked(fetch)-asked, w.account(a.ID).Sync.TicketIssued; n > 2 || issued > 2 {
		t.Errorf("%d fetches and %d tickets for %d callers", n, issued, callers)
	}
	w.wantPoints(a.ID, 100, 0)
}

func oneOfManyCallers(w *world, id billing.AccountID, outcomes chan<- reconcile.Outcome) {
	outcome, err := w.syncer.SyncNow(w.t.Context(), id, billing.CauseSpend)
	if err != nil {
		w.t.Error(err)
	}
	outcomes <- outcome
}

// waitingCallers counts the goroutines of oneOfManyCallers that are inside ForSpend's flight. Only their stacks show
// this: to stop them with a hook of the test would prove something else.
func waitingCallers() (n int) {
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for stack := range bytes.SplitSeq(stacks, []byte("\n\n")) {
		if bytes.Contains(stack, []byte("oneOfManyCallers")) && bytes.Contains(
			stack, []byte("reconcile.(*flights).join"),
		) {
			n++
		}
	}
	return n
}

// Proves that a request that waits too long for others who change its account goes on without a sync, instead of
// failing.
func TestImpatientBeforeBegin(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a := w.buyer()
		locked, done := make(chan struct{}), make(chan struct{})
		release := sync.OnceFunc(func() { close(done) })
		w.t.Cleanup(release)
		var wait sync.WaitGroup
		wait.Go(func() {
			err := w.db.InTx(context.Background(), func(tx *store.Tx) error {
				_, err := tx.LockAccount(context.Background(), a.ID)
				close(locked)
				<-done
				return err
			})
			if err != nil {
				w.t.Error(err)
			}
		})
		<-locked
		w.wantOutcome(a.ID, reconcile.Failed)
		release()
		wait.Wait()
		w.wantOutcome(a.ID, reconcile.Synced)
	})
}
