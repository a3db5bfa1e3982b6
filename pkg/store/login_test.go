package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves that a revoked login is read as revoked, and keeps the time of the first revocation.
func TestRevokeLogin(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		login := newLogin(t, db, time.Hour)
		revoked := clock.Now()
		for range 2 {
			if err := write(
				db,
				func(ctx context.Context, tx *store.Tx) error { return tx.RevokeLogin(ctx, login.AccountID, login.ID) },
			); err != nil {
				t.Fatal(err)
			}
			clock.Advance(time.Minute)
		}
		err := write(db, func(ctx context.Context, tx *store.Tx) error {
			_, got, err := tx.LockRefreshToken(ctx, login.AccountID, "hash")
			if err == nil && (got.RevokedAt == nil || !got.RevokedAt.Equal(revoked)) {
				t.Errorf("revoked at %v, want %v", got.RevokedAt, revoked)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// Proves that all logins of an account end, or all but one, and no login of another account.
func TestRevokeLogins(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		first, other := newLogin(t, db, time.Hour), newLogin(t, db, time.Hour)
		second := first
		second.ID = billing.NewSessionID(db.Now())
		live := func(want ...billing.Login) {
			t.Helper()
			states, err := db.LoginStates(context.Background(), []billing.LoginKey{
				{Account: first.AccountID, ID: first.ID}, {Account: first.AccountID, ID: second.ID},
				{Account: other.AccountID, ID: other.ID},
			})
			n := 0
			for _, s := range states {
				if s.Lives(db.Now()) {
					n++
				}
			}
			if err != nil || n != len(want) {
				t.Errorf("%d logins live, want %d; %v", n, len(want), err)
			}
			for _, l := range want {
				if !states[l.ID].Lives(db.Now()) {
					t.Errorf("%s has ended", l.ID)
				}
			}
		}
		must := func(fn func(context.Context, *store.Tx) error) {
			t.Helper()
			if err := write(db, fn); err != nil {
				t.Fatal(err)
			}
		}
		must(func(ctx context.Context, tx *store.Tx) error { return tx.InsertLogin(ctx, second) })
		live(first, second, other)
		must(func(ctx context.Context, tx *store.Tx) error {
			return tx.RevokeOtherLogins(ctx, first.AccountID, second.ID)
		})
		live(second, other)
		must(func(ctx context.Context, tx *store.Tx) error { return tx.RevokeLogins(ctx, first.AccountID) })
		live(other)
	})
}

// Proves that expired logins are deleted, with their refresh tokens, and that others stay.
func TestDeleteOldLogins(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		login := newLogin(t, db, time.Hour)
		clean := func() (billing.Login, error) {
			if err := write(
				db, func(ctx context.Context, tx *store.Tx) error { return tx.DeleteOldLogins(ctx) },
			); err != nil {
				t.Fatal(err)
			}
			return db.LoginOf(context.Background(), login.AccountID, "hash")
		}
		clock.Advance(time.Hour)
		if _, err := clean(); err != nil {
			t.Errorf("at its last moment: %v", err)
		}
		clock.Advance(time.Microsecond)
		if l, err := clean(); billing.CodeOf(err) != billing.ENotFound {
			t.Errorf("after it: %q, %v", l.ID, err)
		}
	})
}

// newLogin makes an account that logged in, with the refresh token "hash".
func newLogin(t *testing.T, db *store.DB, lasts time.Duration) billing.Login {
	t.Helper()
	a := storetest.NewAccount(t, db)
	login := billing.Login{
		ID: billing.NewSessionID(db.Now()), AccountID: a.ID, CreatedAt: db.Now(), ExpiresAt: db.Now().Add(lasts),
	}
	err := write(db, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.InsertLogin(ctx, login); err != nil {
			return err
		}
		return tx.InsertRefreshToken(
			ctx, billing.RefreshToken{AccountID: a.ID, Hash: "hash", LoginID: login.ID, CreatedAt: tx.Now},
		)
	})
	if err != nil {
		t.Fatal(err)
	}
	return login
}
