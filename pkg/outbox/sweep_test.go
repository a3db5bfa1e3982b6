package outbox_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/outbox"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves that ended events are deleted after thirty days and waiting ones are not. Nothing waits at a disabled
// endpoint. An endpoint's events are deleted with it.
func TestSweep(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		rc := newReceiver(t, func(n int, out http.ResponseWriter, _ *http.Request) {
			if n > 0 {
				out.WriteHeader(http.StatusInternalServerError)
			}
		})
		w, silent := o.listens(rc), o.add("https://example.com/silent")
		o.account(1000)
		o.run(w)
		o.clock.Advance(time.Second)
		o.account(1000)
		o.run(w)
		sweep := func() { t.Helper(); must(t, outbox.Sweep(context.Background(), o.db, 1)) }
		o.clock.Advance(30*24*time.Hour - time.Second)
		if sweep(); len(o.sent(w)) != 2 {
			t.Error("forgotten too early")
		}
		o.clock.Advance(2 * time.Second)
		sweep()
		if left := o.sent(w); len(left) != 1 || left[0].Status != billing.DeliveryPending {
			t.Errorf("left %+v", left)
		}
		o.disable(silent)
		sweep()
		for _, d := range o.sent(silent) {
			if d.Status == billing.DeliveryPending {
				t.Errorf("at a disabled endpoint: %+v", d)
			}
		}
		must(t, o.post.Remove(context.Background(), "", w.ID))
		if n := len(o.sent(w)); n != 0 {
			t.Errorf("%d events of an endpoint that was removed", n)
		}
		gone := o.add("https://example.com/gone")
		o.account(1000)
		// As if an event was written while its endpoint was being removed.
		_, err := o.db.SQL().Exec("DELETE FROM webhooks WHERE url = 'https://example.com/gone'")
		must(t, err)
		sweep()
		if n := len(o.sent(gone)); n != 0 {
			t.Errorf("%d events of no endpoint", n)
		}
	})
}

// Proves that the sweep does not fail what waits at an endpoint that is enabled while the sweep runs: someone has just
// asked to send it. On SQLite there is one writer.
func TestSweepWhileEnabledOnPostgres(t *testing.T) {
	t.Parallel()
	clock := storetest.NewClock()
	db := storetest.OpenAt(t, store.Postgres, clock)
	o, ctx := newOffice(t, db, clock), context.Background()
	w := o.add("https://example.com")
	o.account(1)
	o.disable(w)
	swept := make(chan error, 1)
	must(t, db.InTx(ctx, func(tx *store.Tx) error {
		w, err := tx.LockWebhook(ctx, w.ID)
		must(t, err)
		go func() { swept <- outbox.Sweep(ctx, db, 1) }()
		storetest.WaitForLock(t, db)
		w.DisabledAt, w.DisabledWhy = nil, ""
		return tx.SaveWebhook(ctx, w)
	}))
	must(t, <-swept)
	if d := o.sent(w)[0]; d.Status != billing.DeliveryPending {
		t.Errorf("it was failed: %+v", d)
	}
}

// Proves that the counts match the rows.
func TestCounts(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		ctx := context.Background()
		if got, err := o.db.Outgoing(ctx); err != nil || got.Pending != 0 || got.Oldest != nil {
			t.Errorf("of nothing: %+v %v", got, err)
		}
		rc := newReceiver(t, nil)
		w := o.listens(rc)
		o.account(1)
		o.run(w)
		began := o.db.Now()
		o.account(1)
		o.clock.Advance(time.Minute)
		o.account(1)
		got, err := o.db.Outgoing(ctx)
		must(t, err)
		if got.Pending != 2 || got.Delivered != 1 || got.Failed != 0 || got.Oldest == nil || !got.Oldest.Equal(began) {
			t.Errorf("%+v, want the oldest of %v", got, began)
		}
	})
}
