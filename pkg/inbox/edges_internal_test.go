package inbox

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// Proves that a time that the database could not store is replaced by the time of receipt. Times of the years 1970 to
// 9999 are kept.
func TestRowOfAnEvent(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 3, 1, 0, 0, 0, 0, time.UTC)
	for at, kept := range map[time.Time]bool{
		time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC): true, time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC): false,
		time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC): true, time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC): false,
	} {
		row := toRowEvent(stripegw.Event{ID: "evt_1", Created: at}, now)
		if want := map[bool]time.Time{true: at, false: now}[kept]; !row.CreatedAt.Equal(want) ||
			!row.ReceivedAt.Equal(now) || row.Status != billing.InboxPending {
			t.Errorf("%v: %+v", at, row)
		}
	}
	row := toRowEvent(stripegw.Event{
		ID:         "evt_1",
		Type:       "a.b",
		APIVersion: "v",
		Livemode:   true,
		Created:    now,
		ObjectType: "charge",
		ObjectID:   "ch_1\x00",
		CustomerID: "cus_1",
	}, now)
	if row.ID != "evt_1" || row.Type != "a.b" || row.APIVersion != "v" || !row.Livemode || row.ObjectType != "charge" ||
		strings.Contains(row.ObjectID, "\x00") || row.CustomerID != "cus_1" {
		t.Errorf("%+v", row)
	}
}

// Proves that refusals are logged once a minute, with their number since the last log line: 1 at once, then 3 a minute
// later.
func TestRefusalsAreCounted(t *testing.T) {
	t.Parallel()
	var r refusals
	at := time.Date(2030, 3, 1, 0, 0, 0, 0, time.UTC)
	for n, c := range []struct {
		after time.Duration
		want  int64
	}{
		{0, 1}, {time.Second, 0}, {time.Minute - 1, 0}, {time.Minute, 3}, {2*time.Minute - 1, 0}, {2 * time.Minute, 2},
		{9 * time.Minute, 1},
	} {
		if got := r.take(at.Add(c.after)); got != c.want {
			t.Errorf("%d: %d, want %d", n, got, c.want)
		}
	}
}

// Proves that a refusal counts as the reason for missing events within an hour of it.
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

// Proves that a job fails with the failure that it noted, and with both if it could not note it.
func TestNoting(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		failure, unnoted := errors.New("Stripe is down\x00"), errors.New("no such row")
		var noted string
		err := noting(t.Context(), db, failure, func(_ *store.Tx, why string) error { noted = why; return nil })
		if !errors.Is(err, failure) || err.Error() != failure.Error() || noted != "Stripe is down\uFFFD" {
			t.Errorf("%v, noted %q", err, noted)
		}
		err = noting(t.Context(), db, failure, func(*store.Tx, string) error { return unnoted })
		if !errors.Is(err, failure) || !errors.Is(err, unnoted) {
			t.Errorf("not noted: %v", err)
		}
	})
}

// Proves that the sweeper looks again after at most 10 s, also if a look fails, and that replicas that began together
// drift apart: a pause is up to a fifth shorter. The database is closed, so each look fails and is logged.
func TestSweepPause(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		synctest.Test(t, func(t *testing.T) {
			var looks lookTimes
			in := &Inbox{db: db, log: slog.New(&looks), sweeps: sweepInterval}
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			in.keepSweeping(ctx)
			pauses := map[time.Duration]bool{}
			for n := 1; n < len(looks.at); n++ {
				pause := looks.at[n].Sub(looks.at[n-1])
				if pauses[pause] = true; pause > 10*time.Second || pause < 8*time.Second {
					t.Errorf("pause %d is %s", n, pause)
				}
			}
			if len(looks.at) < 360 || len(pauses) < 2 {
				t.Errorf("%d looks in an hour, with %d different pauses", len(looks.at), len(pauses))
			}
		})
	})
}

// lookTimes is a log that remembers when the sweeper logged that a look failed.
type lookTimes struct {
	slog.Handler
	at []time.Time
}

func (*lookTimes) Enabled(context.Context, slog.Level) bool { return true }

func (l *lookTimes) Handle(_ context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, "the search for events that wait too long failed") {
		l.at = append(l.at, r.Time)
	}
	return nil
}
