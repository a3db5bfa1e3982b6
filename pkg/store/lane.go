package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/trace"
)

// The limits of a lane.
const (
	maxBatch    = 256  // moves that one transaction takes
	maxShare    = 32   // moves of one account in it, while moves of others wait
	maxWaiting  = 4096 // moves that wait, aside too
	maxOfOne    = 512  // moves of one account that wait
	maxHeldWait = 1500 * time.Millisecond
	maxHeld     = 1024 // accounts whose row others hold
	maxAside    = 3    // of them that are waited for at a time, each on a connection of the lane's own
	batchLimit  = 10 * time.Second
)

// ErrAlone reports that a move was not decided, and must be made in a transaction by itself: InTx.
var ErrAlone = errors.New("store: make this move alone")

// Move is a change of one account's points that shares its transaction with the moves of others.
type Move struct {
	Account billing.AccountID
	Login   billing.SessionID // that must live; "" for none
	Key     string            // the caller's Idempotency-Key; "" for none
	// Decide is called under the account's lock, with the effects of the moves before it. It must be quick, and must
	// not use the database. It may be called on another goroutine, also after the caller's context has ended.
	Decide func(*Turn)
	// Decided is called on the caller's goroutine while the transaction commits, which may still fail. Nil: nothing.
	Decided func()
}

// Turn is what a move sees, and what it does.
type Turn struct {
	Now     time.Time
	Account billing.Account
	Lives   bool           // the login, if the move has one
	Used    *billing.Entry // the entry that the key made before; nil: the key is unused

	after *billing.Account
	entry billing.Entry
	alone bool
}

// Write makes the move: the account as it is then, and the entry that brought it there.
func (t *Turn) Write(after billing.Account, e billing.Entry) { t.after, t.entry = &after, e }

// Alone leaves the move undecided: Move returns ErrAlone.
func (t *Turn) Alone() { t.alone = true }

// lane gathers moves. Idle, a move goes straight: it is a batch of one. While a batch is under way, the moves that come
// wait, and the next batch takes them together. So there is no timer, and the busier the lane is, the less a move
// costs.
//
// A row that someone else holds must not delay the moves of other accounts. A batch waits for it only briefly
// (briefWait). Then it leaves out the accounts that are held, and each of them is waited for on its own, aside.
type lane struct {
	// run makes a batch in one transaction. wait is how long it may wait for a row. It returns the moves whose rows it
	// did not get.
	run func(ctx context.Context, moves []*queued, wait time.Duration) (held []*queued, err error)

	mu      sync.Mutex
	waiting []*queued
	count   map[billing.AccountID]int // all that wait, aside too
	total   int
	running bool
	asides  map[billing.AccountID]*aside
	slots   chan struct{} // one for each account that is waited for
	closed  bool
	drained sync.WaitGroup
}

// aside is an account whose row someone else holds.
type aside struct {
	waiting []*queued
	running bool
	until   time.Time // it is believed to be held until then, although no move waits for it
}

// queued is a move that waits.
type queued struct {
	Move
	since   time.Time
	ctx     context.Context //nolint:containedctx // the caller's, for the one look whether it still waits
	turn    Turn
	decided chan struct{}
	done    chan error
	once    sync.Once
	leads   bool // its caller makes the batch, which is of this move alone
}

func newLane(run func(context.Context, []*queued, time.Duration) ([]*queued, error)) *lane {
	return &lane{
		run: run, count: map[billing.AccountID]int{}, asides: map[billing.AccountID]*aside{},
		slots: make(chan struct{}, maxAside),
	}
}

// Move makes a move together with others, in one transaction. Errors: ErrAlone, EUnavailable (it may have been made,
// unless too many wait or the account's row is held), and that of the context.
func (d *DB) Move(ctx context.Context, m Move) error {
	ctx, span := trace.Start(ctx, "shared transaction", trace.Internal)
	err := d.move(ctx, m)
	if errors.Is(err, ErrAlone) {
		span.End(nil)
	} else {
		span.End(err)
	}
	return err
}

func (d *DB) move(ctx context.Context, m Move) error {
	q := &queued{Move: m, since: time.Now(), ctx: ctx, decided: make(chan struct{}), done: make(chan error, 1)}
	leads, err := d.lane.enter(q)
	if err != nil {
		return err
	}
	if leads {
		d.lane.lead(q)
	}
	select {
	case <-q.decided:
		if m.Decided != nil && !q.turn.alone {
			m.Decided()
		}
	case err := <-q.done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-q.done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-q.done: // both were ready, and what was committed counts
		return err
	default:
		return ctx.Err()
	}
}

// busy returns the error for a move that was not made because too much waits.
func busy(message string) error {
	return &billing.Error{Code: billing.EUnavailable, Message: message, RetryAfter: time.Second}
}

// enter lets a move wait. It reports whether the lane is idle: the move's caller then makes the first batch.
func (l *lane) enter(q *queued) (leads bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return false, busy("The server is stopping. Try again.")
	case l.count[q.Account] >= maxOfOne:
		return false, busy("Too many requests of this account wait. Try again.")
	case l.total >= maxWaiting:
		return false, busy("Too many requests wait. Try again.")
	}
	l.remember(q)
	if a := l.asides[q.Account]; a != nil {
		if a.running || time.Now().Before(a.until) {
			a.waiting = append(a.waiting, q)
			l.startAside(q.Account, a)
			return false, nil
		}
		delete(l.asides, q.Account)
	}
	l.waiting = append(l.waiting, q)
	if l.running {
		return false, nil
	}
	l.running = true
	l.drained.Add(1)
	return true, nil
}

