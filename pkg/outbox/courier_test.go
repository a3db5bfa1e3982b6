package outbox_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/outbox"
	"github.com/pointsync/pointsync/pkg/store"
)

// Proves that an event arrives once, in the form that the official library expects, and that the endpoint's reply
// completes it.
func TestDeliver(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		rc := newReceiver(
			t, func(_ int, out http.ResponseWriter, _ *http.Request) { out.WriteHeader(http.StatusNoContent) },
		)
		w := o.listens(rc)
		id := o.account(1000)
		if next := o.run(w); next != nil {
			t.Errorf("something is due at %v", next)
		}
		o.run(w)
		got := rc.parcels()
		if len(got) != 1 || got[0].valid != nil || got[0].account != string(id) ||
			got[0].body["type"] != "points.granted" {
			t.Fatalf("received %+v", got)
		}
		d := o.sent(w)[0]
		if d.Status != billing.DeliveryDelivered || d.Attempts != 1 || d.LastStatus != 204 || d.DeliveredAt == nil ||
			string(d.ID) != got[0].id {
			t.Errorf("%+v", d)
		}
		if w = o.webhook(w); w.Delivered != 1 || w.Failed != 0 {
			t.Errorf("counted %+v", w)
		}
	})
}

func (o *office) webhook(w billing.Webhook) billing.Webhook {
	o.t.Helper()
	w, err := o.db.Webhook(context.Background(), w.ID)
	must(o.t, err)
	return w
}

// Proves that a failing endpoint is tried ten times in all, at the times that the scheme recommends, always under one
// id. After that the event is kept as failed, and can be sent again.
func TestRetries(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		up := false
		rc := newReceiver(t, func(_ int, out http.ResponseWriter, _ *http.Request) {
			if !up {
				out.WriteHeader(http.StatusInternalServerError)
			}
		})
		w := o.listens(rc)
		o.account(1000)
		for n, pause := range outbox.Delays {
			began := o.wall()
			next := o.run(w)
			if next == nil || next.Before(began.Add(pause)) || next.After(o.wall().Add(pause*6/5)) {
				t.Fatalf(
					"after attempt %d the next is at %v, %v from now; want %v and a fifth at the most", n+1, next,
					next.Sub(began), pause,
				)
			}
			o.ahead.Add(int64(next.Sub(o.wall()) - time.Second))
			if o.run(w); len(rc.parcels()) != n+1 {
				t.Fatalf("attempt %d came too early", n+2)
			}
			o.ahead.Add(int64(time.Second))
		}
		if next := o.run(w); next != nil {
			t.Errorf("something is due at %v", next)
		}
		d := o.sent(w)[0]
		if d.Status != billing.DeliveryFailed || d.Attempts != 10 || d.LastStatus != 500 ||
			d.LastError != "the endpoint responded 500" || o.webhook(w).Failed != 1 {
			t.Errorf("%+v", d)
		}
		up = true
		again, err := o.post.Resend(context.Background(), w.ID, d.ID)
		must(t, err)
		if again.Status != billing.DeliveryPending || again.Attempts != 0 {
			t.Errorf("sent again: %+v", again)
		}
		o.run(w)
		got := rc.parcels()
		if len(got) != 11 || slices.ContainsFunc(
			got, func(p parcel) bool { return p.id != string(d.ID) },
		) || o.sent(w)[0].Status != billing.DeliveryDelivered {
			t.Errorf("%d attempts: %+v", len(got), o.sent(w)[0])
		}
	})
}

