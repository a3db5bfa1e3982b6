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
	jobAttempts  = 6  // of an enqueued job: about half a minute, then a look finds what is left to do
	walkAttempts = 50 // of a look that is Alone: no other one begins before it is over
	maxBackoff   = time.Minute
	maxErrorText = 10_000
)

// backoff retries after 1, 2, 4 … seconds, a minute at most: a sync is cheap, and someone waits for it.
type backoff struct{}

// NextRetry returns when a failed job is retried.
func (backoff) NextRetry(job *rivertype.JobRow) time.Time {
	wait := min(time.Second<<min(len(job.Errors), 6), maxBackoff)
	return time.Now().Add(wait/2 + rand.N(wait/2+1)) // the queue uses the machine's clock, even if ours is moved
}

// storableErrors lets the queue store why a job failed. The queue's column refuses an error with a NUL in it, and then
// the job would stay *running* until it is rescued.
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

// quiet passes on only what needs a person. The queue itself logs every start and stop.
type quiet struct{ slog.Handler }

// Enabled reports whether a record is logged.
func (q quiet) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && q.Handler.Enabled(ctx, l)
}
