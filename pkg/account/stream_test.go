package account

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/token"
)

// looker replaces the database and counts how often it is asked.
type looker struct {
	mu            sync.Mutex
	looks, logins int
	version       int64
	nextExpiry    *time.Time
}

func (l *looker) look(_ context.Context, ids []billing.LoginKey) (map[billing.SessionID]billing.LoginState, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.looks++
	l.logins = len(ids)
	states := map[billing.SessionID]billing.LoginState{}
	for _, id := range ids {
		states[id.ID] = billing.LoginState{
			Version: l.version, NextExpiry: l.nextExpiry, ExpiresAt: time.Now().Add(time.Hour),
		}
	}
	return states, nil
}

// seen returns how often the database was asked, and for how many logins the last time.
func (l *looker) seen() (looks, logins int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.looks, l.logins
}

func (l *looker) change(version int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.version = version
}

func claims(account, login int) token.Claims {
	return token.Claims{
		Account: billing.AccountID(fmt.Sprint("acc_", account)), Login: billing.SessionID(fmt.Sprint("ses_", login)),
	}
}

// TestWatchesShareOneLook proves that the database is asked once each half second, however many follow. A slow follower
// gets one signal. No query and no goroutine remains when the last follower has left: otherwise the bubble would not
// end.
func TestWatchesShareOneLook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := &looker{version: 7}
		s := newWatches(db.look, time.Now)
		var all []*Watch
		for i := range 300 {
			w, err := s.join(claims(i/3, i/3), "") // three of each login
			if err != nil {
				t.Fatal(err)
			}
			w.mark(billing.Account{Version: 7})
			all = append(all, w)
		}
		time.Sleep(10*time.Second + lookEvery/2) // of the bubble's clock
		if looks, logins := db.seen(); looks != 20 || logins != 100 {
			t.Errorf("%d looks at %d logins in ten seconds", looks, logins)
		}
		if len(all[0].News) != 0 {
			t.Error("there is news although nothing changed")
		}
		db.change(8)
		time.Sleep(10 * time.Second)
		for _, w := range all {
			if len(w.News) != 1 || w.Ended() {
				t.Fatalf("%d signals, ended %v", len(w.News), w.Ended())
			}
			w.Close()
			w.Close() // once more does no harm
		}
		looked, _ := db.seen()
		time.Sleep(time.Minute)
		if looks, _ := db.seen(); looks != looked || len(s.open) != 0 {
			t.Errorf("%d looks after the last has left; %d followers", looks-looked, len(s.open))
		}
		again, err := s.join(claims(1, 1), "")
		if err != nil {
			t.Fatal(err)
		}
		<-again.News
		again.Close()
	})
}

// TestWatchOfPointsThatRunOut proves that followers are signalled when points expire, although no one has changed the
// account.
func TestWatchOfPointsThatRunOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		at := time.Now().Add(time.Minute)
		s := newWatches((&looker{nextExpiry: &at}).look, time.Now)
		w, err := s.join(claims(1, 1), "")
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		begin := time.Now()
		select {
		case <-w.News:
		case <-time.After(time.Hour):
		}
		if took := time.Since(begin); took < time.Minute || took > time.Minute+lookEvery || w.Ended() {
			t.Errorf("told after %v, ended %v", took, w.Ended())
		}
	})
}

// TestOverdueSignalsOnce proves that expired points signal a follower once, and not at every poll. Those of a live
// subscription stay until a sync has run. Also proves that the next expiry signals again.
func TestOverdueSignalsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		end := time.Now().Add(10 * time.Second)
		db := &looker{version: 7, nextExpiry: &end}
		s := newWatches(db.look, time.Now)
		w, err := s.join(claims(1, 1), "")
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		w.mark(billing.Account{Version: 7})
		for _, length := range []time.Duration{20 * time.Second, time.Hour} {
			time.Sleep(length)
			signals := 0
			for range 20 {
				select {
				case <-w.News:
					signals++
				default:
				}
				time.Sleep(lookEvery)
			}
			if signals != 1 {
				t.Errorf("%d signals, want one", signals)
			}
			later := time.Now().Add(time.Minute)
			db.mu.Lock()
			db.nextExpiry = &later
			db.mu.Unlock()
		}
	})
}
