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
	if err := billing.NeedReason(d.Reason); err != nil {
		return false, err
	}
	err = db.InTx(ctx, func(tx *store.Tx) error {
		a, err := tx.LockAccount(ctx, id)
		if err != nil {
			return err
		}
		request := adminRequest(id, d.Key, billing.RequestHash(billing.ActionUnpark, d.Reason))
		_, replayed, err = tx.Once(ctx, request, func() (string, error) {
			action, err := unpark(ctx, tx, a, d)
			return string(action), err
		})
		return err
	})
	return replayed, err
}

// unpark approves what waits and makes it due now, and records who decided it.
func unpark(ctx context.Context, tx *store.Tx, a billing.Account, d Decision) (billing.ActionID, error) {
	if a.Parking.At == nil {
		return "", billing.Errorf(billing.EConflict, "The account is not parked: nothing waits.")
	}
	a.Parking = billing.Parking{Approved: true, EndedAt: &tx.Now}
	a.Sync.NextGrantAt = &tx.Now
	if err := tx.SaveParking(ctx, a); err != nil {
		return "", err
	}
	action := billing.NewActionID(tx.Now)
	return action, tx.InsertAdminAction(ctx, billing.AdminAction{
		ID:        action,
		AccountID: a.ID,
		AdminID:   d.By,
		Action:    billing.ActionUnpark,
		Reason:    d.Reason,
		CreatedAt: tx.Now,
	})
}
