package account

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/token"
	"github.com/pointsync/pointsync/pkg/trace"
)

const (
	maxFollowers        = 1000                   // of one process
	maxAccountFollowers = 5                      // of one account at one process
	lookEvery           = 500 * time.Millisecond // the greatest age of a follower's news
	lookPatience        = 5 * time.Second

	// Of what a follower is told at once, the events that are counted.
	longestTold = 24 * time.Hour
	maxTold     = 100
)

// watches holds the followers of accounts. While there is a follower, one query each half second reads the versions of
// all followed accounts from the database. So a follower sees a change no matter which replica made it, on both
// databases, and the change costs its maker nothing. A NOTIFY would take a lock on the whole database at each spend's
// commit.
type watches struct {
	look func(context.Context, []billing.LoginKey) (map[billing.SessionID]billing.LoginState, error)
	now  func() time.Time

	// mu guards the fields below and the changing fields of a Watch. It is held for moments, never during a query.
	mu   sync.Mutex
	open []*Watch           // the oldest first
	stop context.CancelFunc // ends the look at the database; nil while there is no follower
}

func newWatches(
	look func(context.Context, []billing.LoginKey) (map[billing.SessionID]billing.LoginState, error),
	now func() time.Time,
) *watches {
	return &watches{look: look, now: now}
}

// Watch is one follower of one account, by one login.
type Watch struct {
	// News has a signal if the account's version differs from the one given to Told, if the login has ended, or if a
	// newer follower has taken the place. It holds one signal: a slow follower misses versions and never has a queue.
	News <-chan struct{}

	of       *watches
	who      token.Claims
	from     string // the address, as addressOf returns it
	news     chan struct{}
	sent     int64
	synced   *time.Time // when a sync was last applied, of the account that was sent
	due      time.Time  // the next expiry that was signalled last
	ended    bool
	replaced bool
}

// Follow watches the caller's account until Close, or until a newer follower takes the place: join says when. Call
// RequireLogin first, as before every request, because a login that has ended must not take another one's place. If the
// login ends after that, the first look at the database ends the watch. Errors: ETooMany.
func (s *Service) Follow(ctx context.Context, c token.Claims) (*Watch, error) {
	return s.watches.join(c, addressOf(ctx))
}

// Followers returns the number of followers at this process.
func (s *Service) Followers() int {
	s.watches.mu.Lock()
	defer s.watches.mu.Unlock()
	return len(s.watches.open)
}

// Told records that an account was sent to the follower, and counts the events whose changes it was told by that. For
// example, version 7 was sent before, and 9 is now. A sync that was applied in between, and left version 8 or 9, closed
// an event that came in 0.4 s ago: one event was told after 0.4 s. A sync that changed nothing has told nothing,
// unless something else changed the account just before it.
func (s *Service) Told(ctx context.Context, w *Watch, a billing.Account) {
	before, synced := w.mark(a)
	if s.metrics == nil || before == 0 || !synced {
		return
	}
	now := s.db.Now()
	received, err := s.db.EventsTold(ctx, a.ID, before, a.Version, now.Add(-longestTold), maxTold)
	if err != nil {
		return // the follower has what it needs
	}
	s.traceTold(ctx, a.ID, received)
	for _, e := range received {
		s.metrics.EventTold(now.Sub(e.ReceivedAt))
	}
}

// traceTold adds to the trace of the first event that an open stream was told of it. The span links to the other
// events.
func (s *Service) traceTold(ctx context.Context, id billing.AccountID, events []store.ToldEvent) {
	events = slices.DeleteFunc(slices.Clone(events), func(e store.ToldEvent) bool { return e.Origin == "" })
	if len(events) == 0 {
		return
	}
	_, span := s.tracer.Begin(ctx, "tell the stream", trace.Internal, events[0].Origin)
	span.Text("pointsync.account.id", string(id))
	for _, e := range events[1:] {
		span.Link(e.Origin)
	}
	span.End(nil)
}

// mark records that an account was sent. It returns the version that was sent before, 0 if none was, and reports
// whether a sync was applied since then.
func (w *Watch) mark(a billing.Account) (before int64, synced bool) {
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	before, synced = w.sent, !billing.SameTime(w.synced, a.Sync.LastSyncedAt)
	w.sent, w.synced = a.Version, a.Sync.LastSyncedAt
	return before, synced
}

