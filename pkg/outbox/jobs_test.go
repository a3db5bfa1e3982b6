package outbox_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// worker is an office whose deliveries are made by jobs.
type worker struct {
	*office
	runner *jobs.Runner
}

// eachWorker runs a suite on both databases. The jobs do not run before start.
func eachWorker(t *testing.T, f func(w *worker)) {
	t.Helper()
	eachOffice(t, func(o *office) { f(newWorker(o)) })
}

func newWorker(o *office) *worker {
	runner, err := jobs.New(o.db, slog.New(slog.DiscardHandler))
	must(o.t, err)
	o.courier.RegisterJobs(runner)
	return &worker{office: o, runner: runner}
}

// start lets the jobs run until the test ends.
func (w *worker) start() {
	w.t.Helper()
	must(w.t, w.runner.Start(w.t.Context()))
	w.t.Cleanup(func() { must(w.t, w.runner.Stop(context.Background())) })
}

// endpoint is one of the operator's. It passes on the id of each event that comes, and then replies.
func (w *worker) endpoint(answer http.HandlerFunc) (billing.Webhook, chan string) {
	w.t.Helper()
	came := make(chan string, 1000)
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		came <- r.Header.Get("webhook-id")
		if answer != nil {
			answer(out, r)
		}
	}))
	w.t.Cleanup(server.Close)
	return w.add(server.URL), came
}

// rich returns an account with points, above the low-points threshold.
func (w *worker) rich() billing.AccountID { return w.account(1000) }

func (w *worker) give(id billing.AccountID, key string) {
	w.t.Helper()
	w.grant(id, billing.Grant{Key: key + string(id), Source: "test", Amount: 100})
}

// count returns the result of a query for one number.
func (w *worker) count(query string) int { w.t.Helper(); return storetest.Count(w.t, w.db, query) }

// exec changes rows in ways that our code does not.
func (w *worker) exec(statement string) { w.t.Helper(); storetest.Exec(w.t, w.db, statement) }

const unfinishedDeliver = "SELECT count(*) FROM river_job WHERE kind = 'deliver' AND finalized_at IS NULL"

const pendingDeliveries = "SELECT count(*) FROM deliveries WHERE status = 'pending'"

// Proves that jobs deliver what happens here at once, and once, and that they also deliver what is there when a server
// begins. The sweeper does not run a second time, so it is the signal of each commit that starts them.
func TestOutgoing(t *testing.T) {
	t.Parallel()
	eachWorker(t, func(w *worker) {
		id := w.rich()
		_, came := w.endpoint(nil)
		w.give(id, "before the server began")
		w.courier.NoSweeper()
		w.start()
		first := storetest.Next(w.t, came)
		for n := range 20 {
			w.give(id, fmt.Sprint(n))
			if next := storetest.Next(w.t, came); next <= first {
				t.Errorf("%s came after %s", next, first)
			} else {
				first = next
			}
		}
		storetest.WaitFor(
			w.t, "all is noted and no job is left",
			func() bool { return w.count(pendingDeliveries) == 0 && w.count(unfinishedDeliver) == 0 },
		)
		if n := len(came); n != 0 {
			t.Errorf("%d events came twice", n)
		}
	})
}

// Proves that a lost job does not lose its deliveries: the sweeper makes another job from the table.
func TestOutgoingJobLost(t *testing.T) {
	t.Parallel()
	eachWorker(t, func(w *worker) {
		id := w.rich()
		_, came := w.endpoint(nil)
		w.give(id, "lost")
		must(w.t, w.courier.Call(context.Background(), w.runner))
		if n := w.count("SELECT count(*) FROM river_job WHERE kind = 'deliver'"); n != 1 {
			t.Fatalf("%d jobs", n)
		}
		w.exec("DELETE FROM river_job")
		must(w.t, w.courier.Call(context.Background(), w.runner))
		must(w.t, w.courier.Call(context.Background(), w.runner))
		if n := w.count("SELECT count(*) FROM river_job WHERE kind = 'deliver'"); n != 1 {
			t.Fatalf("%d jobs after the first was lost", n)
		}
		w.start()
		storetest.Next(w.t, came)
	})
}

