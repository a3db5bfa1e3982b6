package inbox_test

import (
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
)

// Proves that held points come back by themselves when their time is over, though nobody looks at the account.
func TestHoldsComeBack(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		ctx := w.t.Context()
		a := w.draft()
		w.insert(a)
		must(w.t, w.db.InTx(ctx, func(tx *store.Tx) error {
			locked, err := tx.LockAccount(ctx, a.ID)
			if err != nil {
				return err
			}
			_, _, err = ledger.Grant(ctx, tx, locked, billing.Grant{Key: "pack", Source: "pack", Amount: 10})
			return err
		}))
		_, err := ledger.Hold(ctx, w.db, a.ID, ledger.HoldRequest{Amount: 7, TTL: time.Minute})
		must(w.t, err)
		if got := w.account(a.ID); got.Available != 3 || got.Held != 7 {
			w.t.Errorf("%+v", got.Balance)
		}
		w.advance(time.Minute)
		w.start(w.t)
		waitFor(w.t, "the points are back", func() bool { return w.account(a.ID).Balance == billing.Balance{Available: 10} })
		must(w.t, ledger.Audit(ctx, w.db, a.ID))
	})
}
