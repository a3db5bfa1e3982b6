package account

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
	"github.com/pointsync/pointsync/pkg/token"
)

// TestRegister proves that an account is made once and found under every spelling of its email. The database contains
// neither the password nor a usable refresh token.
func TestRegister(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newService(t, db)
		made, err := s.Register(t.Context(), " Ada@Example.COM ", password)
		if err != nil || made.Account.Email != "ada@example.com" {
			t.Fatalf("got %+v, %v", made.Account, err)
		}
		if _, err := s.Register(
			t.Context(), "ADA@example.com", "another password",
		); billing.CodeOf(err) != billing.EEmailTaken {
			t.Errorf("a second account: %v", err)
		}
		in, err := s.Login(t.Context(), "aDa@example.com", password)
		if err != nil || in.Account.ID != made.Account.ID {
			t.Errorf("logging in: %+v, %v", in.Account, err)
		}
		stored := dump(t, db)
		for _, secret := range []string{password, made.Refresh, in.Refresh, made.Token} {
			if strings.Contains(stored, secret) {
				t.Errorf("the database holds %q", secret)
			}
		}
		if !strings.Contains(stored, "$argon2id$v=19$m=19456,t=2,p=1$") {
			t.Error("the password's hash is not argon2id at its agreed cost")
		}
	})
}

// dump returns the contents of the tables of accounts and logins.
func dump(t *testing.T, db *store.DB) string {
	t.Helper()
	var b strings.Builder
	for _, table := range []string{"accounts", "logins", "refresh_tokens"} {
		b.WriteString(storetest.Dump(t, db, "SELECT * FROM "+table))
	}
	return b.String()
}

// TestRefresh proves that a login lasts through refreshes until its end, and that each token is new. A logout ends only
// that login, however often it is repeated.
func TestRefresh(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		s := newService(t, db)
		first, err := s.Register(t.Context(), "ada@example.com", password)
		if err != nil {
			t.Fatal(err)
		}
		second, err := s.Login(t.Context(), "ada@example.com", password)
		if err != nil {
			t.Fatal(err)
		}
		seen := []string{first.Refresh, second.Refresh}
		for range 5 {
			clock.Advance(loginTTL / 6)
			if first, err = s.Refresh(t.Context(), first.Refresh); err != nil || slices.Contains(seen, first.Refresh) {
				t.Fatalf("refreshing: %q, %v", first.Refresh, err)
			}
			seen = append(seen, first.Refresh)
		}
		for range 2 {
			if err := s.Logout(t.Context(), second.Refresh); err != nil {
				t.Error(err)
			}
		}
		if _, err := s.Refresh(t.Context(), second.Refresh); billing.CodeOf(err) != billing.EUnauthorized {
			t.Errorf("after the logout: %v", err)
		}
		clock.Advance(loginTTL / 6)
		if _, err := s.Refresh(t.Context(), first.Refresh); billing.CodeOf(err) != billing.EUnauthorized {
			t.Errorf("after the login's end: %v", err)
		}
		other, err := s.Register(t.Context(), "other@example.com", password)
		if err != nil {
			t.Fatal(err)
		}
		_, secret, _ := strings.Cut(other.Refresh, ".")
		for name, raw := range map[string]string{
			"unknown": "psr_unknown", "without a random part": "psr_" + string(other.Account.ID) + ".",
			"of another account": "psr_" + string(first.Account.ID) + "." + secret,
			"not text":           "psr_acc_\x00." + secret, "not UTF-8": "psr_\xff." + secret,
			"a condition": "psr_' OR ''='." + secret, "empty": "",
		} {
			if _, err := s.Refresh(t.Context(), raw); billing.CodeOf(err) != billing.EUnauthorized {
				t.Errorf("a token that is %s: %v", name, err)
			}
			if err := s.Logout(context.WithoutCancel(t.Context()), raw); err != nil {
				t.Errorf("a token that is %s: %v", name, err)
			}
		}
		if _, err := s.Refresh(t.Context(), other.Refresh); err != nil {
			t.Errorf("the right one: %v", err)
		}
	})
}

// TestTokensEndWithTheirLogin proves that a caller who is logged out, but continues with the token they hold, is
// refused in the end. That is when the token would have expired, however often they got a new one. A caller who is not
// logged out stays logged in.
func TestTokensEndWithTheirLogin(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		s := newService(t, db)
		in, err := s.Register(t.Context(), "ada@example.com", password)
		if err != nil {
			t.Fatal(err)
		}
		read := func() token.Claims {
			t.Helper()
			c, err := s.tokens.Parse(in.Token)
			if err != nil {
				t.Fatal(err)
			}
			if in, err = s.Read(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			if c, err = s.tokens.Parse(in.Token); err != nil {
				t.Fatal(err)
			}
			return c
		}
		for range 3 {
			clock.Advance(token.TTL / 2)
			if c := read(); !c.ExpiresAt.Equal(clock.Now().Add(token.TTL)) {
				t.Fatalf("while logged in, a token of %v ends at %v", clock.Now(), c.ExpiresAt)
			}
		}
		end := clock.Now().Add(token.TTL)
		if err := db.InTx(
			t.Context(), func(tx *store.Tx) error { return tx.RevokeLogin(t.Context(), in.Account.ID, in.login) },
		); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			clock.Advance(token.TTL / 4)
			if c := read(); !c.ExpiresAt.Equal(end) {
				t.Fatalf("after the logout, a token of %v ends at %v, want %v", clock.Now(), c.ExpiresAt, end)
			}
		}
		clock.Advance(token.TTL/4 + time.Minute)
		if _, err := s.tokens.Parse(in.Token); billing.CodeOf(err) != billing.EUnauthorized {
			t.Errorf("after the token's end: %v", err)
		}
	})
}

// TestGoneAccount proves that a valid token of a deleted account gives no access.
func TestGoneAccount(t *testing.T) {
	t.Parallel()
	s := newService(t, storetest.Open(t, store.SQLite))
	if _, err := s.Read(
		t.Context(), token.Claims{Account: "acc_gone", Login: "ses_1"},
	); billing.CodeOf(err) != billing.EUnauthorized {
		t.Errorf("got %v", err)
	}
}
