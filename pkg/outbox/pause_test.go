package outbox_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/outbox"
	"github.com/pointsync/pointsync/pkg/store"
)

// Proves that an endpoint that asks to wait gets nothing until then, whatever waits for it. The response is no attempt:
// the event keeps its attempts and its place, so the account's events arrive in order.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		rc := newReceiver(t, func(n int, out http.ResponseWriter, _ *http.Request) {
			if n == 0 {
				out.Header().Set("Retry-After", "120")
				out.WriteHeader(http.StatusTooManyRequests)
			}
		})
		w := o.listens(rc)
		id := o.account(1000)
		for range 20 {
			o.spend(id, 1)
		}
		began := o.wall()
		next := o.run(w)
		if next == nil || next.Before(began.Add(2*time.Minute)) || next.After(o.wall().Add(2*time.Minute)) {
			t.Fatalf("the next is at %v, want two minutes after %v", next, began)
		}
		d := o.sent(w)[0]
		if d.Status != billing.DeliveryPending || d.Attempts != 0 || d.PutOff != 1 || d.LastStatus != 429 {
			t.Errorf("%+v", d)
		}
		o.account(1000) // an event of another account waits as well
		if due, err := o.db.DueWebhooks(context.Background(), o.wall()); err != nil || len(due) != 0 {
			t.Errorf("a job would be enqueued: %v, %v", due, err)
		}
		o.ahead.Store(int64(time.Until(*next) - time.Second))
		if again := o.run(w); len(rc.parcels()) != 1 || again == nil || !again.Equal(*next) {
			t.Fatalf("%d came within the pause; the next is at %v", len(rc.parcels()), again)
		}
		o.ahead.Add(int64(2 * time.Second))
		if next := o.run(w); next != nil {
			t.Errorf("something waits until %v", next)
		}
		last, got := "", rc.parcels()[1:]
		for _, p := range got {
			if p.account == string(id) && p.id <= last {
				t.Errorf("%s came after %s", p.id, last)
			} else if p.account == string(id) {
				last = p.id
			}
		}
		if len(got) != 22 || o.webhook(w).Delivered != 22 {
			t.Errorf("%d came after the pause", len(got))
		}
	})
}

// Proves which Retry-After is followed, and how far: seconds and dates, of 429 and 503 alone, from a second to an hour.
// Any other failure is an attempt, and pauses nothing.
func TestRetryAfterForms(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		began := o.wall() // when the dates below are written
		for name, c := range map[string]struct {
			status int
			header string
			want   time.Duration // 0: no pause
		}{
			"Seconds":      {429, "90", 90 * time.Second},
			"Unavailable":  {503, " 90 ", 90 * time.Second},
			"Date":         {503, "set at the request", 10 * time.Minute},
			"PastDate":     {429, "Sun, 06 Nov 1994 08:49:37 GMT", time.Second},
			"Zero":         {429, "0", time.Second},
			"TooLong":      {429, "86400", outbox.MaxPause},
			"FarTooLong":   {429, "99999999999999999999", outbox.MaxPause},
			"FarDate":      {503, "Fri, 31 Dec 2399 23:59:59 GMT", outbox.MaxPause},
			"None":         {429, "", 0},
			"Negative":     {429, "-5", 0},
			"Fraction":     {429, "1.5", 0},
			"Words":        {503, "soon", 0},
			"AnotherError": {500, "90", 0},
		} {
			w := o.listens(newReceiver(t, func(_ int, out http.ResponseWriter, _ *http.Request) {
				if name == "Date" {
					c.header = time.Now().Add(c.want).UTC().Format(http.TimeFormat)
				}
				out.Header().Set("Retry-After", c.header)
				out.WriteHeader(c.status)
			}))
			_, err := o.post.Test(context.Background(), w.ID)
			must(t, err)
			o.run(w)
			now, d := o.webhook(w), o.sent(w)[0]
			if c.want == 0 {
				if now.PausedUntil != nil || d.Attempts != 1 {
					t.Errorf("%s pauses until %v, %d attempts", name, now.PausedUntil, d.Attempts)
				}
			} else if now.PausedUntil == nil || d.Attempts != 0 ||
				now.PausedUntil.Before(began.Add(c.want-time.Second)) || now.PausedUntil.After(o.wall().Add(c.want)) {
				t.Errorf("%s pauses until %v, %d attempts; want %v", name, now.PausedUntil, d.Attempts, c.want)
			}
			must(t, o.post.Remove(context.Background(), "", w.ID))
		}
	})
}

// Proves that an endpoint that asks to wait each time keeps no event for ever: from some number on, that is a failed
// attempt. Saving an endpoint ends its pause.
func TestPutOffIsLimited(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		ctx := context.Background()
		rc := newReceiver(t, func(_ int, out http.ResponseWriter, _ *http.Request) {
			out.Header().Set("Retry-After", "3600")
			out.WriteHeader(http.StatusServiceUnavailable)
		})
		w := o.listens(rc)
		d, err := o.post.Test(ctx, w.ID)
		must(t, err)
		_, err = o.db.SQL().Exec("UPDATE deliveries SET put_off = $1", outbox.MaxPutOff-1)
		must(t, err)
		for n, want := range []int64{0, 1} {
			o.run(w)
			d, err = o.db.Delivery(ctx, w.ID, d.ID)
			if err != nil || d.Attempts != want || d.PutOff != outbox.MaxPutOff {
				t.Errorf("after response %d: %+v, %v", n+1, d, err)
			}
			_, err := o.post.Change(ctx, "", w.ID, outbox.Endpoint{URL: rc.url})
			must(t, err)
			if now := o.webhook(w); now.PausedUntil != nil {
				t.Errorf("it is paused until %v", now.PausedUntil)
			}
		}
		if len(rc.parcels()) != 2 || d.NextAt.Equal(store.AtOnce) {
			t.Errorf("%d requests, the next at %v", len(rc.parcels()), d.NextAt)
		}
	})
}
