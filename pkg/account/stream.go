package account

import (
	"context"
	"sync"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/token"
)

const (
	maxFollowers        = 1000                   // of one process
	maxAccountFollowers = 5                      // of one account at one process
	lookEvery           = 500 * time.Millisecond // the greatest age of a follower's news
	lookPatience        = 5 * time.Second
)

// watches holds the followers of accounts. While there is a follower, one query each half second reads the versions of
// all followed accounts from the database. So a follower sees a change no matter which replica made it, on both
// databases, and the change costs its maker nothing. A NOTIFY would take a lock on the whole database at each spend's
// commit.
type watches struct {
	look func(context.Context, []billing.LoginKey) (map[billing.SessionID]billing.LoginState, error)
	now  func() time.Time

	// mu guards the fields below and the changing fields of a Watch. It is held for moments, never during a query.
	mu       sync.Mutex
	open     map[*Watch]bool
	accounts map[billing.AccountID]int
	stop     context.CancelFunc // ends the look at the database; nil while there is no follower
}

func newWatches(
	look func(context.Context, []billing.LoginKey) (map[billing.SessionID]billing.LoginState, error),
	now func() time.Time,
) *watches {
	return &watches{look: look, now: now, open: map[*Watch]bool{}, accounts: map[billing.AccountID]int{}}
}

// Watch is one follower of one account, by one login.
type Watch struct {
	// News has a signal if the account's version differs from the one given to Tell, or if the login has ended. It
	// holds one signal: a slow follower misses versions and never has a queue.
	News <-chan struct{}

	of    *watches
	who   token.Claims
	news  chan struct{}
	sent  int64
	due   time.Time // the next expiry that was signalled last
	ended bool
}

// Follow watches the caller's account until Close. Errors: EUnauthorized if the login has ended, ETooMany.
func (s *Service) Follow(ctx context.Context, c token.Claims) (*Watch, error) {
	w, err := s.watches.join(c)
	if err != nil {
		return nil, err
	}
	states, err := s.watches.look(ctx, []billing.LoginKey{{Account: c.Account, ID: c.Login}})
	if err == nil && !states[c.Login].Lives(s.db.Now()) {
		err = billing.Errorf(billing.EUnauthorized, "This login has ended. Log in again.")
	}
	if err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// Followers returns the number of followers at this process.
func (s *Service) Followers() int {
	s.watches.mu.Lock()
	defer s.watches.mu.Unlock()
	return len(s.watches.open)
}

// Sent records the version that was sent to the follower.
func (w *Watch) Sent(version int64) {
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	w.sent = version
}

// Ended reports whether the login was revoked or has expired.
func (w *Watch) Ended() bool {
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	return w.ended
}

// Close ends the watch. After the last Close, the database is no longer queried.
func (w *Watch) Close() {
	s := w.of
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.open[w] {
		return
	}
	delete(s.open, w)
	if s.accounts[w.who.Account]--; s.accounts[w.who.Account] == 0 {
		delete(s.accounts, w.who.Account)
	}
	if len(s.open) == 0 {
		s.stop()
	}
}

// join adds a follower. Errors: ETooMany.
func (s *watches) join(c token.Claims) (*Watch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) >= maxFollowers {
		return nil, &billing.Error{
			Code:       billing.ETooMany,
			Message:    "Too many sessions are followed at this server. Try again.",
			RetryAfter: 5 * time.Second,
		}
	}
	if s.accounts[c.Account] >= maxAccountFollowers {
		return nil, &billing.Error{
			Code:       billing.ETooMany,
			RetryAfter: 30 * time.Second,
			Message:    "This account's session is followed too often already. End another stream first.",
		}
	}
	if len(s.open) == 0 {
		ctx, stop := context.WithCancel(context.Background())
		s.stop = stop
		go s.run(ctx)
	}
	news := make(chan struct{}, 1)
	w := &Watch{News: news, of: s, who: c, news: news}
	s.open[w] = true
	s.accounts[c.Account]++
	return w, nil
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
			select {
			case w.news <- struct{}{}:
			default:
			}
		}
	}
}

// followers returns all followers, and each of their logins once.
func (s *watches) followers() (all []*Watch, logins []billing.LoginKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[billing.LoginKey]bool{}
	for w := range s.open {
		all = append(all, w)
		if key := (billing.LoginKey{Account: w.who.Account, ID: w.who.Login}); !seen[key] {
			seen[key] = true
			logins = append(logins, key)
		}
	}
	return all, logins
}