// lead makes the batch of a move that found the lane idle, on its caller's goroutine. What has come since is made on
// another one, so the caller does not wait for it.
func (l *lane) lead(q *queued) {
	defer l.drained.Done()
	batch := l.next()
	q.leads = len(batch) == 1
	held, _ := l.make(batch, briefWait)
	q.leads = false
	l.setAside(held)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		l.running = false
		return
	}
	l.drained.Go(l.loop)
}

// loop makes batches until nothing waits.
func (l *lane) loop() {
	for {
		batch := l.next()
		if batch == nil {
			return
		}
		held, _ := l.make(batch, briefWait)
		l.setAside(held)
	}
}

// next returns the moves of the next batch, or nil if nothing waits. Moves keep their order within an account. Those of
// one account leave room for the others'.
func (l *lane) next() []*queued {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		l.running = false
		l.waiting = nil
		return nil
	}
	var batch, rest []*queued
	shares := map[billing.AccountID]int{}
	for _, q := range l.waiting {
		if len(batch) < maxBatch && shares[q.Account] < maxShare {
			shares[q.Account]++
			batch = append(batch, q)
		} else {
			rest = append(rest, q)
		}
	}
	room := maxBatch - len(batch)
	if room > 0 && len(rest) > 0 { // no other account waits for it
		n := min(room, len(rest))
		batch, rest = append(batch, rest[:n]...), rest[n:]
	}
	l.waiting = rest
	for _, q := range batch {
		l.forget(q)
	}
	return batch
}

// remember counts a move that waits.
func (l *lane) remember(q *queued) {
	l.total++
	l.count[q.Account]++
}

// forget stops counting a move that waited.
func (l *lane) forget(q *queued) {
	l.total--
	if l.count[q.Account]--; l.count[q.Account] == 0 {
		delete(l.count, q.Account)
	}
}

// make makes a batch, and tells each caller. It returns the moves whose rows others hold, and whether it was committed.
func (l *lane) make(batch []*queued, wait time.Duration) (held []*queued, committed bool) {
	ctx, cancel := context.WithTimeout(context.Background(), batchLimit)
	defer cancel()
	live := batch[:0]
	for _, q := range batch {
		if q.ctx.Err() != nil { // its caller has gone
			q.done <- q.ctx.Err()
			continue
		}
		live = append(live, q)
	}
	if len(live) == 0 {
		return nil, false
	}
	held, err := l.runSafely(ctx, live, wait)
	skipped := map[*queued]bool{}
	for _, q := range held {
		skipped[q] = true
	}
	for _, q := range live {
		switch {
		case skipped[q]:
		case err == nil && q.turn.alone:
			q.done <- ErrAlone
		default:
			q.done <- err
		}
	}
	return held, err == nil
}

// runSafely returns a panic as an error. The lane must go on after it, or all later moves would wait for ever.
func (l *lane) runSafely(ctx context.Context, moves []*queued, wait time.Duration) (held []*queued, err error) {
	defer func() {
		if r := recover(); r != nil {
			held, err = nil, fmt.Errorf("store: a batch panicked: %v", r)
		}
	}()
	return l.run(ctx, moves, wait)
}

// decide lets each move decide, in order. Moves of one account see the effects of those before them.
func decide(moves []*queued, s *laneState) {
	for _, q := range moves {
		a, ok := s.accounts[q.Account]
		if !ok || q.ctx.Err() != nil { // it does not exist, or its caller has gone while the batch waited for a row
			q.turn = Turn{alone: true}
			continue
		}
		key := laneKey{q.Account, q.Key}
		q.turn = Turn{Now: s.now, Account: a, Used: s.used[key]}
		q.turn.Lives = q.Login != "" && s.lives[billing.LoginKey{Account: q.Account, ID: q.Login}]
		q.decide()
		if q.turn.after != nil {
			s.accounts[q.Account] = *q.turn.after
			if q.Key != "" {
				s.used[key] = &q.turn.entry
			}
		}
	}
}

// decide lets the move decide. One that panics must not end the batch, and the server with it. Made alone, it panics on
// its caller's goroutine.
func (q *queued) decide() {
	defer func() {
		if recover() != nil {
			q.turn = Turn{alone: true}
		}
	}()
	q.Decide(&q.turn)
}

// tell tells the callers that their moves are decided. A caller who makes the batch prepares the response at once.
func tell(moves []*queued) {
	for _, q := range moves {
		q.once.Do(func() {
			if q.leads && q.turn.after != nil {
				q.prepare()
				return
			}
			close(q.decided)
		})
	}
}

// prepare calls Decided. A panic of it must not end the batch. The response is then prepared later, and panics there.
func (q *queued) prepare() {
	defer func() { _ = recover() }()
	if q.Decided != nil {
		q.Decided()
	}
}

// laneKey is an Idempotency-Key of an account.
type laneKey struct {
	account billing.AccountID
	key     string
}

// laneState is what a batch has read under the locks of its accounts.
type laneState struct {
	now      time.Time
	accounts map[billing.AccountID]billing.Account
	used     map[laneKey]*billing.Entry
	lives    map[billing.LoginKey]bool
	wanted   string // the types of events that endpoints want
}

// close refuses new moves, and waits until those that wait are made.
func (l *lane) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.drained.Wait()
}
