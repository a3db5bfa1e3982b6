package inbox_test

import (
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// park parks an account, or lets its grants through, as a person's word does.
func (w *world) park(a billing.Account, p billing.Parking, next *time.Time) {
	w.t.Helper()
	ctx := w.t.Context()
	must(w.t, w.db.InTx(ctx, func(tx *store.Tx) error {
		locked, err := tx.LockAccount(ctx, a.ID)
		if err != nil {
			return err
		}
		locked.Parking, locked.Sync.NextGrantAt = p, next
		return tx.SaveParking(ctx, locked)
	}))
}

// Proves that what waited comes by itself once a person let it through, though no event rings and nobody looks at the account,
// and that no second job is made for an account while one waits.
func TestUnparkedGrantsCome(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, _ := w.buyer()
		now := w.now().UTC().Truncate(time.Microsecond)
		w.park(a, billing.Parking{At: &now, Reason: "too many"}, nil)
		applied, err := w.syncer.Sync(w.t.Context(), a.ID)
		must(w.t, err)
		if got := w.account(a.ID); !applied || got.Available != 0 || got.Parking.At == nil {
			w.t.Fatalf("parked, and %+v came", got.Balance)
		}
		w.park(a, billing.Parking{Approved: true, EndedAt: &now}, &now)
		must(w.t, w.inbox.RingDue(w.t.Context()))
		must(w.t, w.inbox.RingDue(w.t.Context()))
		if n := w.count("SELECT count(*) FROM river_job WHERE kind = 'sync_due'"); n != 1 {
			w.t.Errorf("%d jobs for one account", n)
		}
		w.start(w.t)
		waitFor(w.t, "the points are there", func() bool { return w.account(a.ID).Available == 100 })
		if got := w.account(a.ID); got.Sync.NextGrantAt != nil || got.Parking.Approved {
			w.t.Errorf("afterwards %+v and %+v", got.Parking, got.Sync)
		}
	})
}
