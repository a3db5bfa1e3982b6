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
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// TestHashersAreBounded proves that as many hash at once as there are turns. A caller who waits too long is told when
// to retry, and a caller who leaves stops waiting. The test controls the time, so no one really waits.
func TestHashersAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := hashersOf(2)
		var turns []func()
		for range 2 {
			done, err := h.take(t.Context(), laneFresh)
			must(t, err)
			turns = append(turns, done)
		}
		begin := time.Now()
		var refused *billing.Error
		if _, err := h.take(t.Context(), laneProven); !errors.As(err, &refused) || refused.Code != billing.ETooMany ||
			refused.RetryAfter <= 0 {
			t.Errorf("one too many: %v", err)
		}
		if waited := time.Since(begin); waited != hashPatience {
			t.Errorf("waited %s, want %s", waited, hashPatience)
		}
		gone, leave := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, leave)
		if _, err := h.take(gone, laneProven); !errors.Is(err, context.Canceled) {
			t.Errorf("who leaves: %v", err)
		}
		time.AfterFunc(time.Second, turns[0])
		done, err := h.take(t.Context(), laneProven)
		must(t, err)
		done()
		turns[1]()
		if h.free != 2 || len(slices.Concat(h.waiting[:]...)) != 0 {
			t.Errorf("%d turns are free, %v wait", h.free, h.waiting)
		}
	})
}

// TestUnthrottledHashersWait proves that an unthrottled service refuses no password because its turn comes late.
func TestUnthrottledHashersWait(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, store.SQLite)
	s, err := New(Options{DB: db, Unthrottled: true})
	must(t, err)
	patience := s.hashers.patience
	synctest.Test(t, func(t *testing.T) {
		h := hashersOf(1)
		h.patience = patience
		first, err := h.take(t.Context(), laneProven)
		must(t, err)
		time.AfterFunc(time.Hour, first)
		done, err := h.take(t.Context(), laneOther)
		must(t, err)
		done()
	})
}

// TestLanes proves that those who come later go first, within a lane and if they are in a better one. If a lane is
// full, its oldest leaves at once.
func TestLanes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := hashersOf(1)
		first, err := h.take(t.Context(), laneProven)
		must(t, err)
		type place struct {
			lane lane
			n    int
		}
		var order, want, left []place // only one has a turn at a time
		var all sync.WaitGroup
		for l := lanes - 1; l >= 0; l-- { // the worst first
			for n := range maxWaiting + 1 {
				all.Go(func() {
					switch done, err := h.take(t.Context(), l); {
					case err == nil:
						order = append(order, place{l, n})
						done()
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
		first()
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

// TestTurnsRest proves that a turn rests after a first login as long as it took, and after a guess three times as long,
// at most 150 ms. Neither waits for what comes from a known address, which does not wait for a rest. The test controls
// the time.
func TestTurnsRest(t *testing.T) {
	t.Parallel()
	const hash = 20 * time.Millisecond
	turn := func(t *testing.T, h *hashers, l lane, took time.Duration) {
		t.Helper()
		done, err := h.take(t.Context(), l)
		must(t, err)
		<-time.After(took)
		done()
	}
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			first      lane
			took, rest time.Duration
		}{
			{laneProven, hash, 0}, {laneFresh, hash, hash}, {laneOther, hash, 3 * hash},
			{laneOther, time.Second, maxRest},
		} {
			for l := range lanes {
				h, begin := hashersOf(1), time.Now()
				want := c.took + hash
				if l != laneProven {
					want += c.rest
				}
				turn(t, h, c.first, c.took)
				turn(t, h, l, hash)
				if took := time.Since(begin); took != want {
					t.Errorf("lane %d after lane %d: %s, want %s", l, c.first, took, want)
				}
			}
		}
	})
}
