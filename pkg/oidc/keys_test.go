package oidc_test

import (
	"sync"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/oidc"
	"github.com/pointsync/pointsync/pkg/oidc/issuertest"
)

// clock is a time that moves only when the test moves it.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// newClock returns a clock and an issuer that dates its tokens by it.
func newClock(t *testing.T) (*clock, *issuertest.Issuer) {
	t.Helper()
	c, i := &clock{at: time.Now()}, issuertest.New(t, "", "ES256")
	i.Now = c.now
	return c, i
}

// TestRotation proves that a token of a new key is accepted, that a key that the issuer withdrew ends, and that tokens
// with unknown keys cannot make the server ask the issuer more often than once in ten seconds.
func TestRotation(t *testing.T) {
	t.Parallel()
	c, i := newClock(t)
	all := accept(c.now, i)
	verify := func(token string, want billing.Code, fetches int32) {
		t.Helper()
		if _, err := all.Verify(t.Context(), token, ""); billing.CodeOf(err) != want || i.Fetches.Load() != fetches {
			t.Fatalf("got %v after %d fetches, want %q after %d", err, i.Fetches.Load(), want, fetches)
		}
	}
	old := i.Token("ada", app, nil)
	verify(old, "", 1)
	i.Rotate("RS256")
	for range 50 { // the keys were fetched a moment ago
		verify(i.Token("ada", app, nil), billing.EUnauthorized, 1)
	}
	verify(old, "", 1)
	c.advance(10 * time.Second)
	verify(i.Token("ada", app, nil), "", 2)
	for range 50 {
		verify(old, billing.EUnauthorized, 2)
	}
	verify(i.Token("ada", app, nil), "", 2)
	c.advance(time.Hour)
	withdrawn := i.Token("ada", app, nil)
	i.Rotate("ES256")
	verify(withdrawn, billing.EUnauthorized, 3)
}

// TestIssuerDown proves that an issuer that does not respond is asked again after ten seconds and not before, that the
// keys it gave last work for a day, and that it concerns no other issuer.
func TestIssuerDown(t *testing.T) {
	t.Parallel()
	c, i := newClock(t)
	other := issuertest.New(t, "", "ES256")
	other.Now = c.now
	all := oidc.New([]oidc.Settings{
		{Issuer: i.URL, Audiences: []string{app}, JWKSURL: i.URL + "/keys"},
		{Issuer: other.URL, Audiences: []string{app}},
	}, c.now)
	down := func(retry time.Duration, fetches int32) {
		t.Helper()
		_, err := all.Verify(t.Context(), i.Token("ada", app, nil), "")
		e, ok := err.(*billing.Error) //nolint:errorlint // it is returned as it is
		if !ok || e.Code != billing.EIssuerUnavailable || e.RetryAfter != retry || i.Fetches.Load() != fetches {
			t.Fatalf("got %v after %d fetches, want %d", err, i.Fetches.Load(), fetches)
		}
	}
	good := func(of *issuertest.Issuer) {
		t.Helper()
		if _, err := all.Verify(t.Context(), of.Token("ada", app, nil), ""); err != nil {
			t.Fatal(err)
		}
	}
	i.Down.Store(true)
	down(10*time.Second, 1)
	c.advance(4 * time.Second)
	down(6*time.Second, 1)
	good(other)
	c.advance(6 * time.Second)
	down(10*time.Second, 2)
	i.Down.Store(false)
	c.advance(10 * time.Second)
	good(i)
	i.Down.Store(true)
	c.advance(23 * time.Hour)
	good(i)
	c.advance(time.Hour)
	down(10*time.Second, i.Fetches.Load()+1)
	i.Down.Store(false)
	c.advance(10 * time.Second)
	good(i)
}

// TestFetchTogether proves that callers who come at once share one fetch.
func TestFetchTogether(t *testing.T) {
	t.Parallel()
	i := issuertest.New(t, "", "ES256")
	all := accept(time.Now, i)
	token := i.Token("ada", app, nil)
	var callers sync.WaitGroup
	for range 50 {
		callers.Go(func() {
			if _, err := all.Verify(t.Context(), token, ""); err != nil {
				t.Error(err)
			}
		})
	}
	callers.Wait()
	if n := i.Fetches.Load(); n != 1 {
		t.Errorf("%d fetches", n)
	}
}

// TestUnknownIssuerIsNotAsked proves that no token can make the server send a request to an address that the token
// names.
func TestUnknownIssuerIsNotAsked(t *testing.T) {
	t.Parallel()
	known, i := issuertest.New(t, "", "ES256"), issuertest.New(t, "", "ES256")
	refuse(t, accept(time.Now, known), i.Token("ada", app, nil), "", "not configured")
	if n := i.Fetches.Load(); n != 0 {
		t.Errorf("it was asked %d times", n)
	}
}
