package account

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// lane is where a caller waits for a turn at hashing. A lane gets a turn only if no one waits in those before it. So
// who tries many passwords waits for those who log in. Within a lane the newest goes first, and if it is full, the
// oldest has to leave: when many come at once, a person who comes between them need not wait for all of them.
type lane int

const (
	// laneProven is for who has shown something before: a login from the same address, or a token.
	laneProven lane = iota
	// laneFresh is for what there was no attempt of lately: not from the address, and not at the account.
	laneFresh
	laneOther
	lanes
)

const (
	// maxHashers limits how many passwords are hashed at once, and with it the memory: 19 MiB each.
	maxHashers = 4
	// maxWaiting limits how many wait in a lane.
	maxWaiting = 64
	// hashPatience is how long a caller waits for a turn, unless the service is unthrottled.
	hashPatience = 5 * time.Second
	// maxRest limits a rest, so that a server that is slow for another reason does not become slower by it.
	maxRest = 150 * time.Millisecond
)

// rests is how many times as long as a turn of a lane its rest lasts.
var rests = [lanes]time.Duration{laneFresh: 1, laneOther: 3}

// hashers lets few passwords be hashed at once. Hashing takes a core for a while, and Go does not prefer a spend to it.
// So half of the cores are always left. After a turn of laneFresh or laneOther, the turn rests: it may only be taken by
// laneProven. So first logins take at most half of the turns' time, and guesses at most a quarter, while a turn is
// short: up to maxRest, and a third of it for guesses. After longer turns the rest does not grow, so they take more.
type hashers struct {
	mu       sync.Mutex
	free     int
	rested   int                // turns that do not rest, free or not
	waiting  [lanes][]chan bool // the newest last; true is a turn, false is for who has to leave
	patience time.Duration      // 0: a caller waits until its context ends
	began    func()             // called at the beginning of each turn, for tests; nil: nothing
}

func newHashers() *hashers { return hashersOf(min(max(1, runtime.GOMAXPROCS(0)/2), maxHashers)) }

func hashersOf(turns int) *hashers {
	return &hashers{free: turns, rested: turns, patience: hashPatience}
}

// take waits for a turn, which done ends. Errors: ETooMany.
func (h *hashers) take(ctx context.Context, l lane) (done func(), err error) {
	if err := h.wait(ctx, l); err != nil {
		return nil, err
	}
	if h.began != nil {
		h.began()
	}
	begin := time.Now()
	return func() { h.give(l, time.Since(begin)) }, nil
}

func (h *hashers) wait(ctx context.Context, l lane) error {
	turn := h.enter(l)
	if turn == nil {
		return nil
	}
	var late <-chan time.Time
	if h.patience > 0 {
		timer := time.NewTimer(h.patience)
		defer timer.Stop()
		late = timer.C
	}
	err := error(tooManyHashers())
	select {
	case given := <-turn:
		if given {
			return nil
		}
		return err
	case <-ctx.Done():
		err = ctx.Err()
	case <-late:
	}
	if !h.leave(l, turn) && <-turn { // the turn came at the same moment
		h.give(l, 0)
	}
	return err
}

// enter takes a free turn, or enters a lane. It returns nil for a free turn.
func (h *hashers) enter(l lane) chan bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.claim(l) {
		return nil
	}
	if len(h.waiting[l]) >= maxWaiting {
		h.waiting[l][0] <- false
		h.waiting[l] = h.waiting[l][1:]
	}
	turn := make(chan bool, 1)
	h.waiting[l] = append(h.waiting[l], turn)
	return turn
}

// claim takes a turn if one is free for a lane. h.mu is held.
func (h *hashers) claim(l lane) bool {
	if h.free == 0 || rests[l] > 0 && h.rested == 0 {
		return false
	}
	h.free--
	if rests[l] > 0 {
		h.rested--
	}
	return true
}

// full reports whether a lane has no room.
func (h *hashers) full(l lane) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.waiting[l]) >= maxWaiting
}

// leave removes a caller from a lane. It reports whether the caller was still there.
func (h *hashers) leave(l lane, turn chan bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := slices.Index(h.waiting[l], turn)
	if at < 0 {
		return false
	}
	h.waiting[l] = slices.Delete(h.waiting[l], at, at+1)
	return true
}

// give ends a turn of a lane that took some time, lets it rest, and hands it on.
func (h *hashers) give(l lane, took time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.free++
	if rests[l] > 0 {
		time.AfterFunc(min(rests[l]*took, maxRest), h.endRest)
	}
	h.hand()
}

// endRest ends the rest after a turn.
func (h *hashers) endRest() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rested++
	h.hand()
}

// hand gives a turn to the newest one of the first lane that may have one. h.mu is held.
func (h *hashers) hand() {
	for l := range lanes {
		if last := len(h.waiting[l]) - 1; last >= 0 && h.claim(l) {
			h.waiting[l][last] <- true
			h.waiting[l] = h.waiting[l][:last]
			return
		}
	}
}

func tooManyHashers() *billing.Error {
	return &billing.Error{
		Code: billing.ETooMany, Message: "Too many people log in at once. Try again.", RetryAfter: time.Second,
	}
}
