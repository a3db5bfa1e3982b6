package account

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// turns counts how often f takes a turn at hashing. The test itself gives the turns, one at a time. So the count is
// exact and nothing is measured.
func turns(t *testing.T, s *Service, f func() error) (n int, err error) {
	t.Helper()
	s.hashers = make(chan struct{}) // a caller takes its turn here, and returns it when done
	done := make(chan error, 1)
	go func() { done <- f() }()
	for {
		select {
		case <-s.hashers:
			n++
			s.hashers <- struct{}{}
		case err := <-done:
			return n, err
		}
	}
}

// TestLoginCosts proves that an unknown email costs as much hashing as a wrong password, and gets the same response.
// Neither the time nor the text reveals who has an account.
func TestLoginCosts(t *testing.T) {
	t.Parallel()
	s := newService(t, storetest.Open(t, store.SQLite))
	if _, err := s.Register(t.Context(), "ada@example.com", password); err != nil {
		t.Fatal(err)
	}
	attempt := func(email, password string) (int, error) {
		return turns(t, s, func() error { _, err := s.Login(t.Context(), email, password); return err })
	}
	wrong, wrongErr := attempt("ada@example.com", "not the password")
	nobody, nobodyErr := attempt("nobody@example.com", "not the password")
	decoy, decoyErr := attempt("nobody@example.com", "no password of anybody's")
	if wrong != 1 || nobody != 1 || decoy != 1 {
		t.Errorf(
			"turns taken: wrong password %d, unknown email %d, the decoy's password %d; want 1 each", wrong, nobody,
			decoy,
		)
	}
	for _, err := range []error{wrongErr, nobodyErr, decoyErr} {
		if billing.CodeOf(err) != billing.EUnauthorized || err.Error() != wrongErr.Error() {
			t.Errorf("got %v, want %v", err, wrongErr)
		}
	}
}

// TestHashersAreBounded proves that at most maxHashers hash at once. A caller who waits too long is told when to retry,
// and a caller who leaves stops waiting. The test controls the time, so no one really waits.
func TestHashersAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &Service{hashers: make(chan struct{}, maxHashers)}
		for range maxHashers {
			if err := s.queue(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		begin := time.Now()
		var refused *billing.Error
		if err := s.queue(t.Context()); !errors.As(err, &refused) || refused.Code != billing.ETooMany ||
			refused.RetryAfter <= 0 {
			t.Errorf("one too many: %v", err)
		}
		if waited := time.Since(begin); waited != hashPatience {
			t.Errorf("waited %s, want %s", waited, hashPatience)
		}
		gone, leave := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, leave)
		if err := s.queue(gone); !errors.Is(err, context.Canceled) {
			t.Errorf("who leaves: %v", err)
		}
		time.AfterFunc(time.Second, func() { <-s.hashers })
		if err := s.queue(t.Context()); err != nil {
			t.Errorf("a turn came free: %v", err)
		}
	})
}
