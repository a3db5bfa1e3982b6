package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/sandbox/sandboxtest"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// payer returns an account whose customer has made a number of payments without webhooks. Each payment is one event of
// our types.
func payer(t *testing.T, db *store.DB, stripe string, payments int) billing.Account {
	t.Helper()
	a := storetest.NewAccount(t, db)
	a.CustomerID = billing.CustomerID(sandboxtest.Ask(t, stripe, http.MethodPost, "/v1/customers", nil)["id"].(string))
	if err := db.InTx(
		t.Context(), func(tx *store.Tx) error { return tx.SetCustomer(t.Context(), a.ID, a.CustomerID) },
	); err != nil {
		t.Fatal(err)
	}
	for range payments {
		sandboxtest.Ask(t, stripe, http.MethodPost, "/v1/payment_intents", url.Values{
			"amount": {"500"}, "currency": {"usd"}, "customer": {string(a.CustomerID)},
			"payment_method": {"pm_card_visa"}, "confirm": {"true"},
			"automatic_payment_methods[enabled]": {"true"}, "automatic_payment_methods[allow_redirects]": {"never"},
		})
	}
	return a
}

// gated puts a gate before a sandbox. pass gets the number of each request for the list of events, counted from 1. If
// it returns false, the gate replies itself.
func gated(t *testing.T, stripe string, pass func(n int64, r *http.Request) bool) string {
	t.Helper()
	address, err := url.Parse(stripe)
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int64
	proxy := httputil.NewSingleHostReverseProxy(address)
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/events" || pass(asked.Add(1), r) {
			proxy.ServeHTTP(out, r)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func lookedAt(seen, missing, failed int) string {
	return fmt.Sprintf("%d events looked at, %d of them were missing, %d could not be stored.\n", seen, missing, failed)
}

// TestBackfillCommand proves what an operator's script relies on, and what each run prints. The exit code is 0 after a
// complete walk. It is 1 if something is left to another command or Stripe did not reply. It is 2 if a server is
// walking at this moment.
func TestBackfillCommand(t *testing.T) {
	t.Parallel()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		const paid = 80 // more than two pages
		stripe, databaseURL := newSandbox(t), storetest.URL(t, dialect)
		db := storetest.OpenURL(t, databaseURL, nil)
		payer(t, db, stripe, paid)
		p := program{t: t}.with("DATABASE_URL="+databaseURL, "STRIPE_SECRET_KEY="+sandboxtest.Key)
		here := p.with("STRIPE_API_BASE=" + stripe)
		if said := p.with(
			"STRIPE_API_BASE=http://127.0.0.1:1",
		).run(1, "events", "backfill"); !strings.HasPrefix(said, lookedAt(0, 0, 0)) || !strings.Contains(
			said, "the next run continues there",
		) {
			t.Errorf("without Stripe: %q", said)
		}
		for _, missing := range []int{paid, 0} {
			if said := here.run(0, "events", "backfill"); said != lookedAt(paid, missing, 0) {
				t.Errorf("%d were missing: %q", missing, said)
			}
		}
		if said := here.run(
			0, "events", "list", "--status", "pending", "--limit", "1000",
		); strings.Count(said, "payment_intent.succeeded") != paid {
			t.Errorf("the list: %q", said)
		}
		rewinds(t, db, here, paid)
		givesWay(t, p, stripe)
		leaves(t, db, here, paid)
	})
}

// rewinds proves that --since goes back before the last walk, and not too far.
func rewinds(t *testing.T, db *store.DB, p program, paid int) {
	t.Helper()
	seen := func(at string) { t.Helper(); storetest.Exec(t, db, "UPDATE event_walks SET seen_until = '"+at+"'") }
	seen("2999-01-01T00:00:00.000000Z")
	if said := p.run(0, "events", "backfill"); said != lookedAt(0, 0, 0) {
		t.Errorf("all was seen: %q", said)
	}
	storetest.Exec(t, db, "DELETE FROM inbox_events WHERE id = (SELECT MIN(id) FROM inbox_events)")
	seen("2999-01-01T00:00:00.000000Z")
	if said := p.run(0, "events", "backfill", "--since", "48h"); said != lookedAt(paid, 1, 0) {
		t.Errorf("--since: %q", said)
	}
	if said := p.run(
		1, "events", "backfill", "--since", "721h",
	); !strings.Contains(said, "--since must be from 0 to 720h") {
		t.Errorf("a longer --since: %q", said)
	}
	seen("2020-01-01T00:00:00.000000Z")
	if said := p.run(1, "events", "backfill"); !strings.HasPrefix(
		said, lookedAt(paid, 0, 0),
	) || !strings.Contains(said, "30 days") || !strings.Contains(said, "run pointsync stripe reconcile") {
		t.Errorf("the last look was too long ago: %q", said)
	}
}

