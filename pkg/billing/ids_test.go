package billing_test

import (
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// Proves that ids have the form that the contract promises and sort by the time of their creation, to the millisecond.
func TestIDs(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[a-z]{3}_[0-9a-hjkmnp-tv-z]{26}$`)
	times := []time.Time{
		time.UnixMilli(0), time.UnixMilli(1), time.UnixMilli(31), time.UnixMilli(32), time.UnixMilli(1 << 40),
	}
	for at := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC); len(times) < 2000; at = at.Add(time.Millisecond) {
		times = append(times, at)
	}
	var ids []billing.EntryID
	for _, at := range times {
		ids = append(ids, billing.NewEntryID(at))
		if id := ids[len(ids)-1]; !form.MatchString(string(id)) {
			t.Errorf("%s is not of the form %s", id, form)
		}
	}
	if !slices.IsSorted(ids) {
		t.Error("ids do not sort by time")
	}
	for prefix, id := range map[string]string{
		"acc_": string(
			billing.NewAccountID(times[0]),
		), "ord_": string(billing.NewOrderID(times[0])), "ent_": string(ids[0]),
		"lot_": string(billing.NewLotID(times[0])), "hld_": string(billing.NewHoldID(times[0])), "ses_": string(
			billing.NewSessionID(times[0]),
		), "whk_": string(
			billing.NewWebhookID(times[0]),
		), "msg_": string(billing.NewMessageID(times[0])), "tok_": billing.NewTokenID(times[0]),
	} {
		if id[:4] != prefix || !form.MatchString(id) {
			t.Errorf("got %s, want %s…", id, prefix)
		}
	}
}

// Proves that ids of the same moment differ.
func TestIDsAreUnique(t *testing.T) {
	t.Parallel()
	seen := map[billing.LotID]bool{}
	for range 10_000 {
		seen[billing.NewLotID(time.UnixMilli(0))] = true
	}
	if len(seen) != 10_000 {
		t.Errorf("%d different ids of 10000", len(seen))
	}
}
