package checkout_test

import (
	"context"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// enter begins a login of the account.
func (s *shop) enter(id billing.AccountID) billing.SessionID {
	s.t.Helper()
	login := billing.NewSessionID(s.Now())
	must(s.t, s.db.InTx(s.t.Context(), func(tx *store.Tx) error {
		return tx.InsertLogin(s.t.Context(), billing.Login{
			ID: login, AccountID: id, CreatedAt: tx.Now, ExpiresAt: tx.Now.Add(time.Hour),
		})
	}))
	return login
}

// Proves that a customer deletes their own account with a login that has just begun, and that the erasure follows. A
// login that is older than 10 minutes, one that has ended and one of a disabled account do not delete.
func TestDeleteOwnAccount(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, s *shop) {
		ctx := t.Context()
		id := s.buy(storetest.NewAccount(t, s.db).ID, checkout.Request{Item: "pro_monthly"}).ID
		old, ended := s.enter(id), s.enter(id)
		s.Advance(10*time.Minute + time.Second)
		fresh := s.enter(id)
		must(t, s.db.InTx(ctx, func(tx *store.Tx) error { return tx.RevokeLogin(ctx, id, ended) }))
		refused := func(what string, login billing.SessionID, want billing.Code) {
			t.Helper()
			if _, err := s.service.DeleteAccount(ctx, id, login); billing.CodeOf(err) != want {
				t.Errorf("%s login: %v", what, err)
			}
			if a := s.accountNow(id); a.DeletingAt != nil {
				t.Errorf("a %s login deleted the account", what)
			}
		}
		refused("old", old, billing.ELoginTooOld)
		refused("ended", ended, billing.EUnauthorized)
		disable := func(since *time.Time, reason string) {
			storetest.Change(t, s.db, id, func(ctx context.Context, tx *store.Tx, _ billing.Account) error {
				return tx.SetDisabled(ctx, id, since, reason)
			})
		}
		disable(new(s.Now()), "fraud")
		refused("disabled", fresh, billing.EAccountClosed)
		disable(nil, "")

		s.Advance(10*time.Minute - time.Second)
		a, err := s.service.DeleteAccount(ctx, id, fresh)
		if err != nil || a.DeletingAt == nil || s.accountNow(id).DeletingAt == nil {
			t.Errorf("%+v, %v", a, err)
		}
		if _, err := s.service.DeleteAccount(ctx, id, fresh); billing.CodeOf(err) != billing.EUnauthorized {
			t.Errorf("a repeat, by a login that has ended: %v", err)
		}
		if live, err := s.db.Logins(ctx, id, s.Now(), 10); err != nil || len(live) != 0 {
			t.Errorf("%d logins live, %v", len(live), err)
		}
		must(t, s.service.FinishDeletions(ctx))
		if a := s.accountNow(id); a.DeletedAt == nil {
			t.Error("the person's data are still there")
		}
		s.endedAtStripe()
	})
}
