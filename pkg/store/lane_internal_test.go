package store

import (
	"context"
	"testing"
	"time"
)

// Proves that an account goes on counting as held if the callers that waited for its row leave. Otherwise the next move
// would delay the batches of all others once more.
func TestHeldWhenCallersLeave(t *testing.T) {
	t.Parallel()
	ctx, leave := context.WithCancel(t.Context())
	waits := 0
	l := newLane(func(_ context.Context, moves []*queued, _ time.Duration) ([]*queued, error) {
		if waits++; waits == 3 { // in vain in the batch, in vain aside, and then the caller leaves
			leave()
		}
		return moves, nil
	})
	q := &queued{
		Move: Move{Account: "acc_held"}, since: time.Now(), ctx: ctx, decided: make(chan struct{}),
		done: make(chan error, 1),
	}
	if leads, err := l.enter(q); err != nil || !leads {
		t.Fatalf("an idle lane: %t, %v", leads, err)
	}
	l.lead(q)
	l.drained.Wait()
	if err := <-q.done; err == nil {
		t.Error("a move whose row was never there was made")
	}
	if a := l.asides["acc_held"]; a == nil || !time.Now().Before(a.until) {
		t.Error("the account counts as free")
	}
}
