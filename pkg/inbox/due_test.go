package inbox_test

import (
	"context"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/housetest"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// park parks an account, or lets its grants through, as a person's decision does.
func (w *world) park(a billing.Account, p billing.Parking, next *time.Time) {
	w.t.Helper()
	storetest.Change(w.t, w.db, a.ID, func(ctx context.Context, tx *store.Tx, locked billing.Account) error {
		locked.Parking, locked.Sync.NextGrantAt = p, next
		return tx.SaveParking(ctx, locked)
	})
}

// Proves that grants which waited come by themselves after a person let them through, although no event comes and no
// one looks at the account. Also proves that no second job is made for an account while one waits.
func TestUnparkedGrantsCome(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, _ := w.buyer()
		now := w.Now().UTC().Truncate(time.Microsecond)
		w.park(a, billing.Parking{At: &now, Reason: "too many"}, nil)
		applied, err := w.syncer.Sync(w.t.Context(), a.ID, billing.CauseEvent)
		must(w.t, err)
		if got := w.account(a.ID); !applied || got.Available != 0 || got.Parking.At == nil {
			w.t.Fatalf("parked, and %+v came", got.Balance)
		}
		w.park(a, billing.Parking{Approved: true, EndedAt: &now}, &now)
		must(w.t, w.syncer.LookForDue(w.t.Context(), w.jobs))
		must(w.t, w.syncer.LookForDue(w.t.Context(), w.jobs))
		if n := w.count("SELECT count(*) FROM river_job WHERE kind = 'sync_due'"); n != 1 {
			w.t.Errorf("%d jobs for one account", n)
		}
		w.start(w.t)
		storetest.WaitFor(w.t, "the points are there", func() bool { return w.account(a.ID).Available == 100 })
		if got := w.account(a.ID); got.Sync.NextGrantAt != nil || got.Parking.Approved {
			w.t.Errorf("afterwards %+v and %+v", got.Parking, got.Sync)
		}
	})
}

// Proves that a month of a paid year that falls due is granted by the job alone: no event comes, and no one looks at
// the account.
func TestYearNobodyLooks(t *testing.T) {
	t.Parallel()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		s := newShop(t)
		s.sells(housetest.BasicYear)
		w := s.replica(t, storetest.URL(t, dialect))
		a := w.yearly(100)
		got := w.account(a.ID)
		if got.Available != 400 || got.Sync.NextGrantAt == nil {
			t.Fatalf("the first month: %+v, %+v", got.Balance, got.Sync)
		}
		w.Advance(got.Sync.NextGrantAt.Sub(w.Now()) + time.Second)
		w.start(t)
		storetest.WaitFor(t, "the second month is there", func() bool { return w.account(a.ID).Available == 500 })
		if next := w.account(a.ID).Sync.NextGrantAt; next == nil || !next.After(*got.Sync.NextGrantAt) {
			t.Errorf("the third month comes at %v", next)
		}
		if n := w.count("SELECT count(*) FROM syncs WHERE cause = 'due'"); n != 1 {
			t.Errorf("%d syncs because points fell due", n)
		}
		must(t, ledger.Audit(t.Context(), w.db, a.ID))
	})
}
