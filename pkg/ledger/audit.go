package ledger

import (
	"context"
	"fmt"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// Audit returns what is wrong with an account's points, or nil if nothing is. The balance must be the sum of the
// entries. The lots must have exactly the points that are available, held, or spent and not yet settled. The held
// points must be what the active holds set aside. Errors: *billing.Violation, ENotFound, and the database's.
func Audit(ctx context.Context, db *store.DB, id billing.AccountID) error {
	return db.InTx(ctx, func(tx *store.Tx) error {
		a, err := tx.LockAccount(ctx, id)
		if err != nil {
			return err
		}
		sums, err := tx.Sums(ctx, id)
		if err != nil {
			return err
		}
		switch {
		case a.Available < 0 || a.Held < 0 || a.Debt < 0 || (a.Debt > 0 && a.Available > 0):
			return broken(id, "balance", "available %d, held %d, debt %d", a.Available, a.Held, a.Debt)
		case sums.Entries != a.Total():
			return broken(id, "entries-sum", "the entries add up to %d and the balance is %d", sums.Entries, a.Total())
		case sums.Breaks != 0:
			return broken(id, "entries-chain", "%d entries do not follow from the one before", sums.Breaks)
		case sums.Remaining != a.Available+a.Unsettled:
			return broken(
				id, "lots-sum", "the lots have %d points left and the account %d", sums.Remaining,
				a.Available+a.Unsettled,
			)
		case sums.EntriesHeld != a.Held || sums.LotsHeld != a.Held || sums.Holds != a.Held:
			return broken(
				id, "held-sum", "it holds %d points, its entries %d, its lots %d, its active holds %d", a.Held,
				sums.EntriesHeld, sums.LotsHeld, sums.Holds,
			)
		case sums.Astray != 0:
			return broken(id, "hold-parts", "%d holds and lots do not have the points that they should", sums.Astray)
		}
		return nil
	})
}

func broken(id billing.AccountID, rule, format string, args ...any) error {
	return &billing.Violation{Account: id, Rule: rule, Detail: fmt.Sprintf(format, args...)}
}
