package ledger_test

import (
	"context"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
)

func (b *book) restore(key string, total billing.Points) {
	b.t.Helper()
	b.tell(func(ctx context.Context, tx *store.Tx, a billing.Account) error {
		_, err := ledger.Restore(ctx, tx, a, key, total, "won")
		return err
	})
}

// Proves that clawed-back points come back once, with an entry, to the lot that had them. Asking again, or for points
// that are not clawed back, changes nothing.
func TestRestore(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.grant("pack", 10, never)
		b.restore("pack", 0)
		b.restore("nothing", 0)
		b.clawback("pack", 8)
		b.restore("pack", 8)
		b.restore("pack", 5)
		b.wantLots("pack 5")
		b.restore("pack", 0)
		b.restore("pack", 0)
		b.wantLots("pack 10")
		b.clawback("pack", 8) // and it may go back again
		b.wantLots("pack 2")
		b.wantEntries("grant 10 -> 10", "clawback -8 -> 2", "restore 3 -> 5", "restore 5 -> 10", "clawback -8 -> 2")
	})
}

// Proves that restored points pay debt first: the debt that the spent points of a purchase had become.
func TestRestorePaysDebt(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.grant("pack", 10, never)
		b.spend(7)
		b.clawback("pack", 10)
		b.wantBalance(billing.Balance{Debt: 7})
		b.restore("pack", 5)
		b.wantBalance(billing.Balance{Debt: 2})
		b.restore("pack", 0)
		b.wantBalance(billing.Balance{Available: 3})
		b.wantLots("pack 3")
	})
}

// Proves what happens if a lot ended in the meantime: its own points end with it. No one loses what other lots had, or
// what paid the debt: that comes back without an expiry.
func TestRestoreAfterTheEnd(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spent, pack, late billing.Points // of the month's 10; before and after the clawback
		want              billing.Points
	}{
		"Unspent": {0, 5, 0, 5}, "SpentFromPack": {7, 20, 0, 20}, "BecameDebt": {10, 0, 30, 30},
		"SomeOfEach": {7, 2, 30, 2 + 30},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachBook(t, func(t *testing.T, b *book) {
				b.grant("month", 10, time.Hour)
				if c.pack > 0 {
					b.grant("pack", c.pack, never)
				}
				if c.spent > 0 {
					b.spend(c.spent)
				}
				b.clawback("month", 10)
				if c.late > 0 {
					b.grant("late", c.late, never)
				}
				b.clock.Advance(2 * time.Hour)
				b.restore("month", 0)
				b.wantBalance(billing.Balance{Available: c.want})
				b.clock.Advance(1000 * time.Hour)
				b.wantBalance(billing.Balance{Available: c.want})
			})
		})
	}
}

// Proves that a refund of a period that is long over makes no debt for points that expired unused, however many. It
// makes debt for points that were spent.
func TestClawbackAfterTheEnd(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.grant("month", 10, time.Hour)
		b.grant("pack", 5, never)
		b.spend(4)
		b.clock.Advance(2 * time.Hour)
		b.clawback("month", 3) // and no read had ended it
		b.wantLots("pack 2")
		b.clawback("month", 10)
		b.clawback("month", 10)
		b.wantLots("pack 1")
		b.restore("month", 0)
		b.wantBalance(billing.Balance{Available: 5})
		b.wantEntries(
			"grant 10 -> 10", "grant 5 -> 15", "spend -4 -> 11", "expire -6 -> 5", "clawback -3 -> 2",
			"clawback -1 -> 1", "restore 4 -> 5",
		)
	})
}

// Proves that a lot's own points pay debt that other points became. A pack's 100 points are clawed back in full. 50 of
// a gift were spent and are clawed back too, so 50 are owed. The pack's 100 come back: 50 pay the debt, and 50 can be
// spent, in the pack's own lot.
func TestRestorePaysDebtOfOthers(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.grant("gift", 50, never)
		b.spend(50)
		b.grant("pack", 100, never)
		b.clawback("pack", 100)
		b.clawback("gift", 50)
		b.wantBalance(billing.Balance{Debt: 50})
		b.restore("pack", 0)
		b.wantBalance(billing.Balance{Available: 50})
		b.wantLots("pack 50")
		b.wantSum(50)
	})
}

// Proves that a key that granted another account's lot claws nothing back and restores nothing, and that a total below
// zero counts as none.
func TestKeysOfOthers(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		other := b.besideAnother(t, 10)
		theirs := "pack:" + string(other.id)
		b.clawback(theirs, 5)
		b.wantBalance(billing.Balance{Available: 10})
		other.wantBalance(billing.Balance{Available: 10})
		other.clawback(theirs, 5)
		b.restore(theirs, 0)
		other.wantBalance(billing.Balance{Available: 5})
		b.wantBalance(billing.Balance{Available: 10})
		other.restore(theirs, -1)
		other.wantBalance(billing.Balance{Available: 5})
		other.wantLots(theirs + " 5")
	})
}
