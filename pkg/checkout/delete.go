package checkout

import (
	"context"
	"errors"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

const (
	deletionInterval = 30 * time.Second // between two looks at deletions that are not done
	deletionBatch    = 100
	// pageGrace is how long a request may take to open the page of an order that it wrote just before the deletion.
	pageGrace = 2 * time.Minute
)

// BeginDeletion closes the account for good and ends its logins. A running server does the rest. action is what an
// operator did, or nil. A repeat changes nothing. Errors: ENotFound.
func BeginDeletion(ctx context.Context, db *store.DB, id billing.AccountID, action *billing.AdminAction) error {
	return db.InTx(ctx, func(tx *store.Tx) error {
		a, err := tx.LockAccount(ctx, id)
		if err != nil || a.DeletingAt != nil {
			return err
		}
		if err := tx.SetDeleting(ctx, id); err != nil {
			return err
		}
		if action != nil {
			action.ID, action.AccountID, action.CreatedAt = billing.NewActionID(tx.Now), id, tx.Now
			if err := tx.InsertAdminAction(ctx, *action); err != nil {
				return err
			}
		}
		return tx.RevokeLogins(ctx, id)
	})
}

// FinishDeletions does the rest of the deletions that were asked for. If one cannot be finished, because Stripe does
// not reply, it continues with the others and returns the errors. The next look tries again.
func (s *Service) FinishDeletions(ctx context.Context) error {
	ids, err := s.db.DeletingAccounts(ctx, "", deletionBatch)
	if err != nil {
		return err
	}
	var failures []error
	for _, id := range ids {
		failures = append(failures, s.finishDeletion(ctx, id))
	}
	return errors.Join(failures...)
}

// finishDeletion ends what could still charge the person, first at Stripe and then here, and erases their data.
func (s *Service) finishDeletion(ctx context.Context, id billing.AccountID) error {
	a, err := s.db.Account(ctx, id)
	if err != nil || a.DeletedAt != nil {
		return err
	}
	if a.CustomerID != "" {
		if err := s.endSales(ctx, a); err != nil {
			return err
		}
	}
	return s.db.InTx(ctx, func(tx *store.Tx) error {
		a, err := tx.LockAccount(ctx, id)
		if err != nil || a.DeletedAt != nil {
			return err
		}
		return tx.ErasePerson(ctx, a)
	})
}

// endSales closes the open pages of a closed account, and cancels its subscription at once.
func (s *Service) endSales(ctx context.Context, a billing.Account) error {
	open, err := s.db.OpenOrders(ctx, a.ID)
	if err != nil {
		return err
	}
	for _, o := range open {
		if !o.Automatic && o.URL == "" && s.db.Now().Sub(o.CreatedAt) < pageGrace {
			return billing.Errorf(billing.EConflict, "A page of this account is being opened.")
		}
	}
	if err := s.leave(ctx, a); err != nil { // closes the pages, and syncs
		return err
	}
	if a, err = s.db.Account(ctx, a.ID); err != nil {
		return err
	}
	if sub := a.Subscription; sub == nil || !sub.Status.Live() {
		return nil
	}
	if err := s.stripe.CancelNow(ctx, a.Subscription.ID, "delete:"+string(a.Subscription.ID)); err != nil {
		return err
	}
	_, err = s.syncer.Sync(ctx, a.ID, billing.CauseChange)
	return err
}
