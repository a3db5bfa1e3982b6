// Package jobs runs work in the background, on one database that any number of replicas share. It is the only room that
// knows River, the job queue. A room registers what it does: Handle for a kind of job that somebody enqueues, Look for
// work that comes back every so often, Loop for what each replica does by itself.
//
// Jobs are a means and never the truth: what has to be done can be read from the tables of the room that owns it, and a
// look finds what a lost job left behind. So a job may run twice or not at all, and must do no harm either way.
//
// Jobs of one queue wait for each other, jobs of two queues never do. Looks wait for nothing: their queue has a worker
// for each. The package refuses to know what any job does.
package jobs

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivertype"

	"github.com/pointsync/pointsync/pkg/store"
)

// Args are the arguments of a job. They are stored as JSON, and Kind names what handles them.
type Args interface{ Kind() string }

// Queue is a set of jobs that wait for each other, and how many of them one replica works at a time.
type Queue struct {
	Name    string
	Workers int
	Poll    time.Duration // how long a job may wait until a replica sees it; 0: 100 ms
}

const (
	jobTimeout  = 40 * time.Second
	rescueAfter = time.Minute // a job whose process died is started again after this
	// SQLite has no LISTEN, and on PostgreSQL the queue sends one notice each 100 ms at the most: a job that is
	// inserted just after one, as most of a burst of events are, waits for the next poll.
	pollInterval = 100 * time.Millisecond
)

// Runner enqueues jobs and runs them. Everything is registered before Start.
type Runner struct {
	db       *store.DB
	log      *slog.Logger
	inserts  *river.Client[*sql.Tx]
	works    *river.Client[*sql.Tx] // nil before Start
	workers  *river.Workers
	queues   map[string]river.QueueConfig
	queueOf  map[string]string // by kind
	periodic []*river.PeriodicJob
	loops    []func(context.Context)
	stop     context.CancelFunc // ends the loops; nil before Start
	running  sync.WaitGroup
}

// New returns a Runner that can enqueue; Start makes it work as well.
func New(db *store.DB, log *slog.Logger) (*Runner, error) {
	r := &Runner{
		db: db, log: log, workers: river.NewWorkers(),
		queues: map[string]river.QueueConfig{}, queueOf: map[string]string{},
	}
	var err error
	r.inserts, err = r.client(&river.Config{Logger: slog.New(quiet{log.Handler()}), Workers: r.workers})
	return r, err
}

func (r *Runner) client(c *river.Config) (client *river.Client[*sql.Tx], err error) {
	if r.db.Dialect() == store.Postgres {
		client, err = river.NewClient(
			riverdatabasesql.NewWithPgxListener(r.db.SQL(), r.db.Listener().(*pgxpool.Pool)), c,
		)
	} else {
		client, err = river.NewClient(riversqlite.New(r.db.SQL()), c)
	}
	if err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	return client, nil
}

// Start begins to work. Stop ends it.
func (r *Runner) Start(ctx context.Context) (err error) {
	r.works, err = r.client(&river.Config{
		Queues:               r.queues,
		Workers:              r.workers,
		Logger:               slog.New(quiet{r.log.Handler()}),
		JobTimeout:           jobTimeout,
		RescueStuckJobsAfter: rescueAfter,
		RetryPolicy:          backoff{},
		FetchPollInterval:    pollInterval,
		Middleware:           []rivertype.Middleware{&storableErrors{}},
		PeriodicJobs:         r.periodic,
	})
	if err != nil {
		return err
	}
	// The queue lives until Stop, which lets running jobs finish; a context that ends would cut them off.
	if err := r.works.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("jobs: start: %w", err)
	}
	ctx, r.stop = context.WithCancel(context.WithoutCancel(ctx))
	for _, loop := range r.loops {
		r.running.Go(func() { loop(ctx) })
	}
	return nil
}

// Stop lets running jobs finish until ctx ends, then cuts them off; what was cut off is started again later.
func (r *Runner) Stop(ctx context.Context) error {
	if r.stop == nil {
		return nil
	}
	r.stop() // what this cuts off, another look repeats
	r.running.Wait()
	if err := r.works.Stop(ctx); err != nil {
		return r.works.StopAndCancel(context.WithoutCancel(ctx))
	}
	return nil
}

// waiting are the states in which a job still has its effect before it.
var waiting = []rivertype.JobState{
	rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning,
	rivertype.JobStateScheduled, rivertype.JobStateRetryable,
}

// Enqueue inserts a job in the transaction of what caused it, unless the same one waits or runs already.
func (r *Runner) Enqueue(ctx context.Context, tx *store.Tx, args Args) error {
	return r.EnqueueAt(ctx, tx, args, time.Time{})
}

// EnqueueAt is Enqueue for a job that waits until a time, by the machine's clock.
func (r *Runner) EnqueueAt(ctx context.Context, tx *store.Tx, args Args, at time.Time) error {
	_, err := r.inserts.InsertTx(ctx, tx.SQL(), args, &river.InsertOpts{
		Queue: r.queueOf[args.Kind()], MaxAttempts: jobAttempts, ScheduledAt: at,
		UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: waiting},
	})
	if err != nil {
		return fmt.Errorf("jobs: insert a %s: %w", args.Kind(), err)
	}
	return nil
}
