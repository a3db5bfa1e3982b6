package checkout

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
)

const (
	deletionInterval = 30 * time.Second // between two looks at deletions that are not done
	deletionBatch    = 100
	maxDeletions     = 4 // at once
	// deletionTimeout is for one account: for two syncs, however slow, because each has an effect that stays.
	deletionTimeout = 2 * reconcile.JobPatience
	// deletionLook is for one look. It leaves the accounts that it has no time for to the next one.
	deletionLook = 5 * time.Minute
	// pageGrace is how long a request may take to open the page of an order that it wrote just before the deletion.
	pageGrace = 2 * time.Minute
	// freshLogin is how old a login may be that deletes its account.
	freshLogin = 10 * time.Minute
	// maxSubscriptions bounds how many subscriptions of one account one look cancels. An account should have one.
	maxSubscriptions = 10
)

// BeginDeletion closes the account for good and ends its logins, for a reason that is recorded, once for each key. A
// running server does the rest. If the deletion was asked for before, nothing changes. Errors: EInvalid (no reason),
// ENotFound, EKeyReused.
func BeginDeletion(
	ctx context.Context, db *store.DB, id billing.AccountID, d account.Decision,
) (replayed bool, err error) {
	return account.Decide(ctx, db, id, billing.ActionDelete, d, func(tx *store.Tx, a billing.Account) (bool, error) {
		if a.DeletingAt != nil {
			return false, nil
		}
		return true, closeForGood(ctx, tx, id)
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
			return billing.Errorf(
				billing.ELoginTooOld, "This login is more than %.0f minutes old. Log in again.", freshLogin.Minutes(),
			)
		}
		a.DeletingAt = &tx.Now
		tx.Report(billing.SecurityEvent{Kind: billing.SecurityDeleted, Account: id, By: string(id)})
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

// deletions is how far this server's looks at deletions have come.
type deletions struct {
	timeout time.Duration // for one account

	mu    sync.Mutex
	after billing.AccountID // where the next look begins; "" if the last one came to the end
}

func (d *deletions) cursor() billing.AccountID {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.after
}

func (d *deletions) setCursor(after billing.AccountID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.after = after
}

// FinishDeletions does the rest of the deletions that were asked for, several at once. A failure for one account, for
// example because Stripe does not reply, is logged, and a later look tries again. A look that has no time for all of
// them begins where this server's last one ended, so however many hang, each of the others gets its turn.
func (s *Service) FinishDeletions(ctx context.Context) error {
	after := s.deletions.cursor()
	for range maxBatches {
		ids, err := s.db.DeletingAccounts(ctx, after, deletionBatch)
		if err != nil {
			return err
		}
		var done bool
		if after, done = s.finishAll(ctx, after, ids); !done {
			break
		}
		if len(ids) < deletionBatch {
			after = ""
			break
		}
	}
	s.deletions.setCursor(after)
	return nil
}

// finishAll finishes deletions as long as ctx leaves enough time for another one. It returns the last account that it
// began, or after if it began none, and whether it began all of them.
func (s *Service) finishAll(
	ctx context.Context, after billing.AccountID, ids []billing.AccountID,
) (last billing.AccountID, all bool) {
	var calls errgroup.Group
	calls.SetLimit(maxDeletions)
	last, all = after, true
	for _, id := range ids {
		// one may wait as long for its turn as it may take then
		if end, ok := ctx.Deadline(); ctx.Err() != nil || ok && time.Until(end) < 2*s.deletions.timeout {
			all = false
			break
		}
		calls.Go(func() error {
			switch err := s.finishDeletion(ctx, id); {
			case errors.Is(err, errPageOpens):
				s.log.InfoContext(ctx, "a deletion waits until a payment page is open or given up", "account", id)
			case err != nil:
				s.log.WarnContext(ctx, "a deletion could not be finished", "account", id, "error", err)
			}
			return nil
		})
		last = id
	}
	_ = calls.Wait()
	return last, all
}

// finishDeletion ends what could still charge the person, first at Stripe and then here, and erases their data.
func (s *Service) finishDeletion(ctx context.Context, id billing.AccountID) error {
	ctx, cancel := context.WithTimeout(ctx, s.deletions.timeout)
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

// errPageOpens is why a deletion waits: a page that is being opened at Stripe could still be paid.
var errPageOpens = errors.New("checkout: a page of this account is being opened")

// endSales closes the open pages of a closed account, and cancels its subscriptions at once.
func (s *Service) endSales(ctx context.Context, a billing.Account) error {
	open, err := s.db.OpenOrders(ctx, a.ID)
	if err != nil {
		return err
	}
	for _, o := range open {
		if !o.Automatic && o.URL == "" && s.db.Now().Sub(o.CreatedAt) < pageGrace {
			return errPageOpens
		}
	}
	if err := s.leave(ctx, a); err != nil { // closes the pages, and syncs
		return err
	}
	// As long as one can still charge the person, it is the one that counts: those that have ended come last.
	for range maxSubscriptions {
		now, err := s.db.Account(ctx, a.ID)
		if err != nil {
			return err
		}
		sub := now.Subscription
		if sub == nil || !sub.Status.Live() && sub.Status != billing.SubIncomplete {
			return s.voidAll(ctx, a.CustomerID)
		}
		if err := s.stripe.CancelNow(ctx, sub.ID, "delete:"+string(sub.ID)); err != nil {
			return err
		}
		if _, err := s.syncer.Sync(ctx, a.ID, billing.CauseChange); err != nil {
			return err
		}
	}
	return billing.Errorf(billing.EConflict, "The account has more than %d subscriptions.", maxSubscriptions)
}

// voidAll voids the open invoices of a customer whose subscriptions of ours have all ended, so that no one pays for one
// any more. It leaves those whose bank debit is under way, because that can no longer be stopped. What Stripe refuses
// to void does not keep the person's data here: an invoice that was paid just now is left to a sync, and the log has
// any other.
func (s *Service) voidAll(ctx context.Context, customer billing.CustomerID) error {
	open, err := s.stripe.OpenInvoicesOf(ctx, customer)
	if err != nil {
		return err
	}
	for _, v := range open {
		_, err := s.stripe.VoidInvoice(ctx, v.ID, "delete:"+string(v.ID))
		if err != nil && !definite(err) {
			return err
		}
		if err != nil {
			s.log.WarnContext(
				ctx, "an invoice of a deleted account could not be voided", "invoice", v.ID, "error", err,
				"fix", "unless it is paid, void it in Stripe's dashboard",
			)
		}
	}
	return nil
}
