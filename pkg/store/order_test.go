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

// TestWatchedOrders proves which orders a sync looks at: the open one, and after it those that were given up within 35
// days, the newest five of each kind, oldest first. These are failed ones of plans, and automatic ones that expired
// without a payment. However many of one kind there are, they push out none of the other.
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
		failed := func(id string, account billing.Account, kind billing.ItemKind, age time.Duration) billing.Order {
			o := order(id, account, age)
			o.Kind, o.Status, o.Automatic = kind, billing.OrderFailed, false
			return o
		}
		orders := []billing.Order{
			open, paid, page, order("strange", other, day), order("late", other, 34*day), order("old", other, 36*day),
			failed("plan", other, billing.KindPlan, 3*day), failed("old plan", other, billing.KindPlan, 36*day),
			failed("pack", other, billing.KindPack, 3*day), failed("first plan", a, billing.KindPlan, 34*day),
		}
		for n := range 6 {
			orders = append(orders, order(fmt.Sprint("n", n), a, 30*day-time.Minute-time.Duration(n)*day))
		}
		for _, o := range orders {
			storetest.Change(t, db, o.AccountID, func(ctx context.Context, tx *store.Tx, _ billing.Account) error {
				return tx.InsertOrder(ctx, o)
			})
		}
		for id, want := range map[billing.AccountID][]billing.OrderID{
			a.ID: {"open", "first plan", "n1", "n2", "n3", "n4", "n5"}, other.ID: {"plan", "late", "strange"},
		} {
			var got []billing.OrderID
			storetest.Change(t, db, id, func(ctx context.Context, tx *store.Tx, _ billing.Account) error {
				watched, err := tx.WatchedOrders(ctx, id)
				for _, o := range watched {
					got = append(got, o.ID)
				}
				return err
			})
			if !slices.Equal(got, want) {
				t.Errorf("%v, want %v", got, want)
			}
		}
	})
}
