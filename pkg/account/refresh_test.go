package account

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// device is the refresh tokens of one login, by the names that a test gives them.
type device struct {
	t *testing.T
	s *Service
}

func newDevice(t *testing.T, db *store.DB) (device, string) {
	t.Helper()
	d := device{t, newService(t, db)}
	made, err := d.s.Register(t.Context(), "ada@example.com", password)
	must(t, err)
	return d, made.Refresh
}

// next presents a token that works, and returns its successor.
func (d device) next(held string) string {
	d.t.Helper()
	out, err := d.s.Refresh(d.t.Context(), held)
	must(d.t, err)
	return out.Refresh
}

// ended presents a token that ends the login, or belongs to a login that has ended.
func (d device) ended(held string) {
	d.t.Helper()
	if _, err := d.s.Refresh(d.t.Context(), held); billing.CodeOf(err) != billing.EUnauthorized {
		d.t.Errorf("got %v, want a login that has ended", err)
	}
}

// TestLostRefresh proves that a client whose responses were lost can continue with the token it holds. It can do so up
// to 10 minutes after that token was first used, and the login stays valid after that. Responses are lost once, three
// times in a row, and one after another along the way.
func TestLostRefresh(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		d, a := newDevice(t, db)
		d.next(a) // lost
		clock.Advance(refreshGrace - time.Microsecond)
		b := d.next(a)
		clock.Advance(time.Hour) // b was not used yet, so it lasts as long as the login
		for range 3 {
			d.next(b) // lost
			clock.Advance(2 * time.Minute)
		}
		c := d.next(b)
		d.next(c) // lost
		for range 4 {
			c = d.next(c)
		}
		clock.Advance(time.Hour)
		d.next(c)
	})
}

// TestStolenRefresh proves that a real second use ends the login for everyone who holds a token of it. It may come
// after the grace. It may come after a successor was used, even within the grace and even by the other party. Or it may
// use the second of two successors.
func TestStolenRefresh(t *testing.T) {
	t.Parallel()
	for name, story := range map[string]func(d device, clock *storetest.Clock, a string) (alive string){
		"AfterTheGrace": func(d device, clock *storetest.Clock, a string) string {
			b := d.next(a)
			clock.Advance(refreshGrace) // exactly 10 minutes is too late
			d.ended(a)
			return b
		},
		"AfterItsSuccessor": func(d device, _ *storetest.Clock, a string) string {
			b := d.next(a)
			c := d.next(b)
			d.ended(a)
			return c
		},
		"OfTwoSuccessorsTheSecond": func(d device, _ *storetest.Clock, a string) string {
			thiefs, owners := d.next(a), d.next(a)
			c := d.next(owners)
			d.ended(thiefs)
			return c
		},
		"TheThiefWasFaster": func(d device, clock *storetest.Clock, a string) string {
			owners, thiefs := d.next(a), d.next(a)
			c := d.next(thiefs)
			clock.Advance(time.Hour)
			d.ended(owners)
			return c
		},
		"LongAgo": func(d device, _ *storetest.Clock, a string) string {
			b := d.next(a)
			c := d.next(b)
			e := d.next(c)
			d.ended(a)
			return e
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
				d, a := newDevice(t, db)
				d.ended(story(d, clock, a))
			})
		})
	}
}

// TestParallelRefresh proves that if many clients present one refresh token at once, each gets a successor, but only
// one of these continues. As soon as a second successor is used, the login ends for all.
func TestParallelRefresh(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d, a := newDevice(t, db)
		together := func(held []string) (next []string) {
			var mu sync.Mutex
			var all sync.WaitGroup
			for _, token := range held {
				all.Go(func() {
					out, err := d.s.Refresh(t.Context(), token)
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						next = append(next, out.Refresh)
					} else if billing.CodeOf(err) != billing.EUnauthorized {
						t.Error(err)
					}
				})
			}
			all.Wait()
			return next
		}
		var same []string
		for range 16 {
			same = append(same, a)
		}
		siblings := together(same)
		if len(siblings) != 16 {
			t.Fatalf("%d of 16 got a successor", len(siblings))
		}
		on := together(siblings)
		if len(on) != 1 {
			t.Fatalf("%d of the successors went on, want 1", len(on))
		}
		d.ended(on[0])
	})
}

// TestRefreshIsBounded proves that one token has at most 20 successors. One more is refused for a while but not for
// good. None of that ends the login.
func TestRefreshIsBounded(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d, a := newDevice(t, db)
		var last string
		for range maxSuccessors {
			last = d.next(a)
		}
		if _, err := d.s.Refresh(t.Context(), a); billing.CodeOf(err) != billing.ETooMany {
			t.Errorf("one more: %v", err)
		}
		d.next(last)
	})
}

// Proves that a refresh token writes nothing and waits for nothing once its login has ended, however often it comes,
// and that a token that was made up waits for no account that it names.
func TestEndedTokensWriteNothing(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		d, first := newDevice(t, db)
		second, err := d.s.Login(t.Context(), "ada@example.com", password)
		must(t, err)
		must(t, d.s.Logout(t.Context(), first))
		const ends = "SELECT CAST(sum(logins_ended) AS bigint) FROM accounts"
		before := storetest.Count(t, db, ends)
		held := func(waits func()) {
			if db.Dialect() == store.SQLite { // it has one lock for all
				waits()
				return
			}
			must(t, db.InTx(t.Context(), func(tx *store.Tx) error {
				_, err := tx.LockAccount(t.Context(), second.Account.ID)
				waits()
				return err
			}))
		}
		try := func() {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if _, err := d.s.Refresh(ctx, first); billing.CodeOf(err) != billing.EUnauthorized {
				t.Errorf("refresh: %v", err)
			}
			must(t, d.s.Logout(ctx, first))
			madeUp, _ := newToken(refreshPrefix, second.Account.ID)
			if _, err := d.s.Refresh(ctx, madeUp); billing.CodeOf(err) != billing.EUnauthorized {
				t.Errorf("a refresh token that was made up: %v", err)
			}
			madeUp, _ = newToken(mailPrefix, second.Account.ID)
			if err := d.s.VerifyEmail(ctx, madeUp); !invalidAt(err, "/token") {
				t.Errorf("a mail's token that was made up: %v", err)
			}
		}
		held(try)
		clock.Advance(loginTTL)
		first = second.Refresh // its login has run out
		held(try)
		if after := storetest.Count(t, db, ends); after != before {
			t.Errorf("%d ends of logins were counted", after-before)
		}
	})
}
