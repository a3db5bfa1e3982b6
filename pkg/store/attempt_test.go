package store_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

var tries = []billing.Attempt{
	{Kind: billing.AttemptAddress, Subject: "203.0.113.1"}, {Kind: billing.AttemptPair, Subject: "p"},
	{Kind: billing.AttemptAccount, Subject: "a"},
}

func count(t *testing.T, db *store.DB, keys ...billing.Attempt) map[billing.Attempt]billing.AttemptCount {
	t.Helper()
	var counts map[billing.Attempt]billing.AttemptCount
	err := db.InTx(t.Context(), func(tx *store.Tx) (err error) {
		counts, err = tx.CountAttempts(t.Context(), keys)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return counts
}

// TestCountAttempts proves that the statement counts as billing.AttemptCount.Next does, that each kind forgets at its
// own pace, that a count is bounded, and that what is back at zero is deleted.
func TestCountAttempts(t *testing.T) {
	t.Parallel()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		now := time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)
		db := storetest.OpenURL(t, storetest.URL(t, dialect), func() time.Time { return now })
		want := map[billing.Attempt]billing.AttemptCount{}
		for _, pause := range []time.Duration{0, time.Second, 0, time.Minute, 90 * time.Second, time.Hour} {
			now = now.Add(pause)
			for _, k := range tries {
				want[k] = want[k].Next(k.Kind, now)
			}
			counted := count(t, db, tries...)
			read, err := db.Attempts(t.Context(), tries)
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range tries {
				if counted[k] != want[k] || read[k] != want[k] {
					t.Errorf("%s after %s: counted %v, read %v, want %v", k.Kind, pause, counted[k], read[k], want[k])
				}
			}
		}
		for range 2 * billing.MaxAttempts {
			count(t, db, tries[0])
		}
		counts := count(t, db, tries...)
		if _, counted := counts[tries[0]]; counted || len(counts) != 2 {
			t.Errorf("a full count grows: %v", counts)
		}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(db.InTx(t.Context(), func(tx *store.Tx) error { return tx.UncountAttempts(t.Context(), tries[:1]) }))
		read, err := db.Attempts(t.Context(), tries)
		must(err)
		if level := read[tries[0]].Level(billing.AttemptAddress, now); level != billing.MaxAttempts-1 {
			t.Errorf("level %d after one was taken back", level)
		}
		until := now.Add(billing.KnownFor)
		must(db.InTx(t.Context(), func(tx *store.Tx) error { return tx.KeepKnown(t.Context(), "p", until) }))
		now = now.Add(2 * time.Hour)
		must(db.InTx(t.Context(), func(tx *store.Tx) error { return tx.DeleteOldAttempts(t.Context()) }))
		known := billing.Attempt{Kind: billing.AttemptKnown, Subject: "p"}
		read, err = db.Attempts(t.Context(), append(tries, known))
		must(err)
		if len(read) != 1 || !read[known].ZeroAt.Equal(until) {
			t.Errorf("kept: %v", read)
		}
	})
}

// Proves that an attempt that is counted while old counts are deleted is kept. The deletion waits for the row that it
// chose, and finds that the count is no longer at zero.
func TestDeleteOldAttemptsBeside(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		count(t, db, tries[0])
		clock.Advance(24 * time.Hour)
		var all errgroup.Group
		err := db.InTx(t.Context(), func(tx *store.Tx) error {
			_, err := tx.CountAttempts(t.Context(), tries[:1])
			all.Go(func() error {
				return db.InTx(t.Context(), func(tx *store.Tx) error { return tx.DeleteOldAttempts(t.Context()) })
			})
			if db.Dialect() == store.Postgres {
				storetest.WaitForLock(t, db)
			}
			return err
		})
		if err := errors.Join(err, all.Wait()); err != nil {
			t.Fatal(err)
		}
		if read, err := db.Attempts(t.Context(), tries[:1]); err != nil || len(read) != 1 {
			t.Errorf("%v, %v", read, err)
		}
	})
}

// Proves that a mail finds its budget, however a deletion of old ones falls. Here it begins after the first statement.
func TestLockMailBudgetBeside(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		first := clock.Now()
		lock := func(tx *store.Tx) error {
			wholeAt, err := tx.LockMailBudget(t.Context(), "a")
			if err == nil && !wholeAt.Equal(first) {
				t.Errorf("it is whole at %v", wholeAt)
			}
			return err
		}
		if err := db.InTx(t.Context(), lock); err != nil {
			t.Fatal(err)
		}
		clock.Advance(time.Hour)
		var begun, deleted atomic.Bool
		var all errgroup.Group
		db.Watch(func(_ context.Context, statement string) {
			if !strings.HasPrefix(statement, "INSERT") || begun.Swap(true) {
				return
			}
			all.Go(func() error {
				defer deleted.Store(true)
				return db.InTx(t.Context(), func(tx *store.Tx) error { return tx.DeleteOldMail(t.Context()) })
			})
			if db.Dialect() == store.Postgres {
				storetest.WaitFor(t, "the deletion is done, or waits", func() bool {
					return deleted.Load() || storetest.Count(t, db, `SELECT count(*) FROM pg_stat_activity
						WHERE datname = current_database() AND wait_event_type = 'Lock'`) > 0
				})
			}
		})
		err := db.InTx(t.Context(), lock)
		if err := errors.Join(err, all.Wait()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestCountAttemptsTogether proves that no attempt is lost when many are counted at once, and that those of many
// addresses at one account do not deadlock.
func TestCountAttemptsTogether(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				address := billing.Attempt{Kind: billing.AttemptAddress, Subject: string(rune('a' + i%4))}
				count(t, db, address, tries[2])
			})
		}
		all.Wait()
		read, err := db.Attempts(t.Context(), tries)
		if err != nil {
			t.Fatal(err)
		}
		if level := read[tries[2]].Level(billing.AttemptAccount, db.Now()); level != 20 {
			t.Errorf("%d of 20 attempts were counted", level)
		}
	})
}