// Proves that a job whose endpoint is taken runs again by itself. The job that has the endpoint may have read its last
// events, and later ones would wait for the sweeper.
func TestOutgoingTaken(t *testing.T) {
	t.Parallel()
	eachWorker(t, func(w *worker) {
		ctx, id := context.Background(), w.rich()
		hook, came := w.endpoint(nil)
		w.courier.NoSweeper()
		w.start()
		until := time.Now().Add(time.Hour).Truncate(time.Microsecond)
		must(w.t, w.db.InTx(ctx, func(tx *store.Tx) error {
			_, ok, _, err := tx.TakeWebhook(ctx, hook.ID, time.Now(), until)
			if err == nil && !ok {
				t.Error("somebody else has it")
			}
			return err
		}))
		w.give(id, "written meanwhile")
		storetest.WaitFor(w.t, "a job has found it taken", func() bool {
			return w.count(
				"SELECT count(*) FROM river_job WHERE kind = 'deliver' AND attempted_at IS NOT NULL AND state <> 'running'",
			) == 1
		})
		if n := len(came); n != 0 {
			t.Errorf("%d events came from a job that does not have the endpoint", n)
		}
		must(w.t, w.db.InTx(ctx, func(tx *store.Tx) error { return tx.LeaveWebhook(ctx, hook.ID, until) }))
		storetest.Next(w.t, came)
	})
}

// Proves that a failed event is retried by a job that waits for its time.
func TestOutgoingRetry(t *testing.T) {
	t.Parallel()
	eachWorker(t, func(w *worker) {
		id := w.rich()
		var mu sync.Mutex
		tried := 0
		_, came := w.endpoint(func(out http.ResponseWriter, _ *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if tried++; tried == 1 {
				out.WriteHeader(http.StatusServiceUnavailable)
			}
		})
		w.start()
		w.give(id, "tried twice")
		first := storetest.Next(w.t, came)
		storetest.WaitFor(w.t, "a job waits for the second attempt", func() bool {
			return w.count("SELECT count(*) FROM river_job WHERE kind = 'deliver' AND state = 'scheduled'") == 1
		})
		if second := storetest.Next(w.t, came); second != first {
			t.Errorf("%s and then %s", first, second)
		}
	})
}

