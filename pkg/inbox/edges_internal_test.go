package inbox

import (
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
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
