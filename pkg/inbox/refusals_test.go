package inbox_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/inbox"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// TestForeignSecret proves that webhooks which match none of the secrets are counted and logged with their likely
// cause, once a minute however many come. The back-fill then reports that their events were refused. Nothing that they
// claim is believed.
func TestForeignSecret(t *testing.T) {
	t.Parallel()
	good := func(w *world, a billing.Account) string {
		return eventOf("evt_1", "customer.updated", fmt.Sprintf(`{"object":"customer","id":%q}`, a.CustomerID))
	}
	for name, c := range map[string]struct {
		body  func(w *world, a billing.Account) string
		cause string
	}{
		"AnotherEndpoint": {good, "its secret was rolled"},
		"OtherMode": {func(w *world, a billing.Account) string {
			return strings.Replace(good(w, a), `"livemode":false`, `"livemode":true`, 1)
		}, "of the other mode"},
		"NoEvent": {func(*world, billing.Account) string { return `{"hello":"there"}` }, "someone else"},
		"NoJSON":  {func(*world, billing.Account) string { return "\x00\xff" }, "someone else"},
		"OddID": {
			func(*world, billing.Account) string { return eventOf(`evt_\u0000`, "x", `{}`) }, "its secret was rolled",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachWorld(t, func(w *world) {
				var told logBuffer
				in, _ := w.logging(&told, slog.LevelInfo)
				a, _ := w.buyer()
				for range 20 {
					body := c.body(w, a)
					if err := in.Accept(
						w.t.Context(), []byte(body), signed(body, "whsec_of_another_endpoint", w.Now()),
					); billing.CodeOf(err) != billing.EInvalid {
						w.t.Fatalf("accepted: %v", err)
					}
				}
				if n := strings.Count(
					told.String(), "matches none of the secrets",
				); n != 1 || !strings.Contains(told.String(), c.cause) {
					w.t.Errorf("told %d times, want once with %q: %s", n, c.cause, told.String())
				}
				walk, err := w.db.EventWalk(w.t.Context())
				// The other 19 are counted with the next one, a minute later.
				if err != nil || walk.Refused != 1 || walk.RefusedAt == nil ||
					strings.Contains(told.String(), "could not be counted") {
					w.t.Errorf("counted %+v, %v: %s", walk, err, told.String())
				}
				if _, err := in.Backfill(w.t.Context(), 100); err != nil {
					w.t.Fatal(err)
				}
				if !strings.Contains(
					told.String(), "webhooks were refused",
				) || strings.Contains(told.String(), "webhooks were lost") {
					w.t.Errorf("the back-fill says: %s", told.String())
				}
			})
		})
	}
}

// TestMovedClockIsNoAbsence proves that a clock that was moved by months causes no alarm if the server read Stripe's
// events a moment ago. A server that has not read them for as long does raise the alarm.
func TestMovedClockIsNoAbsence(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		walks := func(in *inbox.Inbox) {
			w.t.Helper()
			if _, err := in.Backfill(w.t.Context(), 100); err != nil {
				w.t.Fatal(err)
			}
		}
		var told, later logBuffer
		in, _ := w.logging(&told, slog.LevelError)
		must(w.t, in.Receive(w.t.Context(), stripegw.Event{ID: "evt_1", Type: "payout.paid", Created: w.db.Now()}))
		w.Advance(31 * 24 * time.Hour) // within the first seconds, before the first walk
		walks(in)
		w.Advance(93 * 24 * time.Hour)
		walks(in)
		if told.String() != "" {
			w.t.Errorf("of a clock that was moved: %s", told.String())
		}
		w.Advance(93 * 24 * time.Hour)
		restarted, _ := w.logging(&later, slog.LevelError) // after three months
		walks(restarted)
		if !strings.Contains(later.String(), "of 30 days only") {
			w.t.Errorf("of an absence: %q", later.String())
		}
	})
}

// TestRefusalsThatCannotBeCounted proves that the log says so if a refused webhook could not be counted. The webhook is
// refused all the same.
func TestRefusalsThatCannotBeCounted(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		var told logBuffer
		in, _ := w.logging(&told, slog.LevelInfo)
		w.exec("ALTER TABLE event_walks RENAME TO gone")
		body := eventOf("evt_1", "customer.updated", `{"object":"customer","id":"cus_1"}`)
		err := in.Accept(w.t.Context(), []byte(body), signed(body, "whsec_of_another_endpoint", w.Now()))
		if billing.CodeOf(err) != billing.EInvalid || told.count("matches none of the secrets") != 1 ||
			told.count("could not be counted") != 1 {
			w.t.Errorf("%v: %s", err, told.String())
		}
	})
}

// logBuffer is a log to which several goroutines write.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// count returns how often a text occurs in the log.
func (l *logBuffer) count(text string) int { return strings.Count(l.String(), text) }

// forget empties the log.
func (l *logBuffer) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.Reset()
}
