package inbox_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/housetest"
	"github.com/pointsync/pointsync/pkg/inbox"
	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// walker walks over a list of events that the test writes, with a clock that does not move.
type walker struct {
	t     *testing.T
	db    *store.DB
	clock *storetest.Clock
	inbox *inbox.Inbox
	start func() // makes the inbox of a new process, which has received nothing and has not walked yet

	mu     sync.Mutex
	log    bytes.Buffer
	asked  []string          // "since after", with since in hours before the epoch's clock
	events map[string]string // what is listed after an event: a body, or "" for a refusal

	meanwhile func() // runs once, while the next request is under way
}

func eachWalker(t *testing.T, f func(w *walker)) {
	t.Helper()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		w := &walker{t: t, db: db, clock: clock, events: map[string]string{"": `{"object":"list","data":[]}`}}
		h := housetest.New(t, housetest.Options{Now: clock.Now})
		h.Gate.Intercept(w.ServeHTTP)
		log := slog.New(slog.NewTextHandler(w, nil))
		w.start = func() {
			runner, err := jobs.New(db, log)
			must(t, err)
			w.inbox = inbox.New(inbox.Options{
				DB: db, Stripe: h.Stripe, Syncer: h.Syncer(db, h.Stripe, log), Jobs: runner, Secrets: []string{secret},
				Log: log,
			})
		}
		w.start()
		f(w)
	})
}

func (w *walker) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(line)
}

func (w *walker) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	meanwhile := w.meanwhile
	w.meanwhile = nil
	w.mu.Unlock()
	if meanwhile != nil {
		meanwhile()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	q := r.URL.Query()
	var since int64
	fmt.Sscan(q.Get("created[gte]"), &since)
	w.asked = append(w.asked, fmt.Sprintf("%s %s", w.clock.Now().Sub(time.Unix(since, 0)), q.Get("starting_after")))
	out.Header().Set("Content-Type", "application/json")
	body := w.events[q.Get("starting_after")]
	if body == "" {
		out.WriteHeader(http.StatusBadRequest)
		body = `{"error":{"type":"invalid_request_error","code":"resource_missing","message":"no such event"}}`
	}
	fmt.Fprint(out, body)
}

