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

// Proves which accounts have expired lots that were not ended, each listed once. The longest overdue come first, and
// those with a live subscription come after all others.
func TestRanOut(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, _ *storetest.Clock) {
		now, n := db.Now(), 0
		has := func(status billing.SubscriptionStatus, lots ...billing.Lot) billing.AccountID {
			t.Helper()
			a := storetest.NewAccount(t, db)
			err := write(db, func(ctx context.Context, tx *store.Tx) error {
				for _, l := range lots {
					n++
					l.ID, l.AccountID, l.GrantKey = billing.NewLotID(now), a.ID, fmt.Sprint(n)
					l.Granted, l.CreatedAt = 5, now
					if err := tx.InsertLot(ctx, l); err != nil {
						return err
					}
				}
				if status == "" {
					return nil
				}
				a.Subscription = &billing.Subscription{
					ID:                 billing.SubscriptionID(fmt.Sprint("sub_", n)),
					Status:             status,
					CurrentPeriodStart: now,
					CurrentPeriodEnd:   now,
				}
				return tx.SaveSubscription(ctx, a)
			})
			if err != nil {
				t.Fatal(err)
			}
			return a.ID
		}
		ago := func(d time.Duration) *time.Time { at := now.Add(-d); return &at }
		has("", billing.Lot{Remaining: 5}, billing.Lot{
			Remaining: 5, ExpiresAt: ago(-time.Second),
		}, billing.Lot{ExpiresAt: ago(time.Hour)},
			billing.Lot{Held: 5, ExpiresAt: ago(time.Hour), EndedAt: ago(time.Minute)})
		var want, asked []billing.AccountID
		for i, status := range []billing.SubscriptionStatus{
			billing.SubTrialing, "", billing.SubActive, billing.SubCanceled, billing.SubPastDue, billing.SubIncomplete,
			billing.SubUnpaid, billing.SubIncompleteExpired,
			billing.SubPaused,
		} {
			id := has(
				status, billing.Lot{Remaining: 1, ExpiresAt: ago(0)},
				billing.Lot{Held: 1, ExpiresAt: ago(time.Hour - time.Duration(i)*time.Minute)},
			)
			if status.Live() {
				asked = append(asked, id)
			} else {
				want = append(want, id)
			}
		}
		for limit, want := range map[int][]billing.AccountID{100: append(want, asked...), 2: want[:2]} {
			accounts, err := db.RanOut(context.Background(), now, limit)
			if err != nil {
				t.Fatal(err)
			}
			var got []billing.AccountID
			for _, a := range accounts {
				got = append(got, a.ID)
			}
			if !slices.Equal(got, want) {
				t.Errorf("up to %d: %v, want %v", limit, got, want)
			}
		}
	})
}
