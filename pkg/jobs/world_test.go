package jobs_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// world is a database and one replica's runner.
type world struct {
	t      *testing.T
	db     *store.DB
	runner *jobs.Runner
}

// eachWorld runs a suite on both databases. The jobs do not run before start.
func eachWorld(t *testing.T, f func(w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { f(newWorld(t, db)) })
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	runner, err := jobs.New(db, slog.New(slog.DiscardHandler))
	must(t, err)
	return &world{t: t, db: db, runner: runner}
}

// start lets the jobs run until the test ends.
func (w *world) start() {
	w.t.Helper()
	must(w.t, w.runner.Start(w.t.Context()))
	w.t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // what still hangs is cut off
		must(w.t, w.runner.Stop(ctx))
	})
}

// work requests a job with a name.
type work struct {
	Name string `json:"name"`
}

func (work) Kind() string { return "work" }

// other requests a job of another kind.
type other struct{}

func (other) Kind() string { return "other" }

func (w *world) enqueue(all ...jobs.Args) {
	w.t.Helper()
	must(w.t, w.db.InTx(context.Background(), func(tx *store.Tx) error {
		for _, args := range all {
			if err := w.runner.Enqueue(context.Background(), tx, args); err != nil {
				return err
			}
		}
		return nil
	}))
}

// signal reports that it was called.
func signal(called chan<- struct{}) func(context.Context) error {
	return func(context.Context) error {
		called <- struct{}{}
		return nil
	}
}

// hang signals that it was begun, and waits until it is cut off.
func hang(began chan<- struct{}) func(context.Context) error {
	return func(ctx context.Context) error {
		began <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}
}

// count returns the one number of a query.
func (w *world) count(query string) int { w.t.Helper(); return storetest.Count(w.t, w.db, query) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
