package billing_test

import (
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// Proves that a window contains its first moment and not its last, and that a nil window contains nothing.
func TestWindowContains(t *testing.T) {
	t.Parallel()
	from := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	w := &billing.Window{From: from, Until: from.Add(time.Hour)}
	for at, want := range map[time.Time]bool{
		from.Add(-1): false, from: true, from.Add(time.Hour - 1): true, from.Add(time.Hour): false,
		from.In(time.FixedZone("", 3600)): true,
	} {
		if got := w.Contains(at); got != want {
			t.Errorf("%v: %v, want %v", at, got, want)
		}
	}
	if (*billing.Window)(nil).Contains(from) {
		t.Error("no window contains something")
	}
}

// Proves which orders a sync still reads, and which subscriptions prevent a second one.
func TestStates(t *testing.T) {
	t.Parallel()
	for status, final := range map[billing.OrderStatus]bool{
		billing.OrderPending: false, billing.OrderPaid: false, billing.OrderFulfilled: true, billing.OrderExpired: true,
		billing.OrderFailed: true, billing.OrderRefunded: true,
	} {
		if status.Final() != final {
			t.Errorf("%s: final is %v", status, !final)
		}
	}
	for status, live := range map[billing.SubscriptionStatus]bool{
		billing.SubIncomplete: false, billing.SubIncompleteExpired: false, billing.SubTrialing: true,
		billing.SubActive:  true,
		billing.SubPastDue: true, billing.SubCanceled: false, billing.SubUnpaid: true, billing.SubPaused: true,
	} {
		if status.Live() != live {
			t.Errorf("%s: live is %v", status, !live)
		}
	}
}