// walk walks to the end and returns the requests.
func (w *walker) walk(tooOld bool) []string {
	w.t.Helper()
	got, err := w.inbox.Backfill(context.Background(), 9)
	if err != nil || !got.Through || got.TooOld != tooOld {
		w.t.Errorf("%+v, %v", got, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	asked := w.asked
	w.asked = nil
	return asked
}

func (w *walker) want(asked []string, want ...string) {
	w.t.Helper()
	if !slices.Equal(asked, want) {
		w.t.Errorf("asked %q, want %q", asked, want)
	}
}

// logged returns what was logged since the last call.
func (w *walker) logged() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.log.Reset()
	return w.log.String()
}

// Proves how far back a walk goes, always with ten extra minutes. If nothing is known, it goes back an hour. Otherwise
// it goes back to the newest event that a webhook brought, or to where the last walk began. If an operator rewinds it,
// it goes back that far. It never goes further than the 30 days that Stripe lists.
func TestHowFarBack(t *testing.T) {
	t.Parallel()
	eachWalker(t, func(w *walker) {
		ctx := context.Background()
		w.want(w.walk(false), "1h10m0s ")
		w.clock.Advance(3 * time.Hour)
		w.want(w.walk(false), "3h10m0s ")
		must(w.t, w.inbox.Rewind(ctx, 48*time.Hour))
		w.want(w.walk(false), "48h0m0s ")
		w.want(w.walk(false), "10m0s ")
		w.clock.Advance(30*24*time.Hour - 10*time.Minute) // plus the ten minutes: the 30 days that Stripe lists
		w.want(w.walk(false), "720h0m0s ")
		if text := w.logged(); text != "" {
			w.t.Errorf("all was in time, and it says %s", text)
		}
		w.clock.Advance(30*24*time.Hour - 10*time.Minute + time.Second)
		w.want(w.walk(true), "720h0m0s ")
		// This process has walked a moment ago, so the clock was moved: no error.
		if text := w.logged(); !strings.Contains(text, "level=INFO") || !strings.Contains(text, "stripe reconcile") {
			w.t.Errorf("it says %q", text)
		}
		if walk, err := w.db.EventWalk(ctx); err != nil || walk.LookedAt == nil ||
			!walk.LookedAt.Equal(w.clock.Now()) || !walk.SeenUntil.Equal(w.clock.Now()) {
			w.t.Errorf("%+v, %v", walk, err)
		}
	})
}

// Proves that a first walk goes back to the newest event that a webhook brought. A process that never walked logs an
// error if the last walk is too old.
func TestFirstWalk(t *testing.T) {
	t.Parallel()
	eachWalker(t, func(w *walker) {
		must(
			w.t,
			w.inbox.Receive(
				context.Background(), stripegw.Event{ID: "evt_0", Type: "charge.refunded", Created: w.clock.Now()},
			),
		)
		w.clock.Advance(5 * time.Hour)
		w.want(w.walk(false), "5h10m0s ")
	})
	for _, other := range []bool{true, false} {
		eachWalker(t, func(w *walker) {
			must(
				w.t,
				w.inbox.Receive(
					context.Background(), stripegw.Event{ID: "evt_0", Type: "charge.refunded", Created: w.clock.Now()},
				),
			)
			w.clock.Advance(31 * 24 * time.Hour)
			want := "level=INFO" // this process received the event, so it is the clock that moved
			if other {
				w.start()
				want = "level=ERROR"
			}
			w.want(w.walk(true), "720h0m0s ")
			if text := w.logged(); !strings.Contains(text, want) {
				w.t.Errorf("it says %q, want %s", text, want)
			}
		})
	}
}

// page is a page of Stripe's list with one event, which names neither an object nor a customer.
func page(more bool, id string) string { return pageOf(more, id, "{}") }

// pageOf is a page with one event about an object.
func pageOf(more bool, id, object string) string {
	return fmt.Sprintf(
		`{"object":"list","has_more":%v,"data":[{"id":%q,"object":"event","type":%q,"created":1,"data":{"object":%s}}]}`,
		more, id, stripegw.EventTypes[0], object,
	)
}

// Proves that events that no webhook brought are counted and logged as lost webhooks, whether or not their account is
// known: a refund without a customer, of which a job must ask Stripe whose it is, and an event that concerns no one. A
// second walk counts and logs nothing.
func TestWalkCounts(t *testing.T) {
	t.Parallel()
	eachWalker(t, func(w *walker) {
		ctx := context.Background()
		w.events = map[string]string{
			"": pageOf(true, "evt_2", `{"object":"refund","id":"re_1"}`), "evt_2": page(false, "evt_1"),
		}
		for n, want := range []inbox.Backfilled{
			{Seen: 2, Found: 2, Through: true}, {Seen: 2, Through: true},
		} {
			if got, err := w.inbox.Backfill(ctx, 9); err != nil || got != want {
				w.t.Errorf("walk %d: %+v, %v", n, got, err)
			}
			if walk, err := w.db.EventWalk(ctx); err != nil || walk.Found != 2 {
				w.t.Errorf("walk %d counted %+v, %v", n, walk, err)
			}
			lines := strings.Count(w.logged(), `"webhooks were lost; their events were taken from Stripe's list" events=1`)
			if lines != want.Found {
				w.t.Errorf("walk %d: %d pages are logged as lost", n, lines)
			}
		}
	})
}

// Proves that a walk stops after its page if another one read the same page at the same time and moved the cursor. The
// other one alone continues.
func TestWalkOvertaken(t *testing.T) {
	t.Parallel()
	eachWalker(t, func(w *walker) {
		ctx := context.Background()
		w.events = map[string]string{"": page(true, "evt_2"), "evt_2": page(false, "evt_1")}
		first := w.inbox
		w.start()
		other := w.inbox
		w.meanwhile = func() {
			if got, err := other.Backfill(ctx, 1); err != nil || got != (inbox.Backfilled{Seen: 1, Found: 1}) {
				w.t.Errorf("the other: %+v, %v", got, err)
			}
		}
		if got, err := first.Backfill(ctx, 9); err != nil || got != (inbox.Backfilled{Seen: 1}) {
			w.t.Errorf("the one that was overtaken: %+v, %v", got, err)
		}
		w.want(w.asked, "1h10m0s ", "1h10m0s ")
		w.asked = nil
		w.want(w.walk(false), "1h10m0s evt_2")
	})
}

// Proves that a database that does not respond ends a walk with an error. It is not the events' fault, so none of them
// counts as one that cannot be stored.
func TestWalkWithoutDatabase(t *testing.T) {
	t.Parallel()
	eachWalker(t, func(w *walker) {
		w.events = map[string]string{"": page(false, "evt_1")}
		w.meanwhile = func() { must(w.t, w.db.Close()) }
		got, err := w.inbox.Backfill(context.Background(), 9)
		if err == nil || got != (inbox.Backfilled{Seen: 1}) {
			w.t.Errorf("%+v, %v", got, err)
		}
		if text := w.logged(); text != "" {
			w.t.Errorf("it says %s", text)
		}
	})
}

// Proves that a walk that was stopped continues from its cursor. It begins again if Stripe no longer lists the event at
// which it stopped. If Stripe refuses the beginning, that is an error, and the cursor does not move.
func TestWalkGoesOn(t *testing.T) {
	t.Parallel()
	eachWalker(t, func(w *walker) {
		ctx := context.Background()
		w.events = map[string]string{"": page(true, "evt_2"), "evt_2": page(false, "evt_1")}
		if got, err := w.inbox.Backfill(ctx, 1); err != nil || got != (inbox.Backfilled{Seen: 1, Found: 1}) {
			w.t.Fatalf("%+v, %v", got, err)
		}
		w.clock.Advance(time.Hour)
		w.asked = nil
		got, err := w.inbox.Backfill(ctx, 9)
		if err != nil || got != (inbox.Backfilled{Seen: 1, Found: 1, Through: true}) {
			w.t.Errorf("%+v, %v", got, err)
		}
		w.want(w.asked, "2h10m0s evt_2") // an hour and ten minutes before it began
		w.asked = nil
		w.logged()
		w.want(w.walk(false), "1h10m0s ", "1h10m0s evt_2")
		if text := w.logged(); text != "" {
			w.t.Errorf("nothing was missing, and it says %s", text)
		}

		w.events = map[string]string{"": page(true, "evt_4"), "evt_4": page(false, "evt_3")}
		if _, err := w.inbox.Backfill(ctx, 1); err != nil {
			w.t.Fatal(err)
		}
		w.events = map[string]string{"": page(false, "evt_5")} // evt_4 is gone
		w.asked = nil
		w.want(w.walk(false), "10m0s evt_4", "10m0s ")
		if _, err := w.db.Event(ctx, "evt_5"); err != nil {
			w.t.Error(err)
		}
		w.events = map[string]string{}
		before, err := w.db.EventWalk(ctx)
		must(w.t, err)
		if _, err := w.inbox.Backfill(ctx, 9); billing.CodeOf(err) != billing.EStripeRefused {
			w.t.Error(err)
		}
		if after, err := w.db.EventWalk(ctx); err != nil || !after.SeenUntil.Equal(*before.SeenUntil) ||
			after.Until != nil {
			w.t.Errorf("%+v, %v", after, err)
		}
	})
}
