package account

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/oidc"
	"github.com/pointsync/pointsync/pkg/oidc/issuertest"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// app is the audience of the ID tokens in these tests.
const app = "app-1"

// newExchange returns a Service that accepts the tokens of issuers. It believes the first about addresses.
func newExchange(t *testing.T, db *store.DB, issuers ...*issuertest.Issuer) *Service {
	t.Helper()
	settings := make([]oidc.Settings, len(issuers))
	for n, i := range issuers {
		settings[n] = oidc.Settings{Issuer: i.URL, Audiences: []string{app}, LinkEmail: n == 0}
	}
	s := newService(t, db)
	s.issuers = oidc.New(settings, time.Now)
	return s
}

// verified returns the claims of an issuer that has verified an address.
func verified(email string) map[string]any {
	return map[string]any{"email": email, "email_verified": true}
}

// TestExchange proves that an ID token opens one account, which its first exchange makes: the account of its issuer and
// subject together. The session is a login like any other.
func TestExchange(t *testing.T) {
	t.Parallel()
	i, other := issuertest.New(t, "", "ES256"), issuertest.New(t, "", "RS256")
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newExchange(t, db, i, other)
		first, err := s.Exchange(t.Context(), i.Token("ada", app, map[string]any{"nonce": "n1"}), "n1")
		must(t, err)
		again, err := s.Exchange(t.Context(), i.Token("ada", app, nil), "")
		must(t, err)
		eve, err := s.Exchange(t.Context(), i.Token("eve", app, nil), "")
		must(t, err)
		elsewhere, err := s.Exchange(t.Context(), other.Token("ada", app, nil), "")
		must(t, err)
		id := first.Account.ID
		if again.Account.ID != id || eve.Account.ID == id || elsewhere.Account.ID == id || again.login == first.login {
			t.Errorf("accounts %s, %s, %s, %s", id, again.Account.ID, eve.Account.ID, elsewhere.Account.ID)
		}
		fresh, err := s.Refresh(t.Context(), first.Refresh)
		must(t, err)
		c, err := s.tokens.Parse(fresh.Token)
		if err != nil || c.Account != id || c.Login != first.login {
			t.Errorf("the refreshed token is of %+v, %v", c, err)
		}
		_, err = s.Exchange(t.Context(), i.Token("ada", "app-2", nil), "")
		if billing.CodeOf(err) != billing.EUnauthorized {
			t.Errorf("another audience: %v", err)
		}
		story, _, err := Timeline(t.Context(), db, id, "", 10)
		must(t, err)
		if !slices.ContainsFunc(story, func(l Line) bool { return strings.Contains(l.Text, i.URL+" opens") }) {
			t.Errorf("the timeline does not name the issuer: %+v", story)
		}
	})
}

// TestExchangeTogether proves that a person whose first tokens arrive at once, at two servers, gets one account.
func TestExchangeTogether(t *testing.T) {
	t.Parallel()
	i := issuertest.New(t, "", "ES256")
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		url := storetest.URL(t, dialect)
		db := storetest.OpenURL(t, url, nil)
		servers := []*Service{newExchange(t, db, i), newExchange(t, storetest.OpenURL(t, url, nil), i)}
		for _, claims := range []map[string]any{nil, verified("bob@example.com")} {
			subject := "ada"
			if claims != nil {
				subject = "bob"
			}
			var all errgroup.Group
			var mu sync.Mutex
			ids := map[billing.AccountID]int{}
			for n := range 20 {
				all.Go(func() error {
					in, err := servers[n%2].Exchange(context.Background(), i.Token(subject, app, claims), "")
					mu.Lock()
					defer mu.Unlock()
					ids[in.Account.ID]++
					return err
				})
			}
			must(t, all.Wait())
			if len(ids) != 1 {
				t.Errorf("%s has the accounts %v", subject, ids)
			}
		}
		if n := storetest.Count(t, db, "SELECT COUNT(*) FROM accounts"); n != 2 {
			t.Errorf("%d accounts", n)
		}
	})
}