// givesWay proves what happens if two processes request the same page of a walk and more pages follow. The process that
// gets its reply later stops.
func givesWay(t *testing.T, p program, stripe string) {
	t.Helper()
	asked, release := make(chan struct{}), make(chan struct{})
	slow := gated(t, stripe, func(n int64, _ *http.Request) bool {
		if n == 2 {
			close(asked)
			<-release
		}
		return true
	})
	said := make(chan string, 1)
	go func() {
		out, err := p.with("STRIPE_API_BASE="+slow).command("events", "backfill").CombinedOutput()
		said <- fmt.Sprintf("%s%v", out, err)
	}()
	<-asked
	p.with("STRIPE_API_BASE="+stripe).run(0, "events", "backfill")
	close(release)
	if got := <-said; !strings.Contains(
		got, "a running server is walking now",
	) || !strings.HasSuffix(got, "exit status 2") {
		t.Errorf("of two at once the slower one says %q", got)
	}
}

// leaves proves that an event which cannot be stored is reported, and stops nothing.
func leaves(t *testing.T, db *store.DB, p program, paid int) {
	t.Helper()
	storetest.Exec(t, db, "DELETE FROM inbox_events")
	if db.Dialect() == store.SQLite {
		storetest.Exec(
			t, db,
			"CREATE TRIGGER poison BEFORE INSERT ON inbox_events WHEN NOT EXISTS (SELECT 1 FROM inbox_events) BEGIN SELECT RAISE(ABORT, 'poison'); END",
		)
	} else {
		storetest.Exec(t, db, "ALTER TABLE inbox_events ADD CONSTRAINT poison CHECK (false)")
	}
	if said := p.run(1, "events", "backfill"); !strings.HasPrefix(said, lookedAt(paid, 0, paid)) || !strings.Contains(
		said, "run pointsync stripe reconcile",
	) {
		t.Errorf("what cannot be stored: %q", said)
	}
}

// TestBackfillKilled proves that a walk continues if its process is killed while it stores a page, and once more while
// it requests the next one. Nothing is missing afterwards, and a server's metrics count each event once.
func TestBackfillKilled(t *testing.T) {
	t.Parallel()
	const paid = 60 // more than a page
	stripe, databaseURL := newSandbox(t), storetest.URL(t, store.Postgres)
	db := storetest.OpenURL(t, databaseURL, nil)
	others, last := payer(t, db, stripe, paid-1), payer(t, db, stripe, 1)
	payer(t, db, stripe, 1) // the newest event, which the first walk gets
	second := make(chan struct{})
	slow := gated(t, stripe, func(n int64, r *http.Request) bool {
		if n < 3 { // the first walk's page, and the second walk's first page
			return true
		}
		if n == 3 {
			close(second)
			<-r.Context().Done()
		}
		return false
	})
	p := served(t, stripe, databaseURL)
	p.run(0, "stripe", "setup")
	walk := p.with("STRIPE_API_BASE="+slow).command("events", "backfill")
	err := db.InTx(t.Context(), func(tx *store.Tx) error { // the walk waits for this account after it stored one event
		if _, err := tx.LockAccount(t.Context(), last.ID); err != nil {
			return err
		}
		if err := walk.Start(); err != nil {
			return err
		}
		eventually(t, "the walk has stored an event", func() bool { return stored(t, db) == 1 })
		_ = walk.Process.Kill()
		_ = walk.Wait()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	walk = p.with("STRIPE_API_BASE="+slow).command("events", "backfill")
	if err := walk.Start(); err != nil {
		t.Fatal(err)
	}
	<-second
	_ = walk.Process.Kill()
	_ = walk.Wait()
	if n := stored(t, db); n <= 1 || n > paid {
		t.Fatalf("%d events are stored", n)
	}
	before := stored(t, db)
	if said := p.run(0, "events", "backfill"); !strings.Contains(
		said, fmt.Sprintf(" %d of them were missing, 0 could not be stored", paid+1-before),
	) {
		t.Errorf("the third walk, after %d events: %q", before, said)
	}
	page := metrics(t, p.serve().url)
	for _, want := range []string{
		fmt.Sprintf("\npointsync_backfill_events_total %d\n", paid+1),
		"\npointsync_backfill_last_look_timestamp_seconds 1",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the metrics lack %q:\n%s", want, page)
		}
	}
	eventually(
		t, "every event is answered",
		func() bool {
			return storetest.Count(t, db, "SELECT count(*) FROM inbox_events WHERE status = 'pending'") == 0
		},
	)
	if a, err := db.Account(t.Context(), others.ID); err != nil || a.Sync.LastSyncedAt == nil {
		t.Errorf("%+v, %v", a.Sync, err)
	}
}

func stored(t *testing.T, db *store.DB) int {
	t.Helper()
	return storetest.Count(t, db, "SELECT count(*) FROM inbox_events")
}

// metrics returns the page of a server's metrics.
func metrics(t *testing.T, server string) string {
	t.Helper()
	answer, err := http.Get(server + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v", answer.Status, err)
	}
	return string(page)
}
