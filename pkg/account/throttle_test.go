package account

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// flood is a Service whose clock the test moves, and a second one of the same database, as another replica is.
type flood struct {
	t        *testing.T
	now      time.Time
	s, other *Service
	hashed   atomic.Int64
}

func eachFlood(t *testing.T, run func(t *testing.T, f *flood)) {
	t.Helper()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		f := &flood{t: t, now: time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)}
		db := storetest.OpenURL(t, storetest.URL(t, dialect), func() time.Time { return f.now })
		f.s, f.other = newService(t, db), newService(t, db)
		for _, s := range []*Service{f.s, f.other} {
			s.held = nil // refusals come at once
			s.hashers.began = func() { f.hashed.Add(1) }
		}
		run(t, f)
	})
}

// from returns a context of a request from an address.
func (f *flood) from(address string) context.Context { return WithAddress(f.t.Context(), address) }

// login tries a password from an address. It returns "in", "wrong", or how long to wait.
func (f *flood) login(s *Service, address, email, password string) string {
	f.t.Helper()
	before := f.hashed.Load()
	_, err := s.Login(f.from(address), email, password)
	var e *billing.Error
	switch {
	case err == nil:
		return "in"
	case !errors.As(err, &e):
		f.t.Fatal(err)
	case e.Code == billing.EUnauthorized:
		return "wrong"
	case e.Code != billing.ETooMany || e.RetryAfter <= 0:
		f.t.Fatal(err)
	case f.hashed.Load() != before:
		f.t.Error("a refused login was hashed")
	}
	return fmt.Sprint("wait ", e.RetryAfter)
}

// wrongUntil tries wrong passwords until one is refused, and returns how many were let through. It stops before they
// are hashed, which would take long.
func (f *flood) wrongUntil(s *Service, address func(i int) string, email func(i int) string) int {
	f.t.Helper()
	for i := range 1000 {
		switch _, _, err := s.admit(f.from(address(i)), email(i)); {
		case billing.CodeOf(err) == billing.ETooMany:
			return i
		case err != nil:
			f.t.Fatal(err)
		}
	}
	f.t.Fatal("nothing was refused")
	return 0
}

func always(text string) func(int) string { return func(int) string { return text } }
func each(format string) func(int) string {
	return func(i int) string { return fmt.Sprintf(format, i) }
}

// TestThrottle proves the allowances: by address and account together, by address, and by account. They are the same
// for an email that has no account, replicas share them, and no password that is refused is hashed.
func TestThrottle(t *testing.T) {
	t.Parallel()
	eachFlood(t, func(t *testing.T, f *flood) {
		_, err := f.s.Register(f.t.Context(), "ada@example.com", password)
		must(t, err)
		for _, email := range []string{"ada@example.com", "nobody@example.com"} {
			if n := f.wrongUntil(f.s, always("203.0.113.1"), always(email)); n != 5 {
				t.Errorf("%s: %d passwords of one account from one address", email, n)
			}
			if got := f.login(f.other, "203.0.113.1", email, password); got != "wait 1s" {
				t.Errorf("%s at another replica: %s", email, got)
			}
		}
		if n := f.wrongUntil(f.s, always("203.0.113.1"), each("user%d@example.com")); n != 10 {
			t.Errorf("%d more passwords from one address", n)
		}
		if n := f.wrongUntil(f.s, each("2001:db8::%d"), each("user%d@example.net")); n != 20 {
			t.Errorf("%d passwords from one network of IPv6", n)
		}
		for i, email := range []string{"ada@example.com", "nobody@example.com"} {
			if n := f.wrongUntil(f.s, each(fmt.Sprint("198.51.", 100+i, ".%d")), always(email)); n != 45 {
				t.Errorf("%s: %d more passwords of one account from many addresses", email, n)
			}
		}
		f.now = f.now.Add(time.Second)
		if got := f.login(f.s, "192.0.2.1", "ada@example.com", password); got != "in" {
			t.Errorf("after the pause: %s", got)
		}
	})
}

// TestOwnerIsNotLockedOut proves that a flood of wrong passwords does not hold up who logged in from their address
// before: neither from many addresses at the account, nor from the same address for other accounts. Who guesses from
// that very address is slowed down there too.
func TestOwnerIsNotLockedOut(t *testing.T) {
	t.Parallel()
	eachFlood(t, func(t *testing.T, f *flood) {
		_, err := f.s.Register(f.from("203.0.113.1"), "ada@example.com", password)
		must(t, err)
		if n := f.wrongUntil(f.s, each("198.51.100.%d"), always("ada@example.com")); n != 50 {
			t.Errorf("%d passwords from many addresses", n)
		}
		f.wrongUntil(f.s, always("203.0.113.1"), each("user%d@example.com"))
		if got := f.login(f.s, "203.0.113.1", "ada@example.com", password); got != "in" {
			t.Errorf("the owner, from the address of the registration: %s", got)
		}
		f.now = f.now.Add(time.Second)
		if got := f.login(f.s, "192.0.2.1", "ada@example.com", password); got != "in" {
			t.Errorf("the owner, from a new address between two attempts: %s", got)
		}
		f.wrongUntil(f.s, each("198.51.101.%d"), always("ada@example.com"))
		if got := f.login(f.s, "192.0.2.1", "ada@example.com", password); got != "in" {
			t.Errorf("the owner, from an address that is known since: %s", got)
		}
		if n := f.wrongUntil(f.s, always("203.0.113.1"), always("ada@example.com")); n != 9 {
			t.Errorf("%d wrong passwords from the known address", n)
		}
		f.byMail()
		f.wrongUntil(f.s, each("198.51.103.%d"), always("ada@example.com"))
		f.wrongUntil(f.s, each("198.51.104.%d"), always("eve@example.com"))
		for _, email := range []string{"ada@example.com", "eve@example.com"} {
			if got := f.login(f.s, "192.0.2.7", email, another); got != "in" {
				t.Errorf("%s, from the address at which a mail was used: %s", email, got)
			}
		}
		f.now = f.now.Add(billing.KnownFor)
		f.wrongUntil(f.s, each("198.51.102.%d"), always("ada@example.com"))
		if got := f.login(f.s, "192.0.2.1", "ada@example.com", another); got == "in" {
			t.Error("an address is known without end")
		}
	})
}

