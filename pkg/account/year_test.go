package account

import (
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/housetest"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// TestSpendOfDueMonth proves the case that a spend inside the window lacks points and a month of a paid year is due.
// The spend's one sync grants the month before the job does, and the month's points can then be spent. A spend that has
// enough points causes no sync.
func TestSpendOfDueMonth(t *testing.T) {
	t.Parallel()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		w := yearly(t, dialect)
		// outside of a window: it syncs
		first, err := w.s.Spend(t.Context(), w.claims, ledger.SpendRequest{Amount: 100})
		must(t, err)
		due := first.Account.Sync.NextGrantAt
		if first.Account.Available != 400 || due == nil {
			t.Fatalf("the first month: %+v, %+v", first.Account.Balance, first.Account.Sync)
		}
		w.Advance(due.Sub(w.Now()) + time.Second)
		w.mint(first.Account)
		for _, spend := range []struct {
			amount, left billing.Points
			syncs        int
		}{{10, 390, 1}, {450, 50, 2}, {50, 0, 2}} {
			got, err := w.s.Spend(t.Context(), w.claims, ledger.SpendRequest{Amount: spend.amount})
			if err != nil || got.Account.Available != spend.left || got.Stale {
				t.Errorf("a spend of %d: %+v, %v", spend.amount, got.Account.Balance, err)
			}
			if n := storetest.Count(t, w.db, "SELECT count(*) FROM syncs WHERE cause = 'spend'"); n != spend.syncs {
				t.Errorf("after a spend of %d there were %d syncs", spend.amount, n)
			}
		}
		must(t, ledger.Audit(t.Context(), w.db, w.id))
	})
}

// yearly returns a world that sells a yearly plan with monthly grants. The customer has paid for it, and the database
// does not know it yet.
func yearly(t *testing.T, dialect store.Dialect) *world {
	t.Helper()
	w := newWorld(t, dialect, &catalog.Catalog{Plans: []billing.Plan{housetest.BasicYear}})
	w.subscribe("basic_year")
	return w
}
