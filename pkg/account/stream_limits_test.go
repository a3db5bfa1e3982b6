package account

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// joinedFor returns followers that joined one after the other: n of each of the accounts from first to last, at the
// addresses that at returns.
func joinedFor(t *testing.T, s *watches, first, last, n int, at func(account int) string) (all []*Watch) {
	t.Helper()
	for account := first; account <= last; account++ {
		for range n {
			w, err := s.join(claims(account, account), at(account))
			must(t, err)
			all = append(all, w)
		}
	}
	return all
}

// atOne puts every account at one address.
func atOne(int) string { return "203.0.113.1" }

// gaveWay returns the positions of the followers that lost their place. Each of them was told.
func gaveWay(t *testing.T, all []*Watch) (replaced []int) {
	t.Helper()
	for i, w := range all {
		if !w.Replaced() {
			continue
		}
		replaced = append(replaced, i)
		if len(w.News) != 1 || w.Ended() {
			t.Errorf("follower %d: %d signals, ended %v", i, len(w.News), w.Ended())
		}
	}
	return replaced
}

// TestSixthStream proves that a sixth stream of an account takes the place of its oldest, and that no other account
// loses one. The database is no longer looked at when all have left, those that were replaced included.
func TestSixthStream(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := &looker{version: 7}
		s := newWatches(db.look, time.Now)
		all := joinedFor(t, s, 0, 1, maxAccountFollowers, atOne)
		mine := joinedFor(t, s, 1, 1, maxAccountFollowers+1, func(int) string { return "203.0.113.2" })
		if got := fmt.Sprint(gaveWay(t, append(all, mine...))); got != "[5 6 7 8 9 10]" {
			t.Errorf("replaced: %s, want the older ones of the same account", got)
		}
		if len(s.open) != 2*maxAccountFollowers {
			t.Errorf("%d followers", len(s.open))
		}
		before, _ := db.seen()
		for _, w := range append(all, mine...) {
			w.Close() // also those that were replaced: it does no harm
		}
		if len(s.open) != 0 {
			t.Errorf("%d followers after all have left", len(s.open))
		}
		time.Sleep(time.Minute)
		if after, _ := db.seen(); after != before {
			t.Errorf("%d looks for no one", after-before)
		}
	})
}

// TestFullServer proves who gives way when a process has all the followers that it can have: never the newcomer, if
// someone has more.
func TestFullServer(t *testing.T) {
	t.Parallel()
	apart := func(account int) string { return fmt.Sprint("2001:db8:0:", account, "::/64") }
	const each = maxFollowers / maxAccountFollowers
	for name, c := range map[string]struct {
		full     func(t *testing.T, s *watches) []*Watch
		address  string
		replaced string // "" if the newcomer is refused
	}{
		"AccountWithMost": {
			full: func(t *testing.T, s *watches) []*Watch {
				few := joinedFor(t, s, 1, maxFollowers-maxAccountFollowers, 1, atOne)
				return append(few, joinedFor(t, s, 2000, 2000, maxAccountFollowers, atOne)...)
			},
			address: "203.0.113.1", replaced: fmt.Sprint("[", maxFollowers-maxAccountFollowers, "]"),
		},
		"FreeAccountsAtOneAddress": {
			full: func(t *testing.T, s *watches) []*Watch {
				others := joinedFor(t, s, 1, 10, 1, apart)
				return append(others, joinedFor(t, s, 11, maxFollowers, 1, atOne)...)
			},
			address: "203.0.113.2", replaced: "[10]",
		},
		"FreeAccountsWithAllTheyCanHave": {
			full: func(t *testing.T, s *watches) []*Watch {
				return joinedFor(t, s, 1, each, maxAccountFollowers, apart)
			},
			address: "203.0.113.2", replaced: "[0]",
		},
		"EveryoneHasOne": {
			full: func(t *testing.T, s *watches) []*Watch {
				return joinedFor(t, s, 1, maxFollowers, 1, apart)
			},
			address: "203.0.113.2",
		},
		"NewcomerAtTheLargestAddress": {
			full: func(t *testing.T, s *watches) []*Watch {
				return joinedFor(t, s, 1, maxFollowers, 1, atOne)
			},
			address: "203.0.113.1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newWatches((&looker{}).look, time.Now)
				all := c.full(t, s)
				w, err := s.join(claims(5000, 5000), c.address)
				if refused := billing.CodeOf(err) == billing.ETooMany; refused != (c.replaced == "") {
					t.Errorf("the newcomer: %v", err)
				}
				if got := fmt.Sprint(gaveWay(t, all)); err == nil && got != c.replaced {
					t.Errorf("replaced: %s, want %s", got, c.replaced)
				}
				if len(s.open) != maxFollowers {
					t.Errorf("%d followers", len(s.open))
				}
				if err == nil {
					all = append(all, w)
				}
				for _, w := range all {
					w.Close()
				}
			})
		})
	}
}