// byMail sets the password of ada@example.com and registers eve@example.com, from one address, with tokens of mails.
func (f *flood) byMail() {
	f.t.Helper()
	a, err := f.s.db.AccountByEmail(f.t.Context(), "ada@example.com")
	must(f.t, err)
	reset, resetHash := newToken(mailPrefix, a.ID)
	complete, completeHash := newToken(mailPrefix, "")
	must(f.t, f.s.db.InTx(f.t.Context(), func(tx *store.Tx) error {
		expires := tx.Now.Add(time.Minute)
		must(f.t, tx.SaveRegistration(f.t.Context(), "eve@example.com", completeHash, expires))
		return tx.SaveMailToken(f.t.Context(), billing.MailToken{
			AccountID: a.ID, Kind: billing.MailTokenReset, Digest: resetHash, Email: a.Email, ExpiresAt: expires,
		})
	}))
	must(f.t, f.s.Reset(f.from("192.0.2.7"), reset, another))
	_, err = f.s.CompleteRegistration(f.from("192.0.2.7"), complete, another)
	must(f.t, err)
}

// TestHonestLoginsAreFree proves that right passwords count against no one else: 25 people log in at one address, one
// after the other. One account's logins without end are slowed down.
func TestHonestLoginsAreFree(t *testing.T) {
	t.Parallel()
	eachFlood(t, func(t *testing.T, f *flood) {
		for i := range 25 {
			email := fmt.Sprintf("user%d@example.com", i)
			_, err := f.s.Register(t.Context(), email, password)
			must(t, err)
			if got := f.login(f.s, "203.0.113.1", email, password); got != "in" {
				t.Fatalf("person %d: %s", i, got)
			}
		}
		n := 0
		for f.login(f.s, "203.0.113.1", "user0@example.com", password) == "in" {
			n++
		}
		if n != 10 {
			t.Errorf("%d more logins of one account", n)
		}
	})
}

// TestAttemptsTogether proves that attempts that begin at the same moment, at two replicas, are counted one by one: no
// more are let through than one after the other. Without the check after the count, all would be.
func TestAttemptsTogether(t *testing.T) {
	t.Parallel()
	eachFlood(t, func(t *testing.T, f *flood) {
		f.wrongUntil(f.s, always("203.0.113.1"), always("ada@example.com"))
		f.now = f.now.Add(time.Second)
		keys := []billing.Attempt{{Kind: billing.AttemptPair, Subject: hashOf("ada@example.com 203.0.113.1")}}
		seen, err := f.s.db.Attempts(t.Context(), keys)
		must(t, err)
		var let atomic.Int64
		var all sync.WaitGroup
		for i := range 20 { // all have looked before the first is counted
			s := []*Service{f.s, f.other}[i%2]
			all.Go(func() {
				if err := s.count(t.Context(), seen, keys, false); err == nil {
					let.Add(1)
				} else if billing.CodeOf(err) != billing.ETooMany {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if let.Load() != 1 {
			t.Errorf("%d of 20 attempts were let through", let.Load())
		}
	})
}

// TestGuessedTokens proves that tokens that are not known are limited by address, and that a token that is known works
// from the same address all the time. A token whose login has ended is known: an app that sends it again guesses
// nothing.
func TestGuessedTokens(t *testing.T) {
	t.Parallel()
	eachFlood(t, func(t *testing.T, f *flood) {
		in, err := f.s.Register(f.from("203.0.113.1"), "ada@example.com", password)
		must(t, err)
		ended, err := f.s.Login(f.from("203.0.113.1"), "ada@example.com", password)
		must(t, err)
		must(t, f.s.Logout(t.Context(), ended.Refresh))
		for range 40 {
			_, err := f.s.Refresh(f.from("203.0.113.1"), ended.Refresh)
			if billing.CodeOf(err) != billing.EUnauthorized {
				t.Fatalf("a token that has ended: %v", err)
			}
		}
		codes := map[billing.Code]int{}
		for range 40 {
			guess, _ := newToken(refreshPrefix, in.Account.ID)
			_, err := f.s.Refresh(f.from("203.0.113.1"), guess)
			codes[billing.CodeOf(err)]++
		}
		if codes[billing.EUnauthorized] != 30 || codes[billing.ETooMany] != 10 {
			t.Errorf("guesses: %v", codes)
		}
		for range 3 {
			in, err = f.s.Refresh(f.from("203.0.113.1"), in.Refresh)
			must(t, err)
		}
	})
}

// TestRegistrationsAreLimited proves that one address registers few accounts at once, and that another is not
// concerned.
func TestRegistrationsAreLimited(t *testing.T) {
	t.Parallel()
	eachFlood(t, func(t *testing.T, f *flood) {
		for i := range 31 {
			_, err := f.s.Register(f.from("203.0.113.1"), fmt.Sprintf("user%d@example.com", i), password)
			if billing.CodeOf(err) == billing.ETooMany != (i == 30) {
				t.Fatalf("registration %d: %v", i, err)
			}
		}
		_, err := f.s.Register(f.from("203.0.113.2"), "ada@example.com", password)
		must(t, err)
	})
}
