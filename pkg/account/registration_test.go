package account

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves that a private registration makes no account before the mail is read. Its reader sets the password: the one of
// the person who asked for the mail opens nothing. The owner of a taken address is told.
func TestPrivateRegistration(t *testing.T) {
	t.Parallel()
	eachPost(t, func(p *post) {
		const email = "ada@example.com"
		must(t, p.s.AskToRegister(t.Context(), "Ada@example.com", "not the reader's"))
		p.run()
		if n := storetest.Count(t, p.db, "SELECT count(*) FROM accounts"); n != 0 {
			t.Errorf("%d accounts before the mail was read", n)
		}
		raw := p.link(email, "complete_registration")
		in, err := p.s.CompleteRegistration(t.Context(), raw, password)
		if err != nil || in.Account.Email != email || in.Account.EmailVerifiedAt == nil || in.Refresh == "" {
			t.Fatalf("got %+v, %v", in, err)
		}
		p.login(email)
		if _, err := p.s.Login(t.Context(), email, "not the reader's"); billing.CodeOf(err) != billing.EUnauthorized {
			t.Errorf("the password of the request: %v", err)
		}
		if _, err := p.s.CompleteRegistration(t.Context(), raw, password); !invalidAt(err, "/token") {
			t.Errorf("a second time: %v", err)
		}
		p.take()
		must(t, p.s.AskToRegister(t.Context(), email, another))
		p.run()
		if got := subjects(p.take()); got != email+" You have an account" {
			t.Errorf("sent %q", got)
		}
	})
}

// Proves that a registration's token ends: after its time, with the next one, and when the address got an account.
func TestRegistrationEnds(t *testing.T) {
	t.Parallel()
	eachPost(t, func(p *post) {
		ask := func() string {
			t.Helper()
			must(t, p.s.AskToRegister(t.Context(), "ada@example.com", password))
			p.run()
			return p.link("ada@example.com", "complete_registration")
		}
		first := ask()
		second := ask()
		if _, err := p.s.CompleteRegistration(t.Context(), first, password); !invalidAt(err, "/token") {
			t.Errorf("an earlier one: %v", err)
		}
		p.clock.Advance(verifyTTL)
		if _, err := p.s.CompleteRegistration(t.Context(), second, password); !invalidAt(err, "/token") {
			t.Errorf("an expired one: %v", err)
		}
		third := ask()
		p.register("ada@example.com")
		_, err := p.s.CompleteRegistration(t.Context(), third, password)
		if billing.CodeOf(err) != billing.EEmailTaken {
			t.Errorf("a taken address: %v", err)
		}
	})
}

// Proves on PostgreSQL that of completions with one token at once one makes the account, and the others make nothing.
func TestCompleteOnce(t *testing.T) {
	t.Parallel()
	clock := storetest.NewClock()
	p := newPost(t, storetest.OpenAt(t, store.Postgres, clock), clock)
	must(t, p.s.AskToRegister(t.Context(), "ada@example.com", password))
	p.run()
	raw := p.link("ada@example.com", "complete_registration")
	// the read before the hash lets all of them through
	var all sync.WaitGroup
	var won atomic.Int32
	for range 4 {
		all.Go(func() {
			if _, err := p.s.CompleteRegistration(t.Context(), raw, password); err == nil {
				won.Add(1)
			} else if !invalidAt(err, "/token") {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := storetest.Count(t, p.db, "SELECT count(*) FROM logins"); won.Load() != 1 || n != 1 {
		t.Errorf("%d won and %d logins began, want 1 and 1", won.Load(), n)
	}
}
