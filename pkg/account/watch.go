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
	lookEvery           = 500 * time.Millisecond // how old a follower's news may be
	lookPatience        = 5 * time.Second
)

// watches are those who follow an account: while there is one, the versions of all of them are read from the database
// in one query each half second. So a change is seen whichever replica made it, on both databases, and costs whoever
// makes it nothing: a NOTIFY would take a lock of the whole database at each spend's commit.
type watches struct {
	look func(context.Context, []billing.LoginKey) (map[billing.SessionID]billing.LoginState, error)
	now  func() time.Time

	// guards what is below and what changes of a Watch; held for moments, never while the database is asked
	mu       sync.Mutex
	open     map[*Watch]bool
	accounts map[billing.AccountID]int
	stop     context.CancelFunc // of the look at the database, nil while nobody follows
}

func newWatches(
	look func(context.Context, []billing.LoginKey) (map[billing.SessionID]billing.LoginState, error),
	now func() time.Time,
) *watches {
	return &watches{look: look, now: now, open: map[*Watch]bool{}, accounts: map[billing.AccountID]int{}}
}

// Watch is one follower of one account, by one login.
type Watch struct {
	// News has a signal when the account is not of the version that was Told, or when the login has Ended. It holds
	// one: who is slow misses versions between and never has a queue.
	News <-chan struct{}

	of    *watches
	who   token.Claims
	news  chan struct{}
	told  int64
	due   time.Time // the next expiry that was signalled last
	ended bool
}

// Follow watches the caller's account until Close. Errors: EUnauthorized when the login has ended, ETooMany.
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

// Followers counts who follows at this process.
func (s *Service) Followers() int {
	s.watches.mu.Lock()
	defer s.watches.mu.Unlock()
	return len(s.watches.open)
}

// Tell notes which version the follower knows of.
func (w *Watch) Tell(version int64) {
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	w.told = version
}

// Ended says whether the login was revoked or has run out.
func (w *Watch) Ended() bool {
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	return w.ended
}

// Close ends the watch. Nobody looks at the database any more after the last one's.
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

// join begins a watch. Errors: ETooMany.
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

// run looks until the last one has left. Whoever joins then begins anew.
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

// lookAtAll signals to whom there is news. Where the database does not answer nobody is told anything: the next look is
// soon.
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
		// Points that have run out are settled by who reads the account, not before. One signal is enough: overdue ones
		// wait for a sync.
		due := state.NextExpiry != nil && !state.NextExpiry.After(now) && !state.NextExpiry.Equal(w.due)
		if due {
			w.due = *state.NextExpiry
		}
		if w.ended || state.Version != w.told || due {
			select {
			case w.news <- struct{}{}:
			default:
			}
		}
	}
}

// followers lists who follows, and their logins once each.
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
