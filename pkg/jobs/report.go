package jobs

import (
	"context"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// Failed is a job that failed and will be retried, or was given up. Its arguments are left out: they may hold an
// address.
type Failed struct {
	Kind, Queue, State   string
	Attempt, MaxAttempts int
	CreatedAt            time.Time  // by the machine's clock
	NextAt               *time.Time // nil: it was given up
	Error                string     // of the last attempt
}

// Failed lists the jobs that failed, the newest first.
func (r *Runner) Failed(ctx context.Context, limit int) ([]Failed, error) {
	list, err := r.inserts.JobList(ctx, river.NewJobListParams().First(limit).
		States(rivertype.JobStateRetryable, rivertype.JobStateDiscarded).
		OrderBy(river.JobListOrderByID, river.SortOrderDesc))
	if err != nil {
		return nil, fmt.Errorf("jobs: list the failed ones: %w", err)
	}
	found := make([]Failed, len(list.Jobs))
	for i, j := range list.Jobs {
		found[i] = Failed{
			Kind: j.Kind, Queue: j.Queue, State: string(j.State), Attempt: j.Attempt, MaxAttempts: j.MaxAttempts,
			CreatedAt: j.CreatedAt,
		}
		if j.State == rivertype.JobStateRetryable {
			found[i].NextAt = &j.ScheduledAt
		}
		if n := len(j.Errors); n > 0 {
			found[i].Error = j.Errors[n-1].Error
		}
	}
	return found, nil
}
