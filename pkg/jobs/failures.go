package jobs

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/pointsync/pointsync/pkg/billing"
)

const (
	jobAttempts  = 6  // of a job that somebody enqueued: about half a minute, then a look finds what is left to do
	walkAttempts = 50 // of a look that is alone: no other one is begun before it is over
	maxBackoff   = time.Minute
	maxErrorText = 10_000
)

// backoff retries after 1, 2, 4 … seconds, a minute at the most: a sync is cheap, and somebody waits for it.
type backoff struct{}

// NextRetry returns when a job that failed is tried again.
func (backoff) NextRetry(job *rivertype.JobRow) time.Time {
	wait := min(time.Second<<min(len(job.Errors), 6), maxBackoff)
	return time.Now().Add(wait/2 + rand.N(wait/2+1)) // the queue's clock is the machine's, also where ours is moved
}

// storableErrors lets the queue keep what a job failed with: its column refuses an error with a NUL in it, and the job
// would stay *running* until it is rescued.
type storableErrors struct{ river.MiddlewareDefaults }

// Work does the job and returns its error in a form that can be stored.
func (*storableErrors) Work(ctx context.Context, _ *rivertype.JobRow, work func(context.Context) error) error {
	err := work(ctx)
	if err == nil {
		return nil
	}
	if text := billing.Storable(err.Error(), maxErrorText); text != err.Error() {
		return storableError{text, err}
	}
	return err
}

type storableError struct {
	text  string
	cause error
}

func (e storableError) Error() string { return e.text }
func (e storableError) Unwrap() error { return e.cause }

// quiet lets only what needs a person through: the queue logs its every start and stop.
type quiet struct{ slog.Handler }

// Enabled reports whether a record is logged.
func (q quiet) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && q.Handler.Enabled(ctx, l)
}
