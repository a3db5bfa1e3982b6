package audit

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/store"
)

// Wait waits between two looks at one thing. It returns an error if the context ends first.
type Wait func(ctx context.Context) error

// secondLook is how long the walks wait before they believe what they found. By then a sync, a job or an event that was
// under way has ended, even if someone moved the clock by a month. A step with both looks stays below a job's timeout.
const secondLook = 12 * time.Second

// AMoment is the Wait of a running server and of the operator's commands.
func AMoment(ctx context.Context) error { return jobs.Pause(ctx, secondLook) }

// Twice calls Next, and if that finds something, calls it again after a while. What both looks found is broken; the
// rest was under way. Errors: the database's, and the context's.
func Twice(ctx context.Context, db *store.DB, after billing.AccountID, limit int, again Wait) (Batch, error) {
	first, err := Next(ctx, db, after, limit)
	if err != nil || len(first.Violations) == 0 {
		return first, err
	}
	if err := again(ctx); err != nil {
		return Batch{}, err
	}
	second, err := Next(ctx, db, after, limit)
	first.Violations = both(
		first.Violations, second.Violations, func(v billing.Violation) billing.Violation { v.Detail = ""; return v },
	)
	return first, err
}

// both returns the elements of the second list whose key is in the first list too.
func both[T any, K comparable](first, second []T, key func(T) K) (in []T) {
	seen := map[K]bool{}
	for _, f := range first {
		seen[key(f)] = true
	}
	for _, s := range second {
		if seen[key(s)] {
			in = append(in, s)
		}
	}
	return in
}
