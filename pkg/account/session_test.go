package account

import (
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
	"github.com/pointsync/pointsync/pkg/token"
)

// Proves that a customer sees their devices, the last used first, gives them names and ends them. An ended one spends
// nothing any more, and no one ends or names a login of another account.
func TestSessions(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		s := newService(t, db)
		ctx := t.Context()
		parsed := func(in Session, err error) token.Claims {
			t.Helper()
			must(t, err)
			c, err := s.tokens.Parse(in.Token)
			must(t, err)
			return c
		}
		phone := parsed(s.Register(WithDevice(ctx, "phone"), "ada@example.com", password))
		other := parsed(s.Register(ctx, "eve@example.com", password))
		clock.Advance(time.Minute)
		laptop := parsed(s.Login(WithDevice(ctx, "laptop"), "ada@example.com", password))
		live, err := s.Logins(ctx, phone)
		if err != nil || len(live) != 2 || live[0].Name != "laptop" || live[1].ID != phone.Login {
			t.Errorf("%+v, %v", live, err)
		}
		named, err := s.NameLogin(ctx, phone, laptop.Login, "work")
		if err != nil || named.Name != "work" {
			t.Errorf("%+v, %v", named, err)
		}
		if _, err := s.NameLogin(ctx, other, laptop.Login, "mine"); billing.CodeOf(err) != billing.ENotFound {
			t.Errorf("another account named it: %v", err)
		}
		if err := s.EndLogin(ctx, other, laptop.Login); billing.CodeOf(err) != billing.ENotFound {
			t.Errorf("another account ended it: %v", err)
		}
		for range 2 {
			must(t, s.EndLogin(ctx, phone, laptop.Login))
		}
		_, err = ledger.Spend(ctx, db, laptop.Account, ledger.SpendRequest{Login: laptop.Login, Amount: 1})
		if billing.CodeOf(err) != billing.EUnauthorized {
			t.Errorf("an ended login spent: %v", err)
		}
		if err := s.EndOtherLogins(ctx, laptop); billing.CodeOf(err) != billing.EUnauthorized {
			t.Errorf("an ended login ended others: %v", err)
		}
		third := parsed(s.Login(ctx, "ada@example.com", password))
		must(t, s.EndOtherLogins(ctx, third))
		if live, err = s.Logins(ctx, third); err != nil || len(live) != 1 || live[0].ID != third.Login {
			t.Errorf("%+v, %v", live, err)
		}
	})
}

// Proves that the login that was used least recently ends when an account has as many as it may have.
func TestLoginLimit(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		s := newService(t, db)
		a := storetest.NewAccount(t, db)
		begin := func() Session {
			clock.Advance(time.Second)
			var in Session
			must(t, db.InTx(t.Context(), func(tx *store.Tx) (err error) {
				in, err = s.beginLogin(t.Context(), tx, a)
				return err
			}))
			return in
		}
		first, second := begin(), begin()
		for range maxLogins - 2 {
			begin()
		}
		used, err := s.Refresh(t.Context(), first.Refresh)
		must(t, err)
		begin()
		if _, err := s.Refresh(t.Context(), second.Refresh); billing.CodeOf(err) != billing.EUnauthorized {
			t.Errorf("the login that was used least recently lives: %v", err)
		}
		live, err := db.Logins(t.Context(), a.ID, db.Now(), 2*maxLogins)
		if err != nil || len(live) != maxLogins {
			t.Errorf("%d logins live, want %d; %v", len(live), maxLogins, err)
		}
		if _, err := s.Refresh(t.Context(), used.Refresh); err != nil {
			t.Errorf("a login that was just used has ended: %v", err)
		}
	})
}

// Proves that disabling ends the logins, that the right password alone is told why no login begins, and that enabling
// undoes it. A repeat under the same key changes nothing.
func TestDisable(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newService(t, db)
		ctx := t.Context()
		in, err := s.Register(ctx, "ada@example.com", password)
		must(t, err)
		id := in.Account.ID
		stop := Decision{Reason: "fraud", Key: "k1"}
		for _, again := range []bool{false, true} {
			if replayed, err := Disable(ctx, db, id, stop); err != nil || replayed != again {
				t.Errorf("replayed %v, %v", replayed, err)
			}
		}
		if _, err := s.Refresh(ctx, in.Refresh); billing.CodeOf(err) != billing.EUnauthorized {
			t.Errorf("the login goes on: %v", err)
		}
		_, err = s.Login(ctx, "ada@example.com", password)
		if billing.CodeOf(err) != billing.EAccountClosed {
			t.Errorf("the right password: %v", err)
		}
		if _, err = s.Login(ctx, "ada@example.com", "not "+password); billing.CodeOf(err) != billing.EUnauthorized {
			t.Errorf("a wrong password: %v", err)
		}
		if _, err := Disable(ctx, db, id, Decision{Reason: "again"}); billing.CodeOf(err) != billing.EConflict {
			t.Errorf("disabled twice: %v", err)
		}
		_, err = Enable(ctx, db, id, Decision{Reason: "a mistake"})
		must(t, err)
		_, err = s.Login(ctx, "ada@example.com", password)
		must(t, err)
		if _, err := Enable(ctx, db, id, Decision{Reason: "again"}); billing.CodeOf(err) != billing.EConflict {
			t.Errorf("enabled twice: %v", err)
		}
	})
}
