package inbox_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves that events whose webhooks were all lost are taken from Stripe's list, over several pages, even if the walk is
// stopped between two. An event that cannot be stored stops nothing. A second walk finds nothing new.
func TestBackfill(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		ctx := context.Background()
		const buyers = 30 // their events fill more than a page
		var accounts []billing.Account
		for range buyers {
			a, _ := w.buyer()
			accounts = append(accounts, a)
		}
		poison := w.newestOf("checkout.session.completed")
		if w.db.Dialect() == store.SQLite {
			w.exec(
				"CREATE TRIGGER poison BEFORE INSERT ON inbox_events WHEN NEW.id = '" + poison +
					"' BEGIN SELECT RAISE(ABORT, 'poison'); END",
			)
		} else {
			w.exec("ALTER TABLE inbox_events ADD CONSTRAINT poison CHECK (id <> '" + poison + "')")
		}
		first, err := w.inbox.Backfill(ctx, 1)
		if err != nil || first.Through || first.Found == 0 {
			w.t.Fatalf("the first page: %+v, %v", first, err)
		}
		rest, err := w.inbox.Backfill(ctx, 100)
		if err != nil || !rest.Through || rest.TooOld || first.Failed+rest.Failed != 1 ||
			first.Found+rest.Found != first.Seen+rest.Seen-1 {
			w.t.Fatalf("the rest: %+v after %+v, %v", rest, first, err)
		}
		again, err := w.inbox.Backfill(ctx, 100)
		if err != nil || again.Found != 0 || again.Failed != 1 {
			w.t.Errorf("again: %+v, %v", again, err)
		}
		if walk, err := w.db.EventWalk(ctx); err != nil || walk.Found != int64(first.Found+rest.Found) ||
			walk.LookedAt == nil || walk.Until != nil {
			w.t.Errorf("the walk says %+v, %v", walk, err)
		}
		w.Advance(20 * time.Second)
		w.sweep()
		for _, a := range accounts[:buyers-1] {
			if got := w.account(a.ID); got.Available != 100 {
				w.t.Errorf("%d points", got.Available)
			}
		}
	})
}

// Proves that a walk reports if the last one is longer ago than Stripe lists events, and that the next walk reports
// nothing.
func TestBackfillTooOld(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		for n, tooOld := range []bool{false, true, false} {
			if got, err := w.inbox.Backfill(
				context.Background(), 100,
			); err != nil || got.TooOld != tooOld || !got.Through {
				w.t.Errorf("look %d: %+v, %v", n, got, err)
			}
			if n == 0 {
				w.Advance(40 * 24 * time.Hour)
			}
		}
	})
}

// Proves that a running server walks by itself.
func TestPeriodicBackfill(t *testing.T) {
	t.Parallel()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		s := newShop(t)
		s.backfill = time.Hour // it begins with a walk
		w := s.replica(t, storetest.URL(t, dialect))
		a, _ := w.buyer()
		w.start(t)
		storetest.WaitFor(
			t, "the purchase that no webhook told of is there",
			func() bool { return w.account(a.ID).Available == 100 },
		)
	})
}

// Proves that a server's walk that did not reach the end is continued at once, and not with the next look, an hour
// later. It is over when it has reached the end. Here another replica moves the cursor while the first page is read.
// Then it dies.
func TestWalkComesBack(t *testing.T) {
	t.Parallel()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		s := newShop(t)
		s.backfill = time.Hour // it begins with a walk
		w := s.replica(t, storetest.URL(t, dialect))
		var told logBuffer
		dies, _ := w.logging(&told, slog.LevelInfo)
		var first atomic.Bool
		pages := map[string]string{"": page(true, "evt_2"), "evt_2": page(false, "evt_1")}
		s.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
			if !isList(r) {
				s.Gate.Stripe.ServeHTTP(out, r)
				return
			}
			if first.CompareAndSwap(false, true) {
				if got, err := dies.Backfill(context.Background(), 1); err != nil || got.Found != 1 || got.Through {
					t.Errorf("the other replica: %+v, %v", got, err)
				}
			}
			out.Header().Set("Content-Type", "application/json")
			fmt.Fprint(out, pages[r.URL.Query().Get("starting_after")])
		})
		w.start(t)
		storetest.WaitFor(t, "the walk has reached its end", func() bool {
			walk, err := w.db.EventWalk(context.Background())
			must(t, err)
			return walk.LookedAt != nil && walk.Found == 2
		})
		storetest.WaitFor(t, "the job is over", func() bool {
			return w.count("SELECT count(*) FROM river_job WHERE kind = 'backfill' AND state = 'completed'") == 1
		})
	})
}

// newestOf returns the last event of a type at Stripe.
func (w *world) newestOf(kind string) string {
	w.t.Helper()
	found := w.Ask("GET", "/v1/events?limit=1&type="+kind, nil)["data"].([]any)
	return found[0].(map[string]any)["id"].(string)
}
