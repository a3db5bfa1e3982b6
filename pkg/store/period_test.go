package store_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves that periods are read as they were written, by account and source, in order, and from after a given time. A
// period that has begun stays as it began, and only how much it carried changes.
func TestPeriods(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, _ *storetest.Clock) {
		a, other := storetest.NewAccount(t, db), storetest.NewAccount(t, db)
		now := db.Now()
		period := func(account billing.AccountID, source string, n int, rollover billing.Points) billing.BegunPeriod {
			end := now.AddDate(0, n+1, 0)
			return billing.BegunPeriod{
				AccountID: account, Source: source, Period: billing.Period{
					Start: now.AddDate(0, n, 0), End: end, Inner: n == 1,
				}, ExpiresAt: &end, Rollover: rollover,
			}
		}
		first, second, third := period(a.ID, "sub", 0, 3), period(a.ID, "sub", 1, 5), period(a.ID, "sub", 2, 7)
		third.ExpiresAt = nil
		err := write(db, func(ctx context.Context, tx *store.Tx) (err error) {
			for _, p := range []billing.BegunPeriod{
				third, first, second, period(a.ID, "sub", 1, 9), period(other.ID, "sub", 3, 1),
				period(a.ID, "other", 4, 1),
			} {
				err = errors.Join(err, tx.BeginPeriod(ctx, p))
			}
			second.Carried = 2
			return errors.Join(err, tx.SaveCarried(ctx, second))
		})
		if err != nil {
			t.Fatal(err)
		}
		for since, want := range map[time.Time][]billing.BegunPeriod{
			now.Add(-time.Second): {first, second, third}, now: {second, third}, third.Start: {},
		} {
			got, err := db.PeriodsSince(t.Context(), a.ID, "sub", since)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("since %v: %+v (%v)\nwant %+v", since, got, err, want)
			}
		}
		if got, ok, err := db.NewestPeriod(
			t.Context(), a.ID, "sub",
		); err != nil || !ok || !reflect.DeepEqual(got, third) {
			t.Errorf("the newest: %+v, %v, %v", got, ok, err)
		}
		if _, ok, err := db.NewestPeriod(t.Context(), a.ID, "nothing"); err != nil || ok {
			t.Errorf("of nothing: %v, %v", ok, err)
		}
		if second.Room() != 3 {
			t.Errorf("of 5 points 2 were carried: %d more fit", second.Room())
		}
	})
}
