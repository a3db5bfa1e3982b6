package account

import (
	"context"
	"strings"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
)

// Open returns the account that has an external id, and makes it if there is none. It has no password. An email of a
// later request changes nothing. Errors: EInvalid, EEmailTaken.
func (s *Service) Open(ctx context.Context, externalID, email string) (a billing.Account, made bool, err error) {
	if email != "" {
		if email, err = NormalizeEmail(email); err != nil {
			return a, false, err
		}
	}
	a, err = s.ByExternalID(ctx, externalID) // most often it is there, and no one need wait
	if billing.CodeOf(err) != billing.ENotFound {
		return a, false, err
	}
	err = s.db.InTx(ctx, func(tx *store.Tx) error {
		made = false
		id := billing.NewAccountID(tx.Now)
		owner, err := tx.EnterExternalID(ctx, externalID, id)
		if err != nil {
			return err
		}
		if owner != id {
			a, err = tx.Account(ctx, owner)
			return err
		}
		made = true
		a = billing.Account{
			ID: id, Email: email, ExternalID: externalID, Version: 1, Role: billing.RoleUser,
			Sync: billing.SyncState{BudgetAt: tx.Now}, CreatedAt: tx.Now,
		}
		return tx.InsertAccount(ctx, a)
	})
	return a, made, err
}

// Named returns the account that an operator names: by its id, its email in any spelling, or its external id. Errors:
// ENotFound.
func Named(ctx context.Context, db *store.DB, name string) (billing.Account, error) {
	if strings.HasPrefix(name, "acc_") {
		a, err := db.Account(ctx, billing.AccountID(name))
		return a, unknownAccount(err)
	}
	a, err := ByEmail(ctx, db, name)
	if code := billing.CodeOf(err); code == billing.EInvalid || code == billing.ENotFound {
		a, err = db.AccountByExternalID(ctx, name)
	}
	return a, unknownAccount(err)
}

// ByExternalID returns the account that has an external id, as it is now. Errors: ENotFound.
func (s *Service) ByExternalID(ctx context.Context, externalID string) (billing.Account, error) {
	a, err := s.db.AccountByExternalID(ctx, externalID)
	if err != nil {
		return a, unknownAccount(err)
	}
	return ledger.Current(ctx, s.db, a.ID)
}
