package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

var quick = jobs.Queue{Name: "quick", Workers: 4}

// Proves that a job exists if and only if the transaction that enqueued it commits. The same job is not enqueued twice
// while it waits or runs. Once it is done, it may be enqueued again.
func TestEnqueue(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		began, let := make(chan string, 10), make(chan struct{})
		jobs.Handle(w.runner, quick, func(_ context.Context, args work) error {
			began <- args.Name
			<-let
			return nil
		})
		failure := errors.New("something else failed")
		err := w.db.InTx(t.Context(), func(tx *store.Tx) error {
			return errors.Join(w.runner.Enqueue(t.Context(), tx, work{"undone"}), failure)
		})
		if !errors.Is(err, failure) || w.count("SELECT count(*) FROM river_job") != 0 {
			t.Errorf("a job is left of a transaction that failed: %v", err)
		}
		w.enqueue(work{"a"}, work{"a"}, work{"b"})
		w.enqueue(work{"a"})
		w.start()
		if one, two := storetest.Next(w.t, began), storetest.Next(w.t, began); one == two {
			t.Errorf("%s began twice", one)
		}
		w.enqueue(work{"a"}) // while it runs
		if n := w.count("SELECT count(*) FROM river_job WHERE kind = 'work'"); n != 2 {
			t.Errorf("%d jobs, want a and b", n)
		}
		close(let)
		storetest.WaitFor(
			w.t,
			"both are done",
			func() bool { return w.count("SELECT count(*) FROM river_job WHERE finalized_at IS NULL") == 0 },
		)
		w.enqueue(work{"a"})
		if name := storetest.Next(w.t, began); name != "a" {
			t.Errorf("%s began, want a once more", name)
		}
	})
}

// Proves that a job with a time waits for it.
func TestEnqueueAt(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		at := make(chan time.Time, 1)
		jobs.Handle(w.runner, quick, func(context.Context, work) error {
			at <- time.Now()
			return nil
		})
		w.start()
		due := time.Now().Add(2 * time.Second)
		must(
			t,
			w.db.InTx(
				t.Context(),
				func(tx *store.Tx) error { return w.runner.EnqueueAt(t.Context(), tx, work{"later"}, due) },
			),
		)
		if began := storetest.Next(w.t, at); began.Before(due) {
			t.Errorf("it began %s too early", due.Sub(began))
		}
	})
}

// Proves that a failing job is retried, even after an error that no database stores. PostgreSQL refuses a NUL, and the
// job would stay *running*. The first 2 attempts fail and the third succeeds, so 2 errors are kept.
func TestRetry(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"Plain": "it failed", "NUL": "it \x00 failed", "Broken": "it \xff\xfe failed",
		"Long": strings.Repeat("é", 20_000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachWorld(t, func(w *world) {
				attempts := 0
				done := make(chan struct{})
				jobs.Handle(w.runner, quick, func(context.Context, work) error {
					if attempts++; attempts < 3 {
						return errors.New(text)
					}
					close(done)
					return nil
				})
				w.enqueue(work{"fails"})
				w.start()
				storetest.Next(w.t, done)
				storetest.WaitFor(w.t, "it is noted", func() bool {
					return w.count("SELECT count(*) FROM river_job WHERE state = 'completed' AND attempt = 3") == 1
				})
			})
		})
	}
}

// Proves that a job that puts itself back runs again, and that this is not a failure: it costs no attempt.
func TestAgain(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		attempts := 0
		done := make(chan struct{})
		jobs.Handle(w.runner, quick, func(context.Context, work) error {
			if attempts++; attempts < 3 {
				return jobs.Again(time.Millisecond)
			}
			close(done)
			return nil
		})
		w.enqueue(work{"waits"})
		w.start()
		storetest.Next(w.t, done)
		storetest.WaitFor(w.t, "it is noted", func() bool {
			return w.count("SELECT count(*) FROM river_job WHERE state = 'completed' AND attempt = 1") == 1
		})
	})
}

