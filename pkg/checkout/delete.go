package checkout

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

const (
	deletionInterval = 30 * time.Second // between two looks at deletions that are not done
	deletionBatch    = 100
	deletionTimeout  = 15 * time.Second // of one account
	// pageGrace is how long a request may take to open the page of an order that it wrote just before the deletion.
	pageGrace = 2 * time.Minute
	// freshLogin is how old a login may be that deletes its account.
	freshLogin = 10 * time.Minute
	// maxSubscriptions bounds how many subscriptions of one account one look cancels. An account should have one.
	maxSubscriptions = 10
)

// BeginDeletion closes the account for good and ends its logins, for a reason that is recorded. A running server does
// the rest. A repeat changes nothing. Errors: EInvalid (no reason), ENotFound.
func BeginDeletion(ctx context.Context, db *store.DB, id billing.AccountID, reason string) error {
	if err := billing.NeedReason(reason); err != nil {
		return err
	}
	return db.InTx(ctx, func(tx *store.Tx) error {
		a, err := tx.LockAccount(ctx, id)
		if err != nil || a.DeletingAt != nil {
			return err
		}
		if err := tx.InsertAdminAction(ctx, billing.AdminAction{
			ID: billing.NewActionID(tx.Now), AccountID: id, Action: billing.ActionDelete, Reason: reason,
			CreatedAt: tx.Now,
		}); err != nil {
			return err
		}
		return closeForGood(ctx, tx, id)
	})
}

// DeleteAccount closes a customer's own account for good and ends its logins, and returns it. A running server does the
// rest. Errors: EUnauthorized (the login has ended), ELoginTooOld, EAccountClosed.
func (s *Service) DeleteAccount(
	ctx context.Context, id billing.AccountID, login billing.SessionID,
) (a billing.Account, err error) {
	err = s.db.InTx(ctx, func(tx *store.Tx) error {
		if a, err = tx.LockOpen(ctx, id, login); err != nil {
			return err
		}
		l, err := tx.Login(ctx, id, login)
		if err != nil {
			return err
		}
		if tx.Now.Sub(l.CreatedAt) > freshLogin {
			return billing.Errorf(billing.ELoginTooOld, "This login is more than 10 minutes old. Log in again.")
		}
		a.DeletingAt = &tx.Now
		return closeForGood(ctx, tx, id)
	})
	return a, err
}

// closeForGood closes an account whose lock the transaction holds.
func closeForGood(ctx context.Context, tx *store.Tx, id billing.AccountID) error {
	if err := tx.SetDeleting(ctx, id); err != nil {
		return err
	}
	return tx.RevokeLogins(ctx, id)
}

// FinishDeletions does the rest of the deletions that were asked for. A failure for one account, for example because
// Stripe does not reply, is logged, and the next look tries again.
func (s *Service) FinishDeletions(ctx context.Context) error {
	after := billing.AccountID("")
	for range maxBatches {
		ids, err := s.db.DeletingAccounts(ctx, after, deletionBatch)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := s.finishDeletion(ctx, id); err != nil {
				s.log.WarnContext(ctx, "a deletion could not be finished", "account", id, "error", err)
			}
			after = id
		}
		if len(ids) < deletionBatch {
			break
		}
	}
	return nil
}

// finishDeletion ends what could still charge the person, first at Stripe and then here, and erases their data.
func (s *Service) finishDeletion(ctx context.Context, id billing.AccountID) error {
	ctx, cancel := context.WithTimeout(ctx, deletionTimeout)
	defer cancel()
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

// endSales closes the open pages of a closed account, and cancels its subscriptions at once.
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
	// As long as one can still charge the person, it is the one that counts: those that have ended come last.
	for range maxSubscriptions {
		now, err := s.db.Account(ctx, a.ID)
		if err != nil || now.Subscription == nil {
			return err
		}
		sub := now.Subscription
		if !sub.Status.Live() && sub.Status != billing.SubIncomplete {
			return s.voidAll(ctx, sub.ID) // a look that was cut off may have left some
		}
		if err := s.stripe.CancelNow(ctx, sub.ID, "delete:"+string(sub.ID)); err != nil {
			return err
		}
		if err := s.voidAll(ctx, sub.ID); err != nil {
			return err
		}
		if _, err := s.syncer.Sync(ctx, a.ID, billing.CauseChange); err != nil {
			return err
		}
	}
	return billing.Errorf(billing.EConflict, "The account has more than %d subscriptions.", maxSubscriptions)
}

// voidAll voids the open invoices of a subscription that has ended, so that no one pays for it any more. What Stripe
// refuses to void, such as an invoice that was paid just now, is left to a sync: it does not keep the person's data
// here.
func (s *Service) voidAll(ctx context.Context, id billing.SubscriptionID) error {
	open, err := s.stripe.OpenInvoices(ctx, id)
	if err != nil {
		return err
	}
	for _, v := range open {
		if _, err := s.stripe.VoidInvoice(ctx, v.ID, "delete:"+string(v.ID)); err != nil && !definite(err) {
			return err
		}
	}
	return nil
}
