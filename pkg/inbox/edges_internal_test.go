package inbox

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/riverqueue/river/rivertype"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// Proves that a time which the database could not keep is that of the receipt: those of the years 1970 to 9999 are kept.
func TestRowOfAnEvent(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 3, 1, 0, 0, 0, 0, time.UTC)
	for at, kept := range map[time.Time]bool{
		time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC): true, time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC): false,
		time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC): true, time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC): false,
	} {
		row := toRowEvent(stripegw.Event{ID: "evt_1", Created: at}, now)
		if want := map[bool]time.Time{true: at, false: now}[kept]; !row.CreatedAt.Equal(want) || !row.ReceivedAt.Equal(now) || row.Status != billing.InboxPending {
			t.Errorf("%v: %+v", at, row)
		}
	}
	row := toRowEvent(stripegw.Event{
		ID: "evt_1", Type: "a.b", APIVersion: "v", Livemode: true, Created: now, ObjectType: "charge", ObjectID: "ch_1\x00", CustomerID: "cus_1",
	}, now)
	if row.ID != "evt_1" || row.Type != "a.b" || row.APIVersion != "v" || !row.Livemode || row.ObjectType != "charge" || strings.Contains(row.ObjectID, "\x00") || row.CustomerID != "cus_1" {
		t.Errorf("%+v", row)
	}
}

// Proves that refusals are told once a minute, with how many there were since: 1 at once, then 3 a minute later.
func TestRefusalsAreCounted(t *testing.T) {
	t.Parallel()
	var r refusals
	at := time.Date(2030, 3, 1, 0, 0, 0, 0, time.UTC)
	for n, c := range []struct {
		after time.Duration
		want  int64
	}{{0, 1}, {time.Second, 0}, {time.Minute - 1, 0}, {time.Minute, 3}, {2*time.Minute - 1, 0}, {2 * time.Minute, 2}, {9 * time.Minute, 1}} {
		if got := r.take(at.Add(c.after)); got != c.want {
			t.Errorf("%d: %d, want %d", n, got, c.want)
		}
	}
}

// Proves that a refusal is the reason for what is missing within an hour of it.
func TestRefusedLately(t *testing.T) {
	t.Parallel()
	at := time.Date(2030, 3, 1, 0, 0, 0, 0, time.UTC)
	for after, want := range map[time.Duration]bool{0: true, time.Hour - 1: true, time.Hour: false} {
		if got := refusedLately(billing.EventWalk{RefusedAt: &at}, at.Add(after)); got != want {
			t.Errorf("%s: %v", after, got)
		}
	}
	if refusedLately(billing.EventWalk{}, at) {
		t.Error("nothing was refused")
	}
}

// Proves how long a job waits that failed: half of 1, 2, 4 … seconds at least and the whole at most, and never more than a minute.
func TestBackoff(t *testing.T) {
	t.Parallel()
	for failures, most := range map[int]time.Duration{0: time.Second, 1: 2 * time.Second, 5: 32 * time.Second, 6: time.Minute, 7: time.Minute, 200: time.Minute} {
		for range 20 {
			before := time.Now()
			at := backoff{}.NextRetry(&rivertype.JobRow{Errors: make([]rivertype.AttemptError, failures)})
			if least := before.Add(most / 2); at.Before(least) || at.After(time.Now().Add(most)) {
				t.Errorf("after %d failures it waits for %s", failures, at.Sub(before))
			}
		}
	}
}

// Proves that an error which the queue could not keep is kept as a text that it can, and is still the same error.
func TestStorableErrors(t *testing.T) {
	t.Parallel()
	cause := errors.New("a\x00b")
	long := errors.New(strings.Repeat("x", maxJobErrorText+1))
	fine := errors.New("fine")
	for _, c := range []struct {
		err  error
		same bool
	}{{nil, true}, {fine, true}, {cause, false}, {long, false}} {
		got := (&storableErrors{}).Work(t.Context(), nil, func(context.Context) error { return c.err })
		if !errors.Is(got, c.err) || (got == c.err) != c.same || got != nil && (strings.Contains(got.Error(), "\x00") || len(got.Error()) > maxJobErrorText) {
			t.Errorf("%.20v became %.20v", c.err, got)
		}
	}
}

// Proves that the queue's own remarks are heard where they need a person: from a warning on, as far as the log takes it.
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