// Proves what counts as a failure besides a reply of 500, each noted in plain words: an endpoint that is slow, cuts the
// connection, does not exist, or sends the event elsewhere. An endless reply does no harm, and no address is repeated.
func TestBadEndpoints(t *testing.T) {
	t.Parallel()
	elsewhere := newReceiver(t, nil)
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, c := range []struct {
		name   string
		status int64
		says   string
		answer func(n int, out http.ResponseWriter, r *http.Request)
	}{
		{"Slow", 0, "did not respond in time", func(_ int, _ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-over:
			}
		}},
		{"Cuts", 0, "EOF", func(int, http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
		{"Redirects", 307, "responded 307", func(_ int, out http.ResponseWriter, r *http.Request) {
			http.Redirect(out, r, elsewhere.url, http.StatusTemporaryRedirect)
		}},
		{
			"Refuses", 400, "responded 400",
			func(_ int, out http.ResponseWriter, _ *http.Request) { out.WriteHeader(http.StatusBadRequest) },
		},
		{"Endless", 200, "", func(_ int, out http.ResponseWriter, _ *http.Request) {
			for part := strings.Repeat("x", 1<<12); ; {
				if _, err := out.Write([]byte(part)); err != nil {
					return
				}
			}
		}},
		{"Away", 0, "refused", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			eachOffice(t, func(o *office) {
				rc := newReceiver(t, c.answer)
				if c.answer == nil {
					rc.url = gone.URL
				}
				rc.url += "?token=very-secret"
				w := o.listens(rc)
				o.courier.Hurry(300 * time.Millisecond)
				o.account(1000)
				o.run(w)
				d := o.sent(w)[0]
				if d.LastStatus != c.status || !strings.Contains(d.LastError, c.says) ||
					(c.says == "") != (d.Status == billing.DeliveryDelivered) {
					t.Errorf("%+v", d)
				}
				if strings.Contains(d.LastError, "very-secret") {
					t.Errorf("%q repeats the address", d.LastError)
				}
			})
		})
	}
	t.Cleanup(func() {
		if n := len(elsewhere.parcels()); n != 0 {
			t.Errorf("%d redirects were followed", n)
		}
	})
}

// Proves that an endpoint that replies 410 is disabled. Its waiting events fail, and later ones are missed. Saving it
// again enables it.
func TestGone(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		ctx := context.Background()
		rc := newReceiver(t, func(_ int, out http.ResponseWriter, _ *http.Request) { out.WriteHeader(http.StatusGone) })
		w := o.listens(rc)
		id := o.account(1000)
		o.spend(id, 1)
		o.spend(id, 1)
		if next := o.run(w); next != nil || len(rc.parcels()) != 1 {
			t.Errorf("%d attempts, the next at %v", len(rc.parcels()), next)
		}
		o.spend(id, 1)
		for n, d := range o.sent(w) {
			if d.Status != billing.DeliveryFailed && n < 3 || d.Status != billing.DeliveryMissed && n == 3 {
				t.Errorf("%+v", d)
			}
		}
		now := o.webhook(w)
		if len(o.sent(w)) != 4 || now.DisabledAt == nil || now.Failed != 3 {
			t.Errorf("%d events, %+v", len(o.sent(w)), now)
		}
		if _, err := o.post.Resend(ctx, w.ID, o.sent(w)[0].ID); billing.CodeOf(err) != billing.EConflict {
			t.Errorf("sending again to it: %v", err)
		}
		if _, err := o.post.Test(ctx, w.ID); billing.CodeOf(err) != billing.EConflict {
			t.Errorf("testing it: %v", err)
		}
		_, err := o.post.Change(ctx, "", w.ID, outbox.Endpoint{URL: rc.url})
		must(t, err)
		if o.spend(id, 1); len(o.sent(w)) != 5 || o.sent(w)[4].Status != billing.DeliveryPending {
			t.Error("it is still disabled")
		}
	})
}

// Proves the case that a worker dies after the endpoint accepted and before the worker could note it. The event is
// delivered again under the same id.
func TestDiesBeforeNote(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		ctx, die := context.WithCancel(context.Background())
		rc := newReceiver(t, func(n int, out http.ResponseWriter, _ *http.Request) {
			if n == 0 {
				die()
			}
			out.WriteHeader(http.StatusOK)
		})
		w := o.listens(rc)
		o.account(1000)
		if _, _, err := o.courier.Run(ctx, w.ID); err == nil {
			t.Error("a job that was cut off says that all is well")
		}
		if d := o.sent(w)[0]; d.Status != billing.DeliveryPending || d.Attempts != 0 {
			t.Errorf("%+v", d)
		}
		o.run(w)
		got := rc.parcels()
		if len(got) != 2 || got[0].id != got[1].id || got[0].valid != nil || got[1].valid != nil ||
			o.sent(w)[0].Status != billing.DeliveryDelivered {
			t.Errorf("received %+v", got)
		}
	})
}