// TestLinkByEmail proves whom an address leads to an account: the person whose address a believed issuer has verified,
// and no one else. Everyone else gets an account of their own without that address.
func TestLinkByEmail(t *testing.T) {
	t.Parallel()
	i, doubted := issuertest.New(t, "", "ES256"), issuertest.New(t, "", "ES256")
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newExchange(t, db, i, doubted)
		ada, err := s.Register(t.Context(), "ada@example.com", password)
		must(t, err)
		for name, token := range map[string]string{
			"not verified": i.Token("1", app, map[string]any{
				"email": "ada@example.com", "email_verified": false,
			}),
			"not said":            i.Token("2", app, map[string]any{"email": "ada@example.com"}),
			"of a doubted issuer": doubted.Token("3", app, verified("ada@example.com")),
			"no address":          i.Token("4", app, verified("ada at example.com")),
			"another address":     i.Token("5", app, verified("ada@example.org")),
			"other letters":       i.Token("8", app, verified("ａda@example.com")), // we would write it like hers
		} {
			in, err := s.Exchange(t.Context(), token, "")
			must(t, err)
			if in.Account.ID == ada.Account.ID || in.Account.Email == "ada@example.com" {
				t.Errorf("%s: logged in to %+v", name, in.Account)
			}
		}
		if _, err := s.Refresh(t.Context(), ada.Refresh); err != nil {
			t.Fatalf("the account was touched: %v", err)
		}
		in, err := s.Exchange(t.Context(), i.Token("6", app, verified(" Ada@Example.COM")), "")
		must(t, err)
		if in.Account.ID != ada.Account.ID {
			t.Errorf("linked to %+v", in.Account)
		}
		fresh, err := s.Exchange(t.Context(), i.Token("7", app, verified("Eve@example.com")), "")
		if must(t, err); fresh.Account.Email != "eve@example.com" {
			t.Errorf("a new account has %q", fresh.Account.Email)
		}
	})
}

// TestPreRegistered proves that someone who registered another person's address before them keeps nothing of the
// account when its owner comes by a believed issuer: no password, no login, no change of the email. A second identity
// of the owner ends none of the owner's own logins.
func TestPreRegistered(t *testing.T) {
	t.Parallel()
	i := issuertest.New(t, "", "ES256")
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newExchange(t, db, i)
		thief, err := s.Register(t.Context(), "ada@example.com", password)
		must(t, err)
		raw, hash := newToken(mailPrefix, thief.Account.ID)
		must(t, db.InTx(t.Context(), func(tx *store.Tx) error {
			return tx.SaveMailToken(t.Context(), billing.MailToken{
				AccountID: thief.Account.ID, Kind: billing.MailTokenChange, Digest: hash, Email: "thief@example.com",
				ExpiresAt: tx.Now.Add(verifyTTL),
			})
		}))
		ada, err := s.Exchange(t.Context(), i.Token("ada", app, verified("ada@example.com")), "")
		must(t, err)
		if ada.Account.ID != thief.Account.ID || ada.Account.EmailVerifiedAt == nil {
			t.Fatalf("ada has %+v", ada.Account)
		}
		if _, err := s.Login(t.Context(), "ada@example.com", password); billing.CodeOf(err) != billing.EUnauthorized {
			t.Errorf("the thief's password: %v", err)
		}
		if _, err := s.Refresh(t.Context(), thief.Refresh); billing.CodeOf(err) != billing.EUnauthorized {
			t.Errorf("the thief's login: %v", err)
		}
		if err := s.VerifyEmail(t.Context(), raw); !invalidAt(err, "/token") {
			t.Errorf("the thief's change of the email: %v", err)
		}
		second, err := s.Exchange(t.Context(), i.Token("ada-2", app, verified("ada@example.com")), "")
		if must(t, err); second.Account.ID != ada.Account.ID {
			t.Errorf("her second identity has %s", second.Account.ID)
		}
		if _, err := s.Refresh(t.Context(), ada.Refresh); err != nil {
			t.Errorf("her first login: %v", err)
		}
	})
}

