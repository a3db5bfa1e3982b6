package simtest

import (
	"context"
	"flag"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
	"github.com/pointsync/pointsync/pkg/store/storetest/pgserver"
)

// full makes the tests use the numbers of docs/proofs.md, which takes many minutes.
var full = flag.Bool("full", false, "run the counts in full, as make counts does")

// TestThreeReplicas proves that three servers on one PostgreSQL can be restarted one after the other under load without
// one failed request. They are behind a balancer that does what balancers do. When one is killed, only requests that it
// had already received fail. Neither a restart nor a kill loses anything that was acknowledged.
func TestThreeReplicas(t *testing.T) {
	t.Parallel()
	databaseURL := storetest.URL(t, store.Postgres)
	w := newShop(t, size{users: 6}, store.Postgres, databaseURL)
	w.open(databaseURL, 3, "POINTSYNC_SHUTDOWN_DELAY="+leaveDelay, "POINTSYNC_DATABASE_MAX_CONNS=10")
	for _, s := range w.servers[1:] {
		w.must(s.start())
	}
	b := newBalancer(t, w.servers)
	for _, s := range w.servers {
		w.awaitReady(b, s)
	}
	w.api.setTargets([]string{b.Listener.Addr().String()})
	c := w.newCrowd()

	restarts, kills := 0, 0
	for range rounds(t, 2, 10) {
		for _, s := range w.servers {
			c.await(20)
			w.must(s.terminate())
			c.await(20) // while it is away
			w.must(s.start())
			w.awaitReady(b, s)
			restarts++
		}
	}
	c.await(20)
	if failures := b.takeFailures(); len(failures) > 0 || w.failed.Load() > 0 {
		t.Errorf(
			"%d orderly restarts: %d tries of clients failed, and of the balancer's %v", restarts, w.failed.Load(),
			failures,
		)
	}
	cut := 0
	for range rounds(t, 2, 10) {
		for _, s := range w.servers {
			c.await(20)
			before := time.Now()
			s.kill()
			c.await(20)
			w.must(s.start())
			w.awaitReady(b, s)
			kills++
			for _, f := range b.takeFailures() {
				cut++
				if f.target != s.addr || f.at.Before(before) {
					t.Errorf("%s was killed, and a request failed at %q: %s", s.addr, f.target, f.text)
				}
			}
		}
	}
	c.end()
	w.wantInbox()
	t.Logf("%d orderly restarts failed no request, %d kills cut %d; %d requests were passed on, %d spends acknowledged, none lost",
		restarts, kills, cut, b.passed, c.acknowledged.Load())
}

// awaitReady waits until the balancer sends requests to a server.
func (w *world) awaitReady(b *balancer, s *server) {
	w.t.Helper()
	for try, deadline := 0, time.Now().Add(startPatience); !b.isReady(s.addr); try++ {
		if time.Now().After(deadline) {
			w.t.Fatalf("%s is not ready after %s:\n%s", s.addr, startPatience, s.said.String())
		}
		pause(w.ctx, try)
	}
}

// TestPostgresKilled proves what happens when PostgreSQL is killed with all its processes and started again, repeatedly
// and under load. Nothing that was acknowledged is lost. Clients are told to retry, and never of a fault of ours. The
// servers and their queue go on by themselves.
func TestPostgresKilled(t *testing.T) {
	t.Parallel()
	postgres, err := pgserver.StartSupervised(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := postgres.Stop(); err != nil {
			t.Error(err)
		}
	})
	migrateAt(t, postgres.URL)
	w := newShop(t, size{users: 6}, store.Postgres, postgres.URL)
	w.open(postgres.URL, 2)
	w.must(w.servers[1].start())
	w.api.setTargets([]string{w.servers[0].addr, w.servers[1].addr})
	c := w.newCrowd()
	kills := rounds(t, 10, 30)
	for range kills {
		c.await(20)
		if _, err := postgres.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	c.await(20)
	c.end()
	w.wantInbox()
	if w.away.Load() == 0 {
		t.Error("nobody was answered 503: the kills hit nothing")
	}
	t.Logf("%d kills of PostgreSQL: %d spends acknowledged, none lost; %d tries had no definite answer, %d of them a 503",
		kills, c.acknowledged.Load(), w.failed.Load(), w.away.Load())
}

func migrateAt(t *testing.T, url string) {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestServerKilledOnSQLite proves that a server which is killed in the middle of its writes to SQLite, and restarted,
// loses nothing that it acknowledged.
func TestServerKilledOnSQLite(t *testing.T) {
	t.Parallel()
	databaseURL := storetest.URL(t, store.SQLite)
	w := newShop(t, size{users: 4}, store.SQLite, databaseURL)
	w.open(databaseURL, 1)
	c := w.newCrowd()
	kills := rounds(t, 30, 60)
	for range kills {
		c.await(5)
		w.servers[0].kill()
		w.must(w.servers[0].start())
	}
	c.await(5)
	c.end()
	w.wantInbox()
	t.Logf("%d kills in the middle of writes to SQLite: %d spends acknowledged, none lost; %d tries had no definite answer",
		kills, c.acknowledged.Load(), w.failed.Load())
}
