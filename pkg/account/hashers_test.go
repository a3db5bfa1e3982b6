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

// TestLanes proves that those who come later go first if they are in a better lane, that each lane has its own room,
// and that one that is full refuses at once.
func TestLanes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &hashers{}
		var order []lane // of the turns; only one is out at a time
		var all sync.WaitGroup
		for l := lanes - 1; l >= 0; l-- { // the worst first
			for range maxWaiting {
				all.Go(func() {
					if err := h.take(t.Context(), l); err != nil {
						t.Error(err)
						return
					}
					order = append(order, l)
					h.give()
				})
			}
		}
		synctest.Wait()
		for l := range lanes {
			begin := time.Now()
			if err := h.take(t.Context(), l); billing.CodeOf(err) != billing.ETooMany || time.Now() != begin {
				t.Errorf("a full lane: %v", err)
			}
		}
		h.give()
		all.Wait()
		if len(order) != int(lanes)*maxWaiting || !slices.IsSorted(order) {
			t.Errorf("turns: %v", order)
		}
	})
}
