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

// Proves that expired logins are deleted, with their refresh tokens, and that others stay.
func TestDeleteOldLogins(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		login := newLogin(t, db, time.Hour)
		clean := func() (billing.SessionID, error) {
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
		if id, err := clean(); billing.CodeOf(err) != billing.ENotFound {
			t.Errorf("after it: %q, %v", id, err)
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
