package inbox

import (
	"context"
	"log/slog"
	"time"

	"github.com/riverqueue/river"

	"github.com/pointsync/pointsync/pkg/audit"
	"github.com/pointsync/pointsync/pkg/store"
)

// auditInterval is from one step of the audit's walk to the next.
const auditInterval = time.Minute

// oneWaits keeps a second job of the kind from being inserted while one is under way or fails.
var oneWaits = &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByState: waiting}}

// periodic makes a job come back for ever, from the start on.
func periodic(every time.Duration, args river.JobArgs, opts *river.InsertOpts) *river.PeriodicJob {
	return river.NewPeriodicJob(river.PeriodicInterval(every), func() (river.JobArgs, *river.InsertOpts) { return args, opts },
		&river.PeriodicJobOpts{RunOnStart: true})
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
	return audit.Step(ctx, w.db, w.log)
}