// Ended reports whether the login was revoked or has expired.
func (w *Watch) Ended() bool {
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	return w.ended
}

// Replaced reports whether a newer follower took the place of this one.
func (w *Watch) Replaced() bool {
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	return w.replaced
}

// Close ends the watch. After the last Close, the database is no longer queried.
func (w *Watch) Close() {
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	w.of.remove(w)
}

// remove removes a follower, unless it was removed before. The caller holds mu.
func (s *watches) remove(w *Watch) {
	at := slices.Index(s.open, w)
	if at < 0 {
		return
	}
	s.open = slices.Delete(s.open, at, at+1)
	if len(s.open) == 0 {
		s.stop()
		s.stop = nil
	}
}

// join adds a follower. An account that has maxAccountFollowers loses its oldest one: phones that vanished must not
// lock their owner out until their streams end. Errors: ETooMany if the process is full and no one has more followers
// than the newcomer.
func (s *watches) join(c token.Claims, from string) (*Watch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	news := make(chan struct{}, 1)
	w := &Watch{News: news, of: s, who: c, from: from, news: news}
	place, err := s.placeFor(w)
	if err != nil {
		return nil, err
	}
	s.open = append(s.open, w) // before the other one leaves, so that the look goes on
	if place != nil {
		place.replaced = true
		place.signal()
		s.remove(place)
	}
	if s.stop == nil {
		ctx, stop := context.WithCancel(context.Background())
		s.stop = stop
		go s.run(ctx)
	}
	return w, nil
}

// placeFor returns the follower whose place a new one takes, or nil if there is room. If the process is full, it is the
// oldest one of the address with the most followers, and there of the account with the most. So a thousand free
// accounts at one address, or one account everywhere, cannot keep others out. The caller holds mu. Errors: ETooMany.
func (s *watches) placeFor(w *Watch) (*Watch, error) {
	addresses, accounts := map[string]int{w.from: 1}, map[billing.AccountID]int{w.who.Account: 1}
	for _, other := range s.open {
		addresses[other.from]++
		accounts[other.who.Account]++
	}
	byShare := func(a, b *Watch) int {
		return cmp.Or(
			cmp.Compare(addresses[a.from], addresses[b.from]),
			cmp.Compare(accounts[a.who.Account], accounts[b.who.Account]),
		)
	}
	switch {
	case accounts[w.who.Account] > maxAccountFollowers:
		return s.open[slices.IndexFunc(s.open, func(o *Watch) bool { return o.who.Account == w.who.Account })], nil
	case len(s.open) < maxFollowers:
		return nil, nil
	}
	if largest := slices.MaxFunc(s.open, byShare); byShare(largest, w) > 0 { // the first of several, so the oldest
		return largest, nil
	}
	return nil, &billing.Error{
		Code:       billing.ETooMany,
		Message:    "Too many sessions are followed at this server. Try again.",
		RetryAfter: 5 * time.Second,
	}
}

// signal tells the follower to look, unless it has been told already.
func (w *Watch) signal() {
	select {
	case w.news <- struct{}{}:
	default:
	}
}

// run looks until the last follower has left. A follower who joins after that starts a new run.
func (s *watches) run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.lookAtAll(ctx)
		}
	}
}

// lookAtAll signals every follower for whom there is news. If the database does not reply, no one is signalled: the
// next look is soon.
func (s *watches) lookAtAll(ctx context.Context) {
	followers, logins := s.followers()
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	states, err := s.look(ctx, logins)
	if err != nil {
		return
	}
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range followers {
		state := states[w.who.Login]
		w.ended = !state.Lives(now)
		// Expired points are settled by a later read of the account, not here. One signal is enough: overdue points
		// wait for a sync.
		due := state.NextExpiry != nil && !state.NextExpiry.After(now) && !state.NextExpiry.Equal(w.due)
		if due {
			w.due = *state.NextExpiry
		}
		if w.ended || state.Version != w.sent || due {
			w.signal()
		}
	}
}

// followers returns all followers, and each of their logins once.
func (s *watches) followers() (all []*Watch, logins []billing.LoginKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[billing.LoginKey]bool{}
	for _, w := range s.open {
		all = append(all, w)
		if key := (billing.LoginKey{Account: w.who.Account, ID: w.who.Login}); !seen[key] {
			seen[key] = true
			logins = append(logins, key)
		}
	}
	return all, logins
}