// Proves that Stop ends the loops and waits for running jobs, and cuts them off when its patience ends. A job that was
// cut off waits for another try.
func TestStop(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		must(t, w.runner.Stop(t.Context())) // before Start there is nothing to stop
		began, ended := make(chan struct{}, 1), make(chan struct{})
		jobs.Handle(w.runner, quick, func(ctx context.Context, _ work) error { return hang(began)(ctx) })
		w.runner.Loop(func(ctx context.Context) {
			<-ctx.Done()
			close(ended)
		})
		w.enqueue(work{"hangs"})
		must(t, w.runner.Start(t.Context()))
		storetest.Next(w.t, began)
		impatient, cancel := context.WithCancel(context.Background())
		cancel()
		must(t, w.runner.Stop(impatient))
		storetest.Next(w.t, ended)
		if n := w.count(
			"SELECT count(*) FROM river_job WHERE kind = 'work' AND state IN ('retryable', 'available')",
		); n != 1 {
			t.Errorf("%d jobs wait for another try, want the one that was cut off", n)
		}
	})
}

// Proves on PostgreSQL that of two replicas only one runs a look that is Alone, and both do the jobs of a queue.
func TestReplicas(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t, store.Postgres)
	looked, began := make(chan struct{}, 100), make(chan int, 100)
	let := make(chan struct{})
	replicas := make([]*world, 2)
	for n := range replicas {
		w := newWorld(t, storetest.OpenURL(t, url, nil))
		w.runner.Look(jobs.Look{Kind: "alone", Every: time.Second, Alone: true, Do: hang(looked)})
		jobs.Handle(w.runner, jobs.Queue{Name: "one", Workers: 1}, func(context.Context, work) error {
			began <- n
			<-let
			return nil
		})
		w.start()
		replicas[n] = w
	}
	w := replicas[0]
	storetest.Next(w.t, looked)
	w.enqueue(work{"a"}, work{"b"})
	if one, two := storetest.Next(w.t, began), storetest.Next(w.t, began); one == two {
		t.Errorf("the replica %d did both, with one worker", one)
	}
	close(let)
	if n := len(looked); n != 0 {
		t.Errorf("the look was begun %d times more", n)
	}
}

// Proves that the queue keeps no job longer than a day after it has failed for good: its arguments may hold an address.
func TestDiscardedJobsGo(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		jobs.Handle(w.runner, jobs.Queue{Name: "work", Workers: 1}, func(context.Context, work) error { return nil })
		later := time.Now().Add(time.Hour)
		must(w.t, w.db.InTx(w.t.Context(), func(tx *store.Tx) error {
			for _, name := range []string{"old", "new"} {
				if err := w.runner.EnqueueAt(w.t.Context(), tx, work{name}, later); err != nil {
					return err
				}
			}
			return nil
		}))
		for name, age := range map[string]time.Duration{"old": 25 * time.Hour, "new": 23 * time.Hour} {
			storetest.Exec(w.t, w.db, fmt.Sprintf(
				"UPDATE river_job SET state = 'discarded', finalized_at = '%s' WHERE %s = '%s'",
				time.Now().UTC().Add(-age).Format("2006-01-02 15:04:05.000"), w.nameOf(), name,
			))
		}
		w.start()
		storetest.WaitFor(w.t, "the old one is gone", func() bool {
			return w.count("SELECT count(*) FROM river_job WHERE "+w.nameOf()+" = 'old'") == 0
		})
		if n := w.count("SELECT count(*) FROM river_job WHERE " + w.nameOf() + " = 'new'"); n != 1 {
			w.t.Errorf("%d of 1 younger jobs is left", n)
		}
	})
}

// nameOf returns the expression of the name of a work.
func (w *world) nameOf() string {
	if w.db.Dialect() == store.SQLite {
		return "json_extract(args, '$.name')"
	}
	return "args->>'name'"
}
