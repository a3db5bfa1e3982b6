package inbox

import (
	"context"
	"log/slog"
	"time"

	"github.com/riverqueue/river"

	"github.com/pointsync/pointsync/pkg/audit"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
)

const (
	// From one step of a walk over all accounts to the next.
	auditInterval = time.Minute
	driftInterval = time.Minute
)

// oneWaits keeps a second job of the kind from being inserted while one is under way or fails.
var oneWaits = &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByState: waiting}}

// periodicJobs are those that come back for ever. The comparison with Stripe begins a minute after the server did: it may do without.
func periodicJobs(backfillInterval time.Duration) []*river.PeriodicJob {
	atOnce := &river.PeriodicJobOpts{RunOnStart: true}
	jobs := []*river.PeriodicJob{
		river.NewPeriodicJob(river.PeriodicInterval(forgetEvery), func() (river.JobArgs, *river.InsertOpts) { return forgetArgs{}, nil }, atOnce),
		river.NewPeriodicJob(river.PeriodicInterval(holdsInterval), func() (river.JobArgs, *river.InsertOpts) { return holdsArgs{}, nil }, atOnce),
		river.NewPeriodicJob(river.PeriodicInterval(dueInterval), func() (river.JobArgs, *river.InsertOpts) { return lookForDueArgs{}, nil }, atOnce),
		river.NewPeriodicJob(river.PeriodicInterval(expiryInterval), func() (river.JobArgs, *river.InsertOpts) { return lookForExpiredArgs{}, onceOnly }, atOnce),
		river.NewPeriodicJob(river.PeriodicInterval(auditInterval), func() (river.JobArgs, *river.InsertOpts) { return auditArgs{}, oneWaits }, atOnce),
		river.NewPeriodicJob(river.PeriodicInterval(driftInterval), func() (river.JobArgs, *river.InsertOpts) { return driftArgs{}, oneWaits }, nil),
	}
	if backfillInterval > 0 {
		backfill := func() (river.JobArgs, *river.InsertOpts) { return backfillArgs{}, oneWaits }
		jobs = append(jobs, river.NewPeriodicJob(river.PeriodicInterval(backfillInterval), backfill, atOnce))
	}
	return jobs
}

type auditArgs struct{}

func (auditArgs) Kind() string { return "audit" }

type auditWorker struct {
	river.WorkerDefaults[auditArgs]
	db  *store.DB
	log *slog.Logger
}

// Work does one step of the audit.
func (w *auditWorker) Work(ctx context.Context, _ *river.Job[auditArgs]) error {
	return audit.Step(ctx, w.db, audit.AMoment, w.log)
}

type driftArgs struct{}

func (driftArgs) Kind() string { return "drift" }

type driftWorker struct {
	river.WorkerDefaults[driftArgs]
	db     *store.DB
	syncer *reconcile.Syncer
	log    *slog.Logger
}

// Timeout lets a step read all that Stripe has of a customer with many thousands of charges.
func (*driftWorker) Timeout(*river.Job[driftArgs]) time.Duration { return driftTimeout }

// Work does one step of the comparison with Stripe.
func (w *driftWorker) Work(ctx context.Context, _ *river.Job[driftArgs]) error {
	return audit.StepDrift(ctx, w.db, w.syncer, audit.AMoment, w.log)
}
