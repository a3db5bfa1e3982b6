package account

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/oidc"
	"github.com/pointsync/pointsync/pkg/oidc/issuertest"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// TestTokenOnce proves that an ID token with a nonce opens one login. A repeat within the grace takes the place of the
// login whose response was lost. After the grace, and after that login has ended, the token is refused, whether or not
// the nonce is sent along. A token without a nonce opens a login each time.
func TestTokenOnce(t *testing.T) {
	t.Parallel()
	i := issuertest.New(t, "", "ES256")
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		s := newExchange(t, db, i)
		refused := func(when, token, nonce string) {
			t.Helper()
			if _, err := s.Exchange(t.Context(), token, nonce); billing.CodeOf(err) != billing.EIDTokenUsed {
				t.Errorf("%s: got %v", when, err)
			}
		}
		once := i.Token("ada", app, map[string]any{"nonce": "n1"})
		lost, err := s.Exchange(t.Context(), once, "n1")
		must(t, err)
		clock.Advance(exchangeGrace - time.Microsecond)
		in, err := s.Exchange(t.Context(), once, "n1")
		must(t, err)
		if _, err := s.Refresh(t.Context(), lost.Refresh); billing.CodeOf(err) != billing.EUnauthorized {
			t.Errorf("the lost login: %v", err)
		}
		clock.Advance(time.Microsecond) // the repeat does not prolong the grace
		refused("after the grace", once, "n1")
		refused("without the nonce", once, "")
		in, err = s.Refresh(t.Context(), in.Refresh)
		must(t, err)

		left := i.Token("ada", app, map[string]any{"nonce": "n2"})
		out, err := s.Exchange(t.Context(), left, "")
		must(t, err)
		must(t, s.Logout(t.Context(), out.Refresh))
		refused("after the logout", left, "n2")

		often := i.Token("ada", app, nil)
		for range 3 {
			_, err := s.Exchange(t.Context(), often, "")
			must(t, err)
			clock.Advance(time.Hour)
		}
		_, err = s.Refresh(t.Context(), in.Refresh)
		must(t, err)
	})
}

// TestTokenOnceTogether proves that a token with a nonce that comes many times at once, to two servers, leaves one
// live login, both for a new person and for one who has an account.
func TestTokenOnceTogether(t *testing.T) {
	t.Parallel()
	i := issuertest.New(t, "", "ES256")
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		url := storetest.URL(t, dialect)
		db := storetest.OpenURL(t, url, nil)
		servers := []*Service{newExchange(t, db, i), newExchange(t, storetest.OpenURL(t, url, nil), i)}
		for _, nonce := range []string{"n1", "n2"} {
			token := i.Token("ada", app, map[string]any{"nonce": nonce})
			var all errgroup.Group
			var id atomic.Value
			for n := range 10 {
				all.Go(func() error {
					in, err := servers[n%2].Exchange(context.Background(), token, nonce)
					id.Store(in.Account.ID)
					return err
				})
			}
			must(t, all.Wait())
			live, err := db.Logins(t.Context(), id.Load().(billing.AccountID), db.Now(), maxLogins)
			must(t, err)
			if want := int(nonce[1] - '0'); len(live) != want {
				t.Errorf("%s: %d live logins, want %d", nonce, len(live), want)
			}
		}
	})
}

// TestTokenOfRefreshedLogin proves that a token is refused within the grace if its login was refreshed, because then
// its response was not lost. The login stays.
func TestTokenOfRefreshedLogin(t *testing.T) {
	t.Parallel()
	i := issuertest.New(t, "", "ES256")
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newExchange(t, db, i)
		token := i.Token("ada", app, map[string]any{"nonce": "n1"})
		in, err := s.Exchange(t.Context(), token, "n1")
		must(t, err)
		in, err = s.Refresh(t.Context(), in.Refresh)
		must(t, err)
		if _, err := s.Exchange(t.Context(), token, "n1"); billing.CodeOf(err) != billing.EIDTokenUsed {
			t.Errorf("got %v", err)
		}
		_, err = s.Refresh(t.Context(), in.Refresh)
		must(t, err)
	})
}

