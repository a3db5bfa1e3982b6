package account

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// TestHashersAreBounded proves that as many hash at once as there are turns. A caller who waits too long is told when
// to retry, and a caller who leaves stops waiting. The test controls the time, so no one really waits.
func TestHashersAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &hashers{free: 2}
		for range 2 {
			must(t, h.take(t.Context(), laneOther))
		}
		begin := time.Now()
		var refused *billing.Error
		if err := h.take(t.Context(), laneProven); !errors.As(err, &refused) || refused.Code != billing.ETooMany ||
			refused.RetryAfter <= 0 {
			t.Errorf("one too many: %v", err)
		}
		if waited := time.Since(begin); waited != hashPatience {
			t.Errorf("waited %s, want %s", waited, hashPatience)
		}
		gone, leave := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, leave)
		if err := h.take(gone, laneProven); !errors.Is(err, context.Canceled) {
			t.Errorf("who leaves: %v", err)
		}
		time.AfterFunc(time.Second, h.give)
		must(t, h.take(t.Context(), laneProven))
		h.give()
		h.give()
		if h.free != 2 || len(slices.Concat(h.waiting[:]...)) != 0 {
			t.Errorf("%d turns are free, %v wait", h.free, h.waiting)
		}
	})
}

// TestLanes proves that those who come later go first, within a lane and if they are in a better one. If a lane is
// full, its oldest leaves at once.
func TestLanes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &hashers{}
		type place struct {
			lane lane
			n    int
		}
		var order, want, left []place // only one has a turn at a time
		var all sync.WaitGroup
		for l := lanes - 1; l >= 0; l-- { // the worst first
			for n := range maxWaiting + 1 {
				all.Go(func() {
					switch err := h.take(t.Context(), l); {
					case err == nil:
						order = append(order, place{l, n})
						h.give()
					case billing.CodeOf(err) == billing.ETooMany:
						left = append(left, place{l, n})
					default:
						t.Error(err)
					}
				})
				synctest.Wait()
			}
		}
		if !slices.Equal(left, []place{{laneOther, 0}, {laneFresh, 0}, {laneProven, 0}}) {
			t.Errorf("who left: %v", left)
		}
		h.give()
		all.Wait()
		for l := range lanes {
			for n := maxWaiting; n > 0; n-- {
				want = append(want, place{l, n})
			}
		}
		if !slices.Equal(order, want) {
			t.Errorf("turns: %v", order)
		}
	})
}
