package account

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
)

// Open returns the id of the account that has an external id, and makes the account if there is none. It has neither an
// email nor a password.
func (s *Service) Open(ctx context.Context, externalID string) (id billing.AccountID, made bool, err error) {
	id, err = s.db.AccountOfExternalID(ctx, externalID) // most often it is there, and no one need wait
	if billing.CodeOf(err) != billing.ENotFound {
		return id, false, err
	}
	err = s.db.InTx(ctx, func(tx *store.Tx) error {
		fresh := billing.NewAccountID(tx.Now)
		id, err = tx.EnterExternalID(ctx, externalID, fresh)
		made = err == nil && id == fresh
		if !made {
			return err
		}
		return tx.InsertAccount(ctx, billing.Account{
			ID: id, ExternalID: externalID, Version: 1, Role: billing.RoleUser,
			Sync: billing.SyncState{BudgetAt: tx.Now}, CreatedAt: tx.Now,
		})
	})
	return id, made, err
}

// Named returns the account that an operator names: by its id, else by its email in any spelling, else by its external
// id. Errors: ENotFound.
func Named(ctx context.Context, db *store.DB, name string) (billing.Account, error) {
	a, err := db.Account(ctx, billing.AccountID(name))
	if billing.CodeOf(err) == billing.ENotFound {
		a, err = ByEmail(ctx, db, name)
	}
	if code := billing.CodeOf(err); code == billing.EInvalid || code == billing.ENotFound {
		var id billing.AccountID
		if id, err = db.AccountOfExternalID(ctx, name); err == nil {
			a, err = db.Account(ctx, id)
		}
	}
	return a, unknownAccount(err)
}

// ByExternalID returns the account that has an external id, as it is now. Errors: ENotFound.
func (s *Service) ByExternalID(ctx context.Context, externalID string) (billing.Account, error) {
	id, err := s.db.AccountOfExternalID(ctx, externalID)
	if err != nil {
		return billing.Account{}, unknownAccount(err)
	}
	return ledger.Current(ctx, s.db, id)
}