// TestVerifiedKeepsPassword proves that an account whose owner has verified its address here before keeps its password
// and its logins when an identity of the owner is linked to it.
func TestVerifiedKeepsPassword(t *testing.T) {
	t.Parallel()
	i := issuertest.New(t, "", "ES256")
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newExchange(t, db, i)
		ada, err := s.Register(t.Context(), "ada@example.com", password)
		must(t, err)
		must(t, db.InTx(t.Context(), func(tx *store.Tx) error { return tx.VerifyEmail(t.Context(), ada.Account.ID) }))
		linked, err := s.Exchange(t.Context(), i.Token("ada", app, verified("ada@example.com")), "")
		must(t, err)
		in, err := s.Login(t.Context(), "ada@example.com", password)
		must(t, err)
		if linked.Account.ID != ada.Account.ID || in.Account.ID != ada.Account.ID {
			t.Errorf("linked to %s, logged in to %s", linked.Account.ID, in.Account.ID)
		}
		_, err = s.Refresh(t.Context(), ada.Refresh)
		must(t, err)
	})
}

// TestOneEmailTogether proves that two identities with one believed address, and a registration of it, which all come
// at once, end with one account that has the address, and that both identities open it.
func TestOneEmailTogether(t *testing.T) {
	t.Parallel()
	i := issuertest.New(t, "", "ES256")
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newExchange(t, db, i)
		for round := range 5 {
			email := string(rune('a'+round)) + "@example.com"
			tokens := []string{i.Token(email+"1", app, verified(email)), i.Token(email+"2", app, verified(email))}
			var all errgroup.Group
			for _, token := range tokens {
				all.Go(func() error { _, err := s.Exchange(context.Background(), token, ""); return err })
			}
			all.Go(func() error {
				_, err := s.Register(context.Background(), email, password)
				if billing.CodeOf(err) == billing.EEmailTaken {
					return nil
				}
				return err
			})
			must(t, all.Wait())
			owner, err := ByEmail(t.Context(), db, email)
			must(t, err)
			for _, token := range tokens {
				in, err := s.Exchange(t.Context(), token, "")
				if must(t, err); in.Account.ID != owner.ID {
					t.Errorf("%s: %s, and the address is %s's", email, in.Account.ID, owner.ID)
				}
			}
		}
	})
}

// TestExchangeClosed proves that a disabled account is opened by no ID token, neither by one that has opened it before
// nor by one with its address.
func TestExchangeClosed(t *testing.T) {
	t.Parallel()
	i := issuertest.New(t, "", "ES256")
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newExchange(t, db, i)
		in, err := s.Exchange(t.Context(), i.Token("ada", app, verified("ada@example.com")), "")
		must(t, err)
		must(t, db.InTx(t.Context(), func(tx *store.Tx) error {
			return tx.SetDisabled(t.Context(), in.Account.ID, &tx.Now, "fraud")
		}))
		for _, subject := range []string{"ada", "ada-2"} {
			_, err := s.Exchange(t.Context(), i.Token(subject, app, verified("ada@example.com")), "")
			if billing.CodeOf(err) != billing.EAccountClosed {
				t.Errorf("%s: %v", subject, err)
			}
		}
	})
}

// TestEmailMoved proves that an account is not taken over by an address that it has given up in the meantime.
func TestEmailMoved(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, store.SQLite)
	a := storetest.NewAccount(t, db)
	err := db.InTx(t.Context(), func(tx *store.Tx) error {
		_, err := takeOver(t.Context(), tx, a, "ada@example.com")
		return err
	})
	if left, _ := db.Account(t.Context(), a.ID); !errors.Is(err, errEmailMoved) || left.PasswordHash == "" {
		t.Errorf("got %v, and the password is %q", err, left.PasswordHash)
	}
}

