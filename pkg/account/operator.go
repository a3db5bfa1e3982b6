package account

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
)

// ByCustomer returns the account that has or had a customer at Stripe, as it is now. Errors: ENotFound.
func (s *Service) ByCustomer(ctx context.Context, customer billing.CustomerID) (billing.Account, error) {
	id, err := s.db.AccountOfCustomer(ctx, customer)
	if err != nil {
		return billing.Account{}, unknownAccount(err)
	}
	return ledger.Current(ctx, s.db, id)
}

// LoginsOf lists the live logins of an account, the last used first. Errors: ENotFound.
func (s *Service) LoginsOf(ctx context.Context, id billing.AccountID) ([]billing.Login, error) {
	if _, err := s.db.Account(ctx, id); err != nil {
		return nil, unknownAccount(err)
	}
	return s.db.Logins(ctx, id, s.db.Now(), maxLogins)
}

// SyncNow asks Stripe about an account for an admin, and returns the account as it is then. The request is recorded
// once for each key; a repeat asks Stripe again. Errors: ENotFound, EKeyReused, EInvalid, EStripeUnavailable.
func (s *Service) SyncNow(
	ctx context.Context, id billing.AccountID, d Decision,
) (a billing.Account, replayed bool, err error) {
	replayed, err = Decide(ctx, s.db, id, billing.ActionSync, d, func(*store.Tx, billing.Account) (bool, error) {
		return true, nil
	})
	if err != nil {
		return a, false, err
	}
	outcome, err := s.syncer.SyncNow(ctx, id, billing.CauseOperator)
	if err != nil {
		return a, replayed, err
	}
	if outcome == reconcile.Failed {
		return a, replayed, &billing.Error{
			Code: billing.EStripeUnavailable, RetryAfter: 2 * time.Second,
			Message: "Stripe did not respond. The account is as it was.",
		}
	}
	a, err = ledger.Current(ctx, s.db, id)
	return a, replayed, err
}

// driftPatience is how long a request compares an account with Stripe.
const driftPatience = 20 * time.Second

// Drift compares an account with its customer at Stripe, and returns the differences. It changes nothing. Errors:
// ENotFound, EStripeUnavailable, EStripeRefused.
func (s *Service) Drift(ctx context.Context, id billing.AccountID) ([]billing.Drift, error) {
	ctx, cancel := context.WithTimeout(ctx, driftPatience)
	defer cancel()
	found, err := s.syncer.Drift(ctx, id)
	return found, unknownAccount(err)
}
