package store_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves that times keep their microseconds over a round trip and sort by them in both databases, in any zone. It does
// not matter whether their fractions end in zeros.
func TestStampsSort(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := storetest.NewAccount(t, db)
		base := time.Date(2030, 12, 31, 23, 59, 59, 0, time.UTC)
		var want []time.Time
		for _, d := range []time.Duration{
			0, 1, 9, 10, 100, 999, 1000, 99_999, 100_000, 500_000, 999_999, 1_000_000, 1_000_001, 86_400_000_000,
		} {
			want = append(want, base.Add(d*time.Microsecond))
		}
		err := write(db, func(ctx context.Context, tx *store.Tx) error {
			for _, i := range rand.Perm(len(want)) {
				lot := aLot(db, a.ID)
				lot.GrantKey = string(lot.ID)
				lot.ExpiresAt = new(want[i].In(time.FixedZone("", 5*3600)))
				if err := tx.InsertLot(ctx, lot); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		lots, err := db.Lots(context.Background(), a.ID)
		if err != nil {
			t.Fatal(err)
		}
		var got []time.Time
		for _, l := range lots {
			got = append(got, *l.ExpiresAt)
		}
		if !slices.Equal(got, want) { // == of times: also in UTC, and without a monotonic reading
			t.Errorf("got  %v\nwant %v", got, want)
		}
	})
}

// Proves that a comparison in SQL is exact to the microsecond: a lot that expires one later is still usable.
func TestStampsCompare(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		a := storetest.NewAccount(t, db)
		a.Available, a.NextExpiry = 10, new(clock.Now().Add(100*time.Millisecond))
		if err := write(
			db, func(ctx context.Context, tx *store.Tx) error { return tx.SavePoints(ctx, a) },
		); err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			after time.Duration
			want  bool
		}{
			{0, true}, {99_999 * time.Microsecond, true}, {100 * time.Millisecond, false},
			{100_001 * time.Microsecond, false},
		} {
			clock.Set(storetest.Epoch.Add(step.after))
			var ok bool
			err := write(db, func(ctx context.Context, tx *store.Tx) (err error) {
				_, ok, err = tx.Debit(ctx, a.ID, "", 1, billing.CapPolicy{})
				return err
			})
			if err != nil || ok != step.want {
				t.Errorf("after %s: debited %v (%v), want %v", step.after, ok, err, step.want)
			}
		}
	})
}

// Proves that the clock's nanoseconds do not reach a transaction, because its time would then differ from what is
// stored.
func TestNowIsWhatIsStored(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		clock.Set(time.Date(2030, 1, 1, 0, 0, 0, 123_456_789, time.FixedZone("", 3600)))
		a := storetest.NewAccount(t, db)
		var now time.Time
		if err := write(db, func(_ context.Context, tx *store.Tx) error { now = tx.Now; return nil }); err != nil {
			t.Fatal(err)
		}
		if got := accountOf(t, db, a.ID).CreatedAt; got != now || now != db.Now() {
			t.Errorf("stored %v, the transaction's time is %v and the database's %v", got, now, db.Now())
		}
	})
}

// Proves that every stamp has the same width, so that its text sorts.
func TestStampsAreOfOneWidth(t *testing.T) {
	t.Parallel()
	for _, ns := range []int{0, 1, 1000, 100_000_000, 999_999_999} {
		if got := store.StampText(
			time.Date(2030, 1, 1, 0, 0, 0, ns, time.UTC),
		); len(got) != len("2030-01-01T00:00:00.000000Z") {
			t.Errorf("%d ns: %s", ns, got)
		}
	}
}

// Proves that an entry's texts come back unchanged, even those that look like times or JSON. Entries are paged newest
// first by their place in the account's history, because those of one transaction have the same time.
func TestEntryRoundTrip(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, _ *storetest.Clock) {
		a := storetest.NewAccount(t, db)
		texts := []string{
			"2030-01-01T00:00:00Z", "2030-01-01 00:00:00", `{"a":1}`, "12", "", "'; DROP TABLE entries; --",
			"ünïcödé 🎈",
		}
		for i, text := range texts {
			err := write(db, func(ctx context.Context, tx *store.Tx) error {
				return tx.AppendEntry(ctx, billing.Entry{
					ID:          billing.NewEntryID(tx.Now),
					AccountID:   a.ID,
					Kind:        billing.EntrySpend,
					Amount:      -1,
					Seq:         int64(i),
					Description: text,
					Metadata:    map[string]string{"k" + text: text}, Key: text, RequestHash: text, CreatedAt: tx.Now,
				})
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		var before billing.EntryID
		for {
			page, err := db.Entries(context.Background(), a.ID, before, 3)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			for _, e := range page {
				if e.Key != e.Description || e.RequestHash != e.Description ||
					e.Metadata["k"+e.Description] != e.Description {
					t.Errorf("got %+v", e)
				}
				got = append(got, e.Description)
				before = e.ID
			}
		}
		slices.Reverse(got)
		if !slices.Equal(got, texts) {
			t.Errorf("got %q, want %q", got, texts)
		}
	})
}
