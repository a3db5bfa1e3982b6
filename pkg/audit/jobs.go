package audit

import (
	"context"
	"log/slog"
	"time"

	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
)

const (
	// The time from one step of a walk over all accounts to the next.
	auditInterval = time.Minute
	driftInterval = time.Minute
	// driftTimeout lets a step read everything that Stripe has of a customer with many thousands of charges. Comparing
	// one account may take 5 minutes.
	driftTimeout = 6 * time.Minute
)

// RegisterJobs registers the two walks over all accounts. The comparison with Stripe begins a minute after the server,
// because a server that starts does not need it yet.
func RegisterJobs(r *jobs.Runner, db *store.DB, syncer *reconcile.Syncer, log *slog.Logger) {
	r.Look(jobs.Look{
		Kind: "audit", Every: auditInterval, Alone: true,
		Do: func(ctx context.Context) error { return Step(ctx, db, AMoment, log) },
	})
	r.Look(jobs.Look{
		Kind: "drift", Every: driftInterval, Alone: true, Later: true, Timeout: driftTimeout,
		Do: func(ctx context.Context) error { return StepDrift(ctx, db, syncer, AMoment, log) },
	})
}