// Proves that the first tries of one account's events are made one after another, in the order in which they happened,
// even if one of them fails. A failed event does not delay the others.
func TestOrder(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		var mu sync.Mutex
		busy := map[string]bool{}
		rc := newReceiver(t, nil)
		rc.answer = func(n int, out http.ResponseWriter, r *http.Request) {
			account := rc.parcels()[n].account
			mu.Lock()
			if busy[account] {
				t.Errorf("two events of %s at once", account)
			}
			busy[account] = true
			mu.Unlock()
			if n%3 == 0 {
				out.WriteHeader(http.StatusServiceUnavailable)
			}
			mu.Lock()
			busy[account] = false
			mu.Unlock()
		}
		w := o.listens(rc)
		var ids []billing.AccountID
		for range 5 {
			ids = append(ids, o.account(1000))
		}
		var all sync.WaitGroup
		for _, id := range ids {
			all.Go(func() {
				for range 30 {
					o.spend(id, 1)
				}
			})
		}
		all.Wait()
		at := time.Now() // does not move, so that no second attempt falls due
		still := outbox.NewCourier(o.db, true, func() time.Time { return at }, discard)
		_, _, err := still.Run(context.Background(), w.ID)
		must(t, err)
		last, total := map[string]float64{}, 0
		for _, p := range rc.parcels() {
			version := p.body["data"].(map[string]any)["version"].(float64)
			if version <= last[p.account] {
				t.Errorf("version %v of %s after %v", version, p.account, last[p.account])
			}
			last[p.account] = version
			total++
		}
		if total != 5*31 {
			t.Errorf("%d first attempts", total)
		}
	})
}

// take does what a job does that dies at once.
func (o *office) take(w billing.Webhook) {
	o.t.Helper()
	ctx := context.Background()
	must(o.t, o.db.InTx(ctx, func(tx *store.Tx) error {
		_, ok, _, err := tx.TakeWebhook(ctx, w.ID, o.wall(), o.wall().Add(outbox.Lease))
		if err == nil && !ok {
			o.t.Error("somebody else has it")
		}
		return err
	}))
}

// Proves that only one job at a time delivers to an endpoint, and that the lease of a job that died expires after a
// while.
func TestOneAtATime(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		inside, leave := make(chan struct{}), make(chan struct{})
		rc := newReceiver(t, func(n int, _ http.ResponseWriter, _ *http.Request) {
			if n == 0 {
				close(inside)
				<-leave
			}
		})
		w := o.listens(rc)
		o.account(1000)
		var first sync.WaitGroup
		first.Go(func() { o.run(w) })
		<-inside
		if _, busy, err := o.courier.Run(context.Background(), w.ID); err != nil || !busy {
			t.Errorf("a second job: busy %v, %v", busy, err)
		}
		close(leave)
		first.Wait()
		if n := len(rc.parcels()); n != 1 {
			t.Errorf("%d deliveries", n)
		}
		o.account(1)
		o.take(w)
		if _, busy, _ := o.courier.Run(context.Background(), w.ID); !busy {
			t.Error("a lease does not hold")
		}
		o.ahead.Add(int64(outbox.Lease))
		if o.run(w); len(rc.parcels()) != 2 {
			t.Error("the lease of a dead job holds for ever")
		}
		if _, busy, err := o.courier.Run(context.Background(), "whk_gone"); busy || err != nil {
			t.Errorf("an endpoint that is gone: busy %v, %v", busy, err)
		}
	})
}