// TestPasswordsOff proves what the setting ends: everything that needs or sets a password, and nothing else.
func TestPasswordsOff(t *testing.T) {
	t.Parallel()
	i := issuertest.New(t, "", "ES256")
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newExchange(t, db, i)
		in, err := s.Register(t.Context(), "ada@example.com", password)
		must(t, err)
		s.passwordsOff = true
		c, err := s.tokens.Parse(in.Token)
		must(t, err)
		_, registered := s.Register(t.Context(), "eve@example.com", password)
		_, completed := s.CompleteRegistration(t.Context(), "psm_.x", password)
		_, right := s.Login(t.Context(), "ada@example.com", password)
		_, wrong := s.Login(t.Context(), "ada@example.com", "wrong")
		for name, err := range map[string]error{
			"Register": registered, "Complete": completed, "Login": right, "LoginWrong": wrong,
			"Ask":    s.AskToRegister(t.Context(), "eve@example.com", password),
			"Forgot": s.Forgot(t.Context(), "ada@example.com"),
			"Reset":  s.Reset(t.Context(), "psm_acc_1.x", another),
			"Change": s.ChangePassword(t.Context(), c, password, another),
			"Email":  s.ChangeEmail(t.Context(), c, "new@example.com", password),
		} {
			if billing.CodeOf(err) != billing.EPasswordLoginOff {
				t.Errorf("%s: %v", name, err)
			}
		}
		in, err = s.Refresh(t.Context(), in.Refresh)
		must(t, err)
		must(t, s.Logout(t.Context(), in.Refresh))
		_, err = s.Exchange(t.Context(), i.Token("ada", app, verified("ada@example.com")), "")
		must(t, err)
	})
}

// TestExpiredIsNoGuess proves that tokens which their issuer signed, and which are too old, are refused but never
// counted as guesses. Tokens with another signature are.
func TestExpiredIsNoGuess(t *testing.T) {
	t.Parallel()
	i := issuertest.New(t, "", "ES256")
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newExchange(t, db, i)
		s.held = nil
		ctx := WithAddress(t.Context(), "203.0.113.1")
		past := time.Now().Add(-25 * time.Hour).Unix()
		for name, claims := range map[string]map[string]any{
			"expired": {"exp": past}, "issued long ago": {"iat": past},
		} {
			token := i.Token("ada", app, claims)
			for range 40 {
				if _, err := s.Exchange(ctx, token, ""); billing.CodeOf(err) != billing.EUnauthorized {
					t.Fatalf("%s: %v", name, err)
				}
			}
		}
		token := i.Token("ada", app, map[string]any{"exp": past})
		forged := token[:strings.LastIndex(token, ".")] + i.Token("eve", app, nil)[strings.LastIndex(token, "."):]
		var err error
		for range 40 {
			_, err = s.Exchange(ctx, forged, "")
		}
		if billing.CodeOf(err) != billing.ETooMany {
			t.Errorf("forged: %v", err)
		}
	})
}

// TestNoIssuer proves that without a configured issuer no ID token opens anything, and that an issuer that does not
// respond makes no account.
func TestNoIssuer(t *testing.T) {
	t.Parallel()
	i := issuertest.New(t, "", "ES256")
	db := storetest.Open(t, store.SQLite)
	token := i.Token("ada", app, nil)
	if _, err := newService(t, db).Exchange(t.Context(), token, ""); billing.CodeOf(err) != billing.EUnauthorized {
		t.Errorf("without an issuer: %v", err)
	}
	i.Down.Store(true)
	_, err := newExchange(t, db, i).Exchange(t.Context(), token, "")
	if billing.CodeOf(err) != billing.EIssuerUnavailable {
		t.Errorf("an issuer that is down: %v", err)
	}
	if n := storetest.Count(t, db, "SELECT COUNT(*) FROM accounts"); n != 0 {
		t.Errorf("%d accounts", n)
	}
}
