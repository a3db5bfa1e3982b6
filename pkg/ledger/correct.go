package ledger

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// Correct takes n points away for good, from the lots in burn order as a spend would. It cannot take more points than
// are available, and so never makes debt. A correction is a person's decision: the error tells that person how many
// points there are, and they can decide again. Errors: EConflict, EInvalid.
func Correct(
	ctx context.Context, tx *store.Tx, a billing.Account, n billing.Points, why string, by billing.Actor,
) (billing.Account, error) {
	if n < 1 || n > billing.MaxPoints {
		return a, billing.Errorf(billing.EInvalid, "The amount must be from 1 to %d points.", billing.MaxPoints)
	}
	a, _, err := settle(ctx, tx, a, byClock(a, tx.Now))
	if err != nil {
		return a, err
	}
	if a.Available < n {
		return a, billing.Errorf(billing.EConflict, "%d points to take away and %d available.", n, a.Available)
	}
	a.Available -= n
	a.Unsettled += n
	a.Version++
	if err := tx.SavePoints(ctx, a); err != nil {
		return a, err
	}
	return a, tx.AppendEntry(ctx, billing.Entry{
		ID:           billing.NewEntryID(tx.Now),
		AccountID:    a.ID,
		Kind:         billing.EntryCorrection,
		Amount:       -n,
		BalanceAfter: a.Total(),
		Seq:          a.Version,
		By:           by,
		Description:  why,
		CreatedAt:    tx.Now,
	})
}
