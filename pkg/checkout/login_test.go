package checkout_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves of each request that buys or changes something that it is refused after its login has ended, at a disabled
// account, and at one that is being deleted. Nothing is written then, and a live login of the account goes on.
func TestPurchasesNeedLogin(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, s *shop) {
		ctx := t.Context()
		tops := checkout.NewTopUps(s.db, s.Stripe, s.Catalog, s.syncer, time.Minute, slog.New(slog.DiscardHandler))
		requests := map[string]func(billing.AccountID, billing.SessionID) error{
			"checkout": func(id billing.AccountID, login billing.SessionID) error {
				_, _, err := s.service.Create(ctx, id, checkout.Request{Item: "pack_100", Login: login})
				return err
			},
			"portal": func(id billing.AccountID, login billing.SessionID) error {
				_, err := s.service.Portal(ctx, id, checkout.PortalRequest{Login: login})
				return err
			},
			"preview": func(id billing.AccountID, login billing.SessionID) error {
				_, err := s.service.Preview(ctx, id, checkout.ChangeRequest{Plan: "basic_monthly", Login: login})
				return err
			},
			"change": func(id billing.AccountID, login billing.SessionID) error {
				_, err := s.service.Change(ctx, id, checkout.ChangeRequest{Plan: "basic_monthly", Login: login})
				return err
			},
			"cancel": func(id billing.AccountID, login billing.SessionID) error {
				_, err := s.service.Cancel(ctx, id, checkout.CancelRequest{At: billing.CancelNow, Login: login})
				return err
			},
			"resume": func(id billing.AccountID, login billing.SessionID) error {
				_, err := s.service.Resume(ctx, id, checkout.ResumeRequest{Login: login})
				return err
			},
			"top-up": func(id billing.AccountID, login billing.SessionID) error {
				_, err := tops.Put(ctx, id, checkout.TopUpRequest{
					Pack: "pack_100", Threshold: 50, MonthlyLimit: 1, Login: login,
				})
				return err
			},
			"no top-up": func(id billing.AccountID, login billing.SessionID) error {
				return tops.Delete(ctx, id, login)
			},
		}
		for name, c := range map[string]struct {
			change func(tx *store.Tx, id billing.AccountID, login billing.SessionID) error
			want   billing.Code
		}{
			"ended": {func(tx *store.Tx, id billing.AccountID, login billing.SessionID) error {
				return tx.RevokeLogin(ctx, id, login)
			}, billing.EUnauthorized},
			"disabled": {func(tx *store.Tx, id billing.AccountID, _ billing.SessionID) error {
				return tx.SetDisabled(ctx, id, &tx.Now, "fraud")
			}, billing.EAccountClosed},
			"deleting": {func(tx *store.Tx, id billing.AccountID, _ billing.SessionID) error {
				return tx.SetDeleting(ctx, id)
			}, billing.EAccountClosed},
		} {
			a := s.buy(storetest.NewAccount(t, s.db).ID, checkout.Request{Item: "pro_monthly"})
			login := billing.NewSessionID(s.Now())
			must(t, s.db.InTx(ctx, func(tx *store.Tx) error {
				if err := tx.InsertLogin(ctx, billing.Login{
					ID: login, AccountID: a.ID, CreatedAt: tx.Now, ExpiresAt: tx.Now.Add(time.Hour),
				}); err != nil {
					return err
				}
				return c.change(tx, a.ID, login)
			}))
			for what, request := range requests {
				if err := request(a.ID, login); billing.CodeOf(err) != c.want {
					t.Errorf("%s at an account that is %s: got %v, want %s", what, name, err, c.want)
				}
			}
			after, err := s.db.Account(ctx, a.ID)
			must(t, err)
			orders, err := s.db.Orders(ctx, a.ID, "", 10)
			if err != nil || len(orders) != 1 || after.Subscription.CancelAtPeriodEnd || after.Version != a.Version {
				t.Errorf("%s: %d orders, %+v, %v", name, len(orders), after.Subscription, err)
			}
		}
	})
}