// Proves on PostgreSQL that two replicas deliver once what both of them wrote, and each account's events in order.
func TestOutgoingReplicas(t *testing.T) {
	t.Parallel()
	database, clock := storetest.URL(t, store.Postgres), storetest.NewClock()
	replicas := make([]*worker, 2)
	for n := range replicas {
		replicas[n] = newWorker(newOffice(t, storetest.OpenURL(t, database, clock.Now), clock))
	}
	_, came := replicas[0].endpoint(nil)
	for _, w := range replicas {
		w.start()
	}
	const accounts, spends = 10, 20
	var all sync.WaitGroup
	for n := range accounts {
		id := replicas[0].rich()
		all.Go(func() {
			for m := range spends {
				_, err := ledger.Spend(context.Background(), replicas[(n+m)%2].db, id, ledger.SpendRequest{Amount: 1})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	seen := map[string]bool{}
	for range accounts * (spends + 1) {
		seen[storetest.Next(t, came)] = true
	}
	storetest.WaitFor(t, "all is noted", func() bool { return replicas[0].count(pendingDeliveries) == 0 })
	if len(seen) != accounts*(spends+1) || len(came) != 0 {
		t.Errorf("%d different events came, and %d more", len(seen), len(came))
	}
}

// Proves on PostgreSQL that the calls for two endpoints never lock the jobs of both. The queue, which notes many
// finished jobs in one statement and locks them in any order, would wait for the calls, and they for the queue.
func TestCallLocksOneJobOnPostgres(t *testing.T) {
	t.Parallel()
	clock, ctx := storetest.NewClock(), t.Context()
	w := newWorker(newOffice(t, storetest.OpenURL(t, storetest.URL(t, store.Postgres), clock.Now), clock))
	id := w.rich()
	hooks := make([]billing.Webhook, 2)
	for n := range hooks {
		hooks[n], _ = w.endpoint(nil)
	}
	w.give(id, "to both")
	must(t, w.courier.Call(ctx, w.runner))
	lock := func(tx *sql.Tx, hook billing.Webhook, how string) error {
		var job int64
		return tx.QueryRowContext(
			ctx, `SELECT id FROM river_job WHERE kind = 'deliver' AND args ->> 'webhook' = $1 FOR UPDATE `+how,
			string(hook.ID),
		).Scan(&job)
	}
	for n := range hooks {
		queue, err := w.db.SQL().BeginTx(ctx, nil)
		must(t, err)
		must(t, lock(queue, hooks[n], ""))
		called := make(chan error, 1)
		go func() { called <- w.courier.Call(ctx, w.runner) }()
		storetest.WaitForLock(t, w.db)
		if err := lock(queue, hooks[1-n], "NOWAIT"); err != nil {
			t.Errorf("while a call waits for the job of endpoint %d, it has locked the other one's: %v", n, err)
		}
		must(t, queue.Rollback())
		must(t, storetest.Next(t, called))
	}
}

// Proves that an endpoint whose job cannot be enqueued does not keep the others from theirs, and that the error is
// returned.
func TestCallGoesOn(t *testing.T) {
	t.Parallel()
	eachWorker(t, func(w *worker) {
		id := w.rich()
		hooks := make([]billing.Webhook, 3)
		for n := range hooks {
			hooks[n], _ = w.endpoint(nil)
		}
		slices.SortFunc(hooks, func(a, b billing.Webhook) int { return strings.Compare(string(a.ID), string(b.ID)) })
		w.give(id, "to all")
		breaks := "CREATE TRIGGER broken BEFORE INSERT ON river_job WHEN NEW.args ->> 'webhook' = '%s' " +
			"BEGIN SELECT RAISE(ABORT, 'broken'); END"
		if w.db.Dialect() == store.Postgres {
			breaks = "ALTER TABLE river_job ADD CONSTRAINT broken CHECK (args ->> 'webhook' <> '%s')"
		}
		w.exec(fmt.Sprintf(breaks, hooks[0].ID))
		err := w.courier.Call(context.Background(), w.runner)
		if err == nil || !strings.Contains(err.Error(), string(hooks[0].ID)) {
			w.t.Errorf("a call returns %v, want the failure of %s", err, hooks[0].ID)
		}
		if n := w.count(unfinishedDeliver); n != 2 {
			w.t.Errorf("%d jobs wait, want those of the two other endpoints", n)
		}
	})
}

// Proves that old events are deleted if they ended, and that none that waits is deleted.
func TestForgetsDeliveries(t *testing.T) {
	t.Parallel()
	eachWorker(t, func(w *worker) {
		id := w.rich()
		w.endpoint(nil)
		for _, key := range []string{"ended", "waits", "ended lately"} {
			w.give(id, key)
			if key != "waits" {
				w.exec(
					"UPDATE deliveries SET status = 'delivered', delivered_at = created_at WHERE id = (SELECT max(id) FROM deliveries)",
				)
			}
			w.clock.Advance(20 * 24 * time.Hour)
		}
		// The lease is another replica's, so that nothing is delivered.
		w.exec("UPDATE webhooks SET busy_until = '2999-01-01T00:00:00.000000Z'")
		w.start()
		storetest.WaitFor(
			w.t, "the event of 60 days ago is forgotten",
			func() bool { return w.count("SELECT count(*) FROM deliveries") == 2 },
		)
		if waiting := w.count(pendingDeliveries); waiting != 1 {
			w.t.Errorf("%d events wait; of the other two that of 20 days ago stays, so one waits", waiting)
		}
	})
}
