package store_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// TestWatchedOrders proves which orders a sync looks at: the open one, and after it the newest five automatic ones that
// expired without a payment within 30 days, oldest first.
func TestWatchedOrders(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a, other, now := storetest.NewAccount(t, db), storetest.NewAccount(t, db), db.Now()
		order := func(id string, account billing.Account, age time.Duration) billing.Order {
			return billing.Order{
				ID: billing.OrderID(id), AccountID: account.ID, Item: "pack", Kind: billing.KindPack, Quantity: 1,
				Currency: "usd", Status: billing.OrderExpired, Automatic: true, CreatedAt: now.Add(-age),
			}
		}
		const day = 24 * time.Hour
		open, paid, page := order("open", a, 0), order("paid", a, day), order("page", a, day)
		open.Status, paid.PaymentIntentID, page.Automatic = billing.OrderPending, "pi_1", false
		orders := []billing.Order{open, paid, page, order("old", a, 31*day), order("strange", other, day)}
		for n := range 6 {
			orders = append(orders, order(fmt.Sprint("n", n), a, 30*day-time.Minute-time.Duration(n)*day))
		}
		for _, o := range orders {
			storetest.Change(t, db, o.AccountID, func(ctx context.Context, tx *store.Tx, _ billing.Account) error {
				return tx.InsertOrder(ctx, o)
			})
		}
		var got []billing.OrderID
		storetest.Change(t, db, a.ID, func(ctx context.Context, tx *store.Tx, _ billing.Account) error {
			watched, err := tx.WatchedOrders(ctx, a.ID)
			for _, o := range watched {
				got = append(got, o.ID)
			}
			return err
		})
		if want := []billing.OrderID{"open", "n1", "n2", "n3", "n4", "n5"}; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	})
}
