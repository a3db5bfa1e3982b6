package checkout

import (
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// TestCounted proves which automatic orders count in a month: those made in it, except those that brought nothing.
func TestCounted(t *testing.T) {
	t.Parallel()
	begin := at(0)
	made := func(created time.Time, status billing.OrderStatus) billing.Order {
		return billing.Order{CreatedAt: created, Status: status}
	}
	for n, c := range []struct {
		o    billing.Order
		want int64
	}{
		{made(begin, billing.OrderFulfilled), 1}, {
			made(begin.Add(-1), billing.OrderFulfilled), 0,
		}, {made(begin, billing.OrderFailed), 0},
		{made(begin, billing.OrderExpired), 0}, {made(begin, billing.OrderPending), 1}, {
			made(begin, billing.OrderRefunded), 1,
		},
	} {
		if got := counted([]billing.Order{c.o, c.o}, begin); got != 2*c.want {
			t.Errorf("%d: %d", n, got)
		}
	}
}
