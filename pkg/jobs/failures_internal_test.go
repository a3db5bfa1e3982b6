package jobs

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/riverqueue/river/rivertype"
)

// Proves how long a failed job waits: between half of 1, 2, 4 … seconds and the whole, and never more than a minute.
func TestBackoff(t *testing.T) {
	t.Parallel()
	for failures, most := range map[int]time.Duration{
		0: time.Second, 1: 2 * time.Second, 5: 32 * time.Second, 6: time.Minute, 7: time.Minute, 200: time.Minute,
	} {
		for range 20 {
			before := time.Now()
			at := backoff{}.NextRetry(&rivertype.JobRow{Errors: make([]rivertype.AttemptError, failures)})
			if least := before.Add(most / 2); at.Before(least) || at.After(time.Now().Add(most)) {
				t.Errorf("after %d failures it waits for %s", failures, at.Sub(before))
			}
		}
	}
}

// Proves that an error that the queue could not store is stored as a text that it can, and is still the same error.
func TestStorableErrors(t *testing.T) {
	t.Parallel()
	cause := errors.New("a\x00b")
	long := errors.New(strings.Repeat("x", maxErrorText+1))
	fine := errors.New("fine")
	for _, c := range []struct {
		err  error
		same bool
	}{{nil, true}, {fine, true}, {cause, false}, {long, false}} {
		got := (&storableErrors{}).Work(t.Context(), nil, func(context.Context) error { return c.err })
		same := got == c.err //nolint:errorlint // it must be the very same error
		if !errors.Is(got, c.err) || same != c.same ||
			got != nil && (strings.Contains(got.Error(), "\x00") || len(got.Error()) > maxErrorText) {
			t.Errorf("%.20v became %.20v", c.err, got)
		}
	}
}

// Proves that the queue's own log lines reach ours if a person may have to act: those at warning level and above, if
// our log accepts that level.
func TestQuiet(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	for least, want := range map[slog.Level]map[slog.Level]bool{
		slog.LevelDebug: {slog.LevelInfo: false, slog.LevelWarn: true, slog.LevelError: true},
		slog.LevelError: {slog.LevelInfo: false, slog.LevelWarn: false, slog.LevelError: true},
	} {
		q := quiet{slog.NewTextHandler(&out, &slog.HandlerOptions{Level: least})}
		for level, heard := range want {
			if q.Enabled(t.Context(), level) != heard {
				t.Errorf("%s in a log from %s on: %v", level, least, !heard)
			}
		}
	}
}
