// Package jobs runs work in the background, on one database that any number of replicas share. It owns the job queue
// and is the only package that knows River. Each package registers its own work here: Handle for a kind of job that is
// enqueued, Look for a periodic job, Loop for work that each replica does by itself.
//
// Jobs are a means and never the truth. The tables of the package that owns the work say what is left to do, and a look
// finds what a lost job left behind. So a job may run twice or not at all, and must do no harm either way.
//
// A job may have to wait for other jobs of its queue, but never for a job of another queue. A look waits for no job and
// no other look, because their queue has a worker for each run. The package refuses to know what any job does.
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
	"github.com/pointsync/pointsync/pkg/trace"
)

// Args are the arguments of a job. They are stored as JSON, and Kind names the handler.
type Args interface{ Kind() string }

// Queue is a set of jobs that wait for each other. Each replica works on at most Workers of them at a time.
type Queue struct {
	Name    string
	Workers int
	Poll    time.Duration // how long a job may wait until a replica sees it; 0 means 100 ms
}

const (
	jobTimeout  = 40 * time.Second
	rescueAfter = time.Minute // a job whose process died starts again after this
	// keepEnded is how long a job is kept after it is done or has failed for good. Its arguments may hold an address.
	keepEnded = 24 * time.Hour
	// SQLite has no LISTEN, and on PostgreSQL the queue sends at most one notice each 100 ms. A job that is inserted
	// just after a notice waits for the next poll, as most jobs of a burst of events do.
	pollInterval = 100 * time.Millisecond
)

// Runner enqueues jobs and runs them. Register everything before Start.
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
	tracer   *trace.Tracer // nil: no traces
}

// New returns a Runner that can enqueue. It runs jobs only after Start.
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

// Start begins to run jobs. Stop ends it.
func (r *Runner) Start(ctx context.Context) (err error) {
	r.works, err = r.client(&river.Config{
		Queues:                      r.queues,
		Workers:                     r.workers,
		Logger:                      slog.New(quiet{r.log.Handler()}),
		JobTimeout:                  jobTimeout,
		RescueStuckJobsAfter:        rescueAfter,
		CompletedJobRetentionPeriod: keepEnded,
		DiscardedJobRetentionPeriod: keepEnded,
		RetryPolicy:                 backoff{},
		FetchPollInterval:           pollInterval,
		Middleware:                  []rivertype.Middleware{&traced{tracer: r.tracer}, &storableErrors{}},
		PeriodicJobs:                r.periodic,
	})
	if err != nil {
		return err
	}
	// The queue runs until Stop, which lets running jobs finish. A context that ends would cut them off.
	if err := r.works.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("jobs: start: %w", err)
	}
	ctx, r.stop = context.WithCancel(context.WithoutCancel(ctx))
	for _, loop := range r.loops {
		r.running.Go(func() { loop(ctx) })
	}
	return nil
}

// Stop lets running jobs finish until ctx ends, then cuts them off. A job that was cut off is started again later.
func (r *Runner) Stop(ctx context.Context) error {
	if r.stop == nil {
		return nil
	}
	r.stop() // another look repeats what this cuts off
	r.running.Wait()
	if err := r.works.Stop(ctx); err != nil {
		return r.works.StopAndCancel(context.WithoutCancel(ctx))
	}
	return nil
}

// Unfinished are the states of a job that is not done, and of one that was given up.
var Unfinished = []string{"available", "pending", "running", "scheduled", "retryable", "discarded"}

// waiting are the states of a job that has not had its effect yet.
var waiting = []rivertype.JobState{
	rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning,
	rivertype.JobStateScheduled, rivertype.JobStateRetryable,
}

// Enqueue inserts a job in the transaction of its cause, unless the same job waits or runs already.
//
// If one does, its row stays locked until the transaction ends. The queue locks the rows of finished jobs, many at once
// and in no order. So a transaction must not enqueue two jobs that may both be there already, or it and the queue may
// wait for each other.
func (r *Runner) Enqueue(ctx context.Context, tx *store.Tx, args Args) error {
	return r.EnqueueAt(ctx, tx, args, time.Time{})
}

// EnqueueAt is like Enqueue, for a job that waits until a time of the machine's clock.
func (r *Runner) EnqueueAt(ctx context.Context, tx *store.Tx, args Args, at time.Time) error {
	queue := r.queueOf[args.Kind()]
	ctx, span := startInsert(ctx, args.Kind(), queue)
	_, err := r.inserts.InsertTx(ctx, tx.SQL(), args, &river.InsertOpts{
		Queue: queue, MaxAttempts: jobAttempts, ScheduledAt: at, Metadata: metadata(ctx),
		UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: waiting},
	})
	span.End(err)
	if err != nil {
		return fmt.Errorf("jobs: insert a %s: %w", args.Kind(), err)
	}
	return nil
}
