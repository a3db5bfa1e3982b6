package outbox_test

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/outbox"
	"github.com/pointsync/pointsync/pkg/store"
)

// Proves that a job that was slower than its lease takes nothing from the next one. It does not release the endpoint,
// which it no longer holds, and does not overwrite what the next job noted.
func TestOverrun(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		inside, leave := make(chan struct{}), make(chan struct{})
		rc := newReceiver(t, func(n int, out http.ResponseWriter, _ *http.Request) {
			if n == 0 {
				close(inside)
				<-leave
				out.WriteHeader(http.StatusInternalServerError)
			}
		})
		w := o.listens(rc)
		o.account(1000)
		var slow sync.WaitGroup
		slow.Go(func() {
			if _, busy, err := o.courier.Run(context.Background(), w.ID); busy || err != nil {
				t.Errorf("the slow job: busy %v, %v", busy, err)
			}
		})
		<-inside
		o.ahead.Add(int64(outbox.Lease))
		o.run(w) // delivers the same event again, and notes the result
		o.take(w)
		close(leave)
		slow.Wait()
		if _, busy, err := o.courier.Run(context.Background(), w.ID); !busy || err != nil {
			t.Errorf("the slow job gave back what another one holds: busy %v, %v", busy, err)
		}
		if d := o.sent(w)[0]; d.Status != billing.DeliveryDelivered || d.Attempts != 1 ||
			d.LastStatus != http.StatusOK {
			t.Errorf("the slow job noted its failure over another's success: %+v", d)
		}
		if now := o.webhook(w); now.Delivered != 1 || now.Failed != 0 || len(rc.parcels()) != 2 {
			t.Errorf("%d deliveries, counted %+v", len(rc.parcels()), now)
		}
	})
}

// Proves that if many jobs begin at once, only one gets the endpoint. If they looked first and then took it, two could
// get it.
func TestTakenByOne(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		w, ctx := o.add("https://example.com/hook"), context.Background()
		for round := range 50 {
			until := o.wall().Add(outbox.Lease).Truncate(time.Microsecond)
			var all sync.WaitGroup
			var taken atomic.Int64
			for range 8 {
				all.Go(func() {
					err := o.db.InTx(ctx, func(tx *store.Tx) error {
						_, ok, known, err := tx.TakeWebhook(ctx, w.ID, o.wall(), until)
						if err == nil && ok {
							taken.Add(1)
						}
						if err == nil && !known {
							t.Error("the endpoint is said to be gone")
						}
						return err
					})
					if err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if n := taken.Load(); n != 1 {
				o.t.Fatalf("in round %d, %d jobs have it", round, n)
			}
			must(t, o.db.InTx(ctx, func(tx *store.Tx) error { return tx.LeaveWebhook(ctx, w.ID, until) }))
		}
	})
}

// Proves that nothing goes to a disabled endpoint, not even what was written while it was being disabled.
func TestNothingToDisabled(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		rc := newReceiver(t, nil)
		w := o.listens(rc)
		o.account(1000)
		o.disable(w)
		if next := o.run(w); next != nil || len(rc.parcels()) != 0 {
			t.Errorf("%d deliveries, the next at %v", len(rc.parcels()), next)
		}
	})
}

// Proves that if a secret is rolled while a job is running, the job signs with the new secret from then on.
func TestRollDuringJob(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		rc := newReceiver(t, nil)
		w := o.listens(rc)
		rc.answer = func(n int, _ http.ResponseWriter, _ *http.Request) {
			if n > 0 {
				return
			}
			rolled, err := o.post.Roll(context.Background(), "", w.ID)
			if err != nil {
				t.Error(err)
			}
			rc.mu.Lock()
			rc.key = rolled.Secret
			rc.mu.Unlock()
			o.account(1) // delivered by the same job
		}
		o.account(1)
		o.run(w)
		got := rc.parcels()
		if len(got) != 2 || got[0].valid != nil || got[1].valid != nil {
			t.Errorf("received %+v", got)
		}
	})
}
