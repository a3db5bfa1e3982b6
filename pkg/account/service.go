package account

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
)

// SpendFor debits points of an account for a service, as Spend does for the customer. The token of the result is "".
// Errors: *RefusedSpend (EInsufficientPoints), EStripeUnavailable, EKeyReused, EInvalid, ERequestCap, EDailyCap,
// EAccountClosed, ENotFound.
func (s *Service) SpendFor(
	ctx context.Context, k billing.ServiceKey, id billing.AccountID, r ledger.SpendRequest,
) (Spent, error) {
	c, err := s.serviceInWindow(ctx, k, id)
	if err != nil {
		return Spent{}, err
	}
	return s.spend(ctx, c, r)
}

// HoldFor sets points of an account aside for a service, as Hold does for the customer. Errors: as Hold, and ENotFound.
func (s *Service) HoldFor(
	ctx context.Context, k billing.ServiceKey, id billing.AccountID, r ledger.HoldRequest,
) (Held, error) {
	c, err := s.serviceInWindow(ctx, k, id)
	if err != nil {
		return Held{}, err
	}
	return s.hold(ctx, c, r)
}

// CaptureFor spends what a hold set aside. The customer or any service may have taken it. Errors: as Capture.
func (s *Service) CaptureFor(
	ctx context.Context, k billing.ServiceKey, id billing.AccountID, r ledger.CaptureRequest,
) (Held, error) {
	return s.capture(ctx, service(k, id), r)
}

// ReleaseFor gives back what a hold set aside. The customer or any service may have taken it. Errors: as Release.
func (s *Service) ReleaseFor(
	ctx context.Context, k billing.ServiceKey, id billing.AccountID, r ledger.ReleaseRequest,
) (Held, error) {
	return s.release(ctx, service(k, id), r)
}

// ServiceGrant is a service's request to grant points for something that was paid elsewhere.
type ServiceGrant struct {
	Amount      billing.Points
	Reference   string // the service's key of the business fact: one reference grants once for an account
	Description string
	Metadata    map[string]string
	ExpiresAt   *time.Time // nil: never
	Key         string     // the Idempotency-Key
}

// hash distinguishes two requests that use the same key or the same reference.
func (g ServiceGrant) hash() string {
	return billing.RequestHash("grant", g.Amount, g.Reference, g.Description, g.Metadata, g.ExpiresAt)
}

// Granted is the result of a ServiceGrant.
type Granted struct {
	Entry    billing.Entry
	Account  billing.Account
	Replayed bool // the key or the reference granted before
}

// GrantFor grants points to an account, once for each Idempotency-Key and once for each reference. All of it happens
// under the account's lock, so of two requests with one key or one reference, the second finds what the first did.
// A disabled account still gets points. One whose deletion was asked for does not, because no one could use them.
// Errors: ENotFound, EKeyReused, EConflict (the reference granted something else), EInvalid, EAccountClosed.
func (s *Service) GrantFor(
	ctx context.Context, k billing.ServiceKey, id billing.AccountID, r ServiceGrant,
) (out Granted, err error) {
	if len(r.Metadata) == 0 {
		r.Metadata = nil // one form for no metadata
	}
	err = s.db.InTx(ctx, func(tx *store.Tx) error {
		out = Granted{}
		a, err := tx.LockAccount(ctx, id)
		if err != nil {
			return unknownAccount(err)
		}
		out.Account = a
		if out.Entry, out.Replayed, err = grantedBefore(ctx, tx, id, r); err != nil || out.Replayed {
			return err
		}
		if a.DeletingAt != nil {
			return a.Closed()
		}
		if r.ExpiresAt != nil && !r.ExpiresAt.After(tx.Now) {
			return billing.Invalid("/expires_at", "must be in the future")
		}
		out.Account, _, err = ledger.Grant(ctx, tx, a, billing.Grant{
			Key:         r.grantKey(),
			Source:      r.grantKey(),
			Amount:      r.Amount,
			ExpiresAt:   r.ExpiresAt,
			Description: r.Description,
			Metadata:    r.Metadata,
			By:          k.Actor(),
			RequestKey:  serviceSpace + r.Key,
			RequestHash: r.hash(),
		})
		if err != nil {
			return err
		}
		out.Entry, err = tx.EntryAt(ctx, id, out.Account.Version)
		return err
	})
	if err == nil && out.Replayed {
		out.Account, err = ledger.Current(ctx, s.db, id)
	}
	return out, err
}

// grantKey names the business fact within the account.
func (g ServiceGrant) grantKey() string { return "service:" + g.Reference }

// grantedBefore returns the entry of an earlier grant under the same key, or of the same reference.
func grantedBefore(
	ctx context.Context, tx *store.Tx, id billing.AccountID, r ServiceGrant,
) (e billing.Entry, ok bool, err error) {
	e, ok, err = tx.EntryByKey(ctx, id, serviceSpace+r.Key)
	if err != nil || ok {
		if err == nil && e.RequestHash != r.hash() {
			err = billing.KeyReused()
		}
		return e, ok, err
	}
	lot, ok, err := tx.LotByGrant(ctx, id, r.grantKey())
	if err != nil || !ok {
		return e, false, err
	}
	if e, err = tx.EntryOfGrant(ctx, id, lot.ID); err == nil && e.RequestHash != r.hash() {
		err = billing.Errorf(
			billing.EConflict, "The reference %s granted %d points before, by a request that differs from this one.",
			r.Reference, e.Amount,
		)
	}
	return e, true, err
}
