package ledger_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves that no spend and no hold of an ended login commits after the end was committed. Spends run in a crowd while
// the login ends, and the sum of the entries is read right after the end returned. It must never change again. Without
// the count of ends in the account's row, spends that waited for the row at that moment would still commit.
func TestNoSpendAfterEnd(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		for range 10 {
			a, login := loggedIn(t, db, 10_000)
			var crowd sync.WaitGroup
			refused := make(chan error, 1000)
			begun := make(chan bool, 1000)
			for i := range 16 {
				crowd.Go(func() {
					for {
						var err error
						if i%4 == 0 {
							_, err = ledger.Hold(context.Background(), db, a.ID, ledger.HoldRequest{
								By: customer, Login: login, Amount: 1, TTL: time.Hour,
							})
						} else {
							_, err = ledger.Spend(context.Background(), db, a.ID, ledger.SpendRequest{
								By: customer, Login: login, Amount: 1,
							})
						}
						if err != nil {
							refused <- err
							return
						}
						select {
						case begun <- true:
						default:
						}
					}
				})
			}
			<-begun
			if err := db.InTx(t.Context(), func(tx *store.Tx) error {
				return tx.RevokeLogin(t.Context(), a.ID, login)
			}); err != nil {
				t.Fatal(err)
			}
			then, err := db.Account(t.Context(), a.ID)
			if err != nil {
				t.Fatal(err)
			}
			crowd.Wait()
			close(refused)
			for err := range refused {
				if billing.CodeOf(err) != billing.EUnauthorized {
					t.Errorf("got %v, want unauthorized", err)
				}
			}
			now, err := db.Account(t.Context(), a.ID)
			if err != nil || now.Version != then.Version {
				t.Fatalf("version %d at the end of the login, and %d later; %v", then.Version, now.Version, err)
			}
		}
	})
}

// Proves each way to move points, by each caller, at an open account, with an ended login, at a disabled account and at
// one that is being deleted. A service has no login, and may end holds of a closed account.
func TestWhoMayMovePoints(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		for name, c := range map[string]struct {
			change                func(tx *store.Tx, id billing.AccountID, login billing.SessionID) error
			byCustomer, byService billing.Code
		}{
			"OK": {func(*store.Tx, billing.AccountID, billing.SessionID) error { return nil }, "", ""},
			"ErrLoginEnded": {func(tx *store.Tx, id billing.AccountID, login billing.SessionID) error {
				return tx.RevokeLogin(ctx, id, login)
			}, billing.EUnauthorized, ""},
			"ErrDisabled": {func(tx *store.Tx, id billing.AccountID, _ billing.SessionID) error {
				return tx.SetDisabled(ctx, id, &tx.Now, "fraud")
			}, billing.EAccountClosed, billing.EAccountClosed},
			"ErrDeleting": {func(tx *store.Tx, id billing.AccountID, _ billing.SessionID) error {
				return tx.SetDeleting(ctx, id)
			}, billing.EAccountClosed, billing.EAccountClosed},
		} {
			a, login := loggedIn(t, db, 100)
			hold := func() billing.HoldID {
				h, err := ledger.Hold(ctx, db, a.ID, ledger.HoldRequest{Amount: 1, TTL: time.Hour})
				if err != nil {
					t.Fatal(err)
				}
				return h.Hold.ID
			}
			first, second, third, fourth := hold(), hold(), hold(), hold()
			spend := ledger.SpendRequest{By: customer, Login: login, Amount: 1, Key: "k1"}
			if _, err := ledger.Spend(ctx, db, a.ID, spend); err != nil {
				t.Fatal(err)
			}
			if err := db.InTx(ctx, func(tx *store.Tx) error { return c.change(tx, a.ID, login) }); err != nil {
				t.Fatal(err)
			}
			want := func(what string, err error, code billing.Code) {
				t.Helper()
				if billing.CodeOf(err) != code {
					t.Errorf("%s: %s: got %v, want %q", name, what, err, code)
				}
			}
			_, err := ledger.Spend(ctx, db, a.ID, spend)
			want("a repeated spend", err, c.byCustomer)
			spend.Key = "k2"
			_, err = ledger.Spend(ctx, db, a.ID, spend)
			want("a spend", err, c.byCustomer)
			_, err = ledger.Hold(ctx, db, a.ID, ledger.HoldRequest{Login: login, Amount: 1, TTL: time.Hour})
			want("a hold", err, c.byCustomer)
			_, err = ledger.Capture(ctx, db, a.ID, ledger.CaptureRequest{Login: login, Hold: first})
			want("a capture", err, c.byCustomer)
			_, err = ledger.Release(ctx, db, a.ID, ledger.ReleaseRequest{Login: login, Hold: second})
			want("a release", err, c.byCustomer)
			_, err = ledger.Spend(ctx, db, a.ID, ledger.SpendRequest{Amount: 1})
			want("a service's spend", err, c.byService)
			_, err = ledger.Hold(ctx, db, a.ID, ledger.HoldRequest{Amount: 1, TTL: time.Hour})
			want("a service's hold", err, c.byService)
			_, err = ledger.Capture(ctx, db, a.ID, ledger.CaptureRequest{Hold: third})
			want("a service's capture", err, "")
			_, err = ledger.Release(ctx, db, a.ID, ledger.ReleaseRequest{Hold: fourth})
			want("a service's release", err, "")
		}
	})
}

var customer = billing.Actor{Kind: billing.ActorCustomer}

// loggedIn makes an account with points and a live login.
func loggedIn(t *testing.T, db *store.DB, points billing.Points) (billing.Account, billing.SessionID) {
	t.Helper()
	a := storetest.NewAccount(t, db)
	login := billing.NewSessionID(db.Now())
	if err := db.InTx(t.Context(), func(tx *store.Tx) error {
		locked, err := tx.LockAccount(t.Context(), a.ID)
		if err != nil {
			return err
		}
		if a, _, err = ledger.Grant(t.Context(), tx, locked, billing.Grant{Key: "start", Amount: points}); err != nil {
			return err
		}
		return tx.InsertLogin(t.Context(), billing.Login{
			ID: login, AccountID: a.ID, CreatedAt: tx.Now, ExpiresAt: tx.Now.Add(time.Hour),
		})
	}); err != nil {
		t.Fatal(err)
	}
	return a, login
}
