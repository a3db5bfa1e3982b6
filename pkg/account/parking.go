package account

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
)

// Unpark lets a parked account's grants through, once for each key, and syncs at once so that the points arrive. If
// Stripe does not reply, the job that looks for due points grants them within a minute. A repeat changes nothing and
// returns the account as it is now. Errors: ENotFound, EConflict (it is not parked), EKeyReused, EInvalid.
func (s *Service) Unpark(
	ctx context.Context, id billing.AccountID, d Decision,
) (a billing.Account, replayed bool, err error) {
	if replayed, err = Unpark(ctx, s.db, id, d); err != nil {
		return a, false, err
	}
	if !replayed {
		if _, err := s.syncer.SyncNow(ctx, id, billing.CauseOperator); err != nil {
			return a, false, err
		}
	}
	a, err = ledger.Current(ctx, s.db, id)
	return a, replayed, err
}

// Unpark is the part of Service.Unpark that needs no Stripe. The next sync grants what waited.
func Unpark(ctx context.Context, db *store.DB, id billing.AccountID, d Decision) (replayed bool, err error) {
	return Decide(ctx, db, id, billing.ActionUnpark, d, func(tx *store.Tx, a billing.Account) (bool, error) {
		if a.Parking.At == nil {
			return false, billing.Errorf(billing.EConflict, "The account is not parked: nothing waits.")
		}
		a.Parking = billing.Parking{Approved: true, EndedAt: &tx.Now}
		a.Sync.NextGrantAt = &tx.Now
		return true, tx.SaveParking(ctx, a)
	})
}
