package inbox_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves that an event has one row and one job however often it comes, even if its copies come at once.
func TestKnownEvent(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, _ := w.buyer()
		body := eventOf("evt_1", "customer.updated", fmt.Sprintf(`{"object":"customer","id":%q}`, a.CustomerID))
		var copies sync.WaitGroup
		for range 10 {
			copies.Go(func() {
				if err := w.deliver(body); err != nil {
					w.t.Error(err)
				}
			})
		}
		copies.Wait()
		if events, jobs := w.count(
			"SELECT count(*) FROM inbox_events",
		), w.count(eventJobs); events != 1 || jobs != 1 {
			w.t.Errorf("%d rows and %d jobs", events, jobs)
		}
		w.start(w.t)
		w.waitIdle()
		must(w.t, w.deliver(body))
		if e := w.event("evt_1"); e.Status != billing.InboxProcessed || e.Ticket != 1 || e.ProcessedAt == nil ||
			w.count(eventJobs) != 0 {
			w.t.Errorf("a copy of a processed event rang again: %+v", e)
		}
	})
}

// Proves what is stored of an event that concerns no one, with the reason, and that it gets no job. Also proves that
// the event's API version does not matter.
func TestWhatIsIgnored(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, _ := w.buyer()
		ours := fmt.Sprintf(`{"object":"invoice","id":"in_1","customer":%q}`, a.CustomerID)
		live := strings.Replace(eventOf("evt_live", "invoice.paid", ours), `"livemode":false`, `"livemode":true`, 1)
		for id, c := range map[string]struct{ body, reason string }{
			"evt_live": {live, "mode"},
			"evt_foreign": {
				eventOf("evt_foreign", "invoice.paid", `{"object":"invoice","id":"in_1","customer":"cus_foreign"}`),
				"not ours",
			},
			"evt_none": {eventOf("evt_none", "payout.paid", `{"object":"payout","id":"po_1"}`), "no customer"},
			"evt_null": {
				eventOf("evt_null", "charge.succeeded", `{"object":"charge","id":"ch_1","customer":null}`),
				"no customer",
			},
			"evt_noid": {
				eventOf("evt_noid", "charge.dispute.created", `{"object":"dispute","id":""}`), "no customer",
			},
		} {
			must(w.t, w.deliver(c.body))
			if e := w.event(id); e.Status != billing.InboxIgnored || !strings.Contains(e.Reason, c.reason) ||
				e.AccountID != "" {
				w.t.Errorf("%s: %+v", id, e)
			}
		}
		if n := w.count(eventJobs); n != 0 {
			w.t.Errorf("%d jobs for events that concern nobody", n)
		}
		must(
			w.t,
			w.deliver(strings.Replace(eventOf("evt_basil", "invoice.paid", ours), "2023-10-16", "2025-03-31.basil", 1)),
		)
		must(
			w.t,
			w.deliver(
				eventOf(
					"evt_expanded", "invoice.paid",
					fmt.Sprintf(`{"object":"invoice","id":"in_1","customer":{"id":%q}}`, a.CustomerID),
				),
			),
		)
		for _, id := range []string{"evt_basil", "evt_expanded"} {
			if e := w.event(id); e.Status != billing.InboxPending || e.AccountID != a.ID {
				w.t.Errorf("%s: %+v", id, e)
			}
		}
		if e := w.event("evt_basil"); e.APIVersion != "2025-03-31.basil" || e.ObjectType != "invoice" ||
			e.ObjectID != "in_1" || e.Type != "invoice.paid" || e.CreatedAt.Unix() != 1700000000 {
			w.t.Errorf("of the event was kept %+v", e)
		}
	})
}

// Proves that an event of another API version than the pinned one is logged as a warning with its id and version, and
// that one of the pinned version is not.
func TestOtherVersionIsLogged(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		var told logBuffer
		in, _ := w.logging(&told, slog.LevelInfo)
		accept := func(body string) {
			w.t.Helper()
			must(w.t, in.Accept(w.t.Context(), []byte(body), signed(body, secret, w.Now())))
		}
		body := eventOf("evt_pinned", "invoice.paid", `{"object":"invoice","id":"in_1"}`)
		accept(body)
		if told.String() != "" {
			w.t.Errorf("of an event of the pinned version: %s", told.String())
		}
		accept(strings.NewReplacer("evt_pinned", "evt_newer", "2023-10-16", "2025-03-31.basil").Replace(body))
		if told.count("level=WARN") != 1 || told.count("event=evt_newer api_version=2025-03-31.basil") != 1 {
			w.t.Errorf("of an event of a newer version: %q", told.String())
		}
	})
}

// Proves that nothing of a body that Stripe did not sign is stored.
func TestForgedEvent(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, _ := w.buyer()
		body := eventOf("evt_1", "customer.updated", fmt.Sprintf(`{"object":"customer","id":%q}`, a.CustomerID))
		err := w.inbox.Accept(context.Background(), []byte(body), fmt.Sprintf("t=%d,v1=%064x", w.Now().Unix(), 1))
		if billing.CodeOf(err) != billing.EInvalid || w.count("SELECT count(*) FROM inbox_events") != 0 {
			w.t.Errorf("%v, and %d rows", err, w.count("SELECT count(*) FROM inbox_events"))
		}
	})
}

// Proves that an event and its job are written together or not at all, so that an event that got a 200 has a job.
func TestEventAndJobAreOne(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, _ := w.buyer()
		body := eventOf("evt_1", "customer.updated", fmt.Sprintf(`{"object":"customer","id":%q}`, a.CustomerID))
		breaks, mends := "ALTER TABLE river_job ADD CONSTRAINT broken CHECK (kind <> 'sync')", "ALTER TABLE river_job DROP CONSTRAINT broken"
		if w.db.Dialect() == store.SQLite {
			breaks, mends = "CREATE TRIGGER broken BEFORE INSERT ON river_job BEGIN SELECT RAISE(ABORT, 'broken'); END", "DROP TRIGGER broken"
		}
		w.exec(breaks)
		if err := w.deliver(body); err == nil {
			w.t.Error("the job could not be inserted and the event was accepted")
		}
		if n := w.count("SELECT count(*) FROM inbox_events"); n != 0 {
			w.t.Errorf("%d rows without a job", n)
		}
		w.exec(mends)
		must(w.t, w.deliver(body))
		if events, jobs := w.count(
			"SELECT count(*) FROM inbox_events",
		), w.count(eventJobs); events != 1 || jobs != 1 {
			w.t.Errorf("%d rows and %d jobs when it came again", events, jobs)
		}
	})
}

// Proves that an event that cannot be stored, because the database is unreachable, is refused so that Stripe sends it
// again. It is received once the database is back.
func TestDatabaseDown(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	wire := storetest.NewWire(t, storetest.URL(t, store.Postgres))
	w := s.replica(t, wire.URL)
	a, _ := w.buyer()
	body := eventOf("evt_1", "customer.updated", fmt.Sprintf(`{"object":"customer","id":%q}`, a.CustomerID))
	wire.Cut()
	var known *billing.Error
	if err := w.deliver(body); !errors.As(err, &known) || known.Code != billing.EUnavailable || known.RetryAfter <= 0 {
		t.Errorf("the database is away: %v", err)
	}
	wire.Restore()
	storetest.WaitFor(t, "the event is received", func() bool { return w.deliver(body) == nil })
	w.start(t)
	w.wantStatus("evt_1", billing.InboxProcessed)
	if got := w.account(a.ID); got.Available != 100 {
		t.Errorf("%d points", got.Available)
	}
}