// TestTokenOfDeletedAccount proves that a token opens no second account after the first one was deleted and its person
// forgotten.
func TestTokenOfDeletedAccount(t *testing.T) {
	t.Parallel()
	i := issuertest.New(t, "", "ES256")
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newExchange(t, db, i)
		token := i.Token("ada", app, map[string]any{"nonce": "n1"})
		in, err := s.Exchange(t.Context(), token, "n1")
		must(t, err)
		storetest.Exec(t, db, "UPDATE accounts SET deleting_at = created_at")
		must(t, db.InTx(t.Context(), func(tx *store.Tx) error {
			a, err := tx.LockAccount(t.Context(), in.Account.ID)
			if err != nil {
				return err
			}
			return tx.ErasePerson(t.Context(), a)
		}))
		if _, err := s.Exchange(t.Context(), token, "n1"); billing.CodeOf(err) != billing.EIDTokenUsed {
			t.Errorf("got %v", err)
		}
		if n := storetest.Count(t, db, "SELECT COUNT(*) FROM accounts"); n != 1 {
			t.Errorf("there are %d accounts", n)
		}
		in2, err := s.Exchange(t.Context(), i.Token("ada", app, map[string]any{"nonce": "n2"}), "n2")
		must(t, err)
		if in2.Account.ID == in.Account.ID {
			t.Error("a new login opened the deleted account")
		}
	})
}

// TestRaisedMaxAge proves that a token that has opened its login opens no other one after max_age was raised, although
// the old max_age is over and what is not needed was deleted.
func TestRaisedMaxAge(t *testing.T) {
	t.Parallel()
	i := issuertest.New(t, "", "ES256")
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		late := time.Now()
		s := newExchange(t, db, i)
		aged := func(most time.Duration) {
			s.issuers = oidc.New([]oidc.Settings{
				{Issuer: i.URL, Audiences: []string{app}, MaxAge: most},
			}, func() time.Time { return late })
		}
		aged(time.Minute)
		once := i.Token("ada", app, map[string]any{"nonce": "n1", "exp": late.Add(20 * time.Hour).Unix()})
		in, err := s.Exchange(t.Context(), once, "n1")
		must(t, err)
		must(t, s.Logout(t.Context(), in.Refresh))
		late = late.Add(3 * time.Hour)
		if _, err := s.Exchange(t.Context(), once, "n1"); billing.CodeOf(err) != billing.EUnauthorized {
			t.Errorf("it is too old: %v", err)
		}
		must(t, s.forgetExchangedTokens(t.Context()))
		aged(24 * time.Hour)
		if _, err := s.Exchange(t.Context(), once, "n1"); billing.CodeOf(err) != billing.EIDTokenUsed {
			t.Errorf("after max_age was raised: %v", err)
		}
	})
}

// TestTokensAreForgotten proves that a used ID token is kept until no one can show it again, by the time of issuers,
// and no longer.
func TestTokensAreForgotten(t *testing.T) {
	t.Parallel()
	i := issuertest.New(t, "", "ES256")
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		s := newExchange(t, db, i)
		_, err := s.Exchange(t.Context(), i.Token("ada", app, map[string]any{"nonce": "n1"}), "")
		must(t, err)
		clock.Advance(30 * 24 * time.Hour) // the product's clock may be moved, that of issuers may not
		kept := func() int {
			must(t, s.forgetExchangedTokens(t.Context()))
			return storetest.Count(t, db, "SELECT COUNT(*) FROM exchanged_tokens")
		}
		if n := kept(); n != 1 {
			t.Errorf("%d are kept while the token is good", n)
		}
		storetest.Exec(t, db, "UPDATE exchanged_tokens SET ends_at = '2001-01-01T00:00:00.000000Z'")
		if n := kept(); n != 0 {
			t.Errorf("%d are kept after its end", n)
		}
	})
}
