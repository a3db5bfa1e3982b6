package account

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/token"
)

// Adjustment is an admin's request to give points or to take them away.
type Adjustment struct {
	Action    billing.ActionKind // ActionGrant or ActionCorrection
	Amount    billing.Points     // positive in both cases
	Reason    string             // the entry's description; the customer reads it too
	ExpiresAt *time.Time         // when a grant expires; nil: never
	Key       string             // the admin's Idempotency-Key, unique for the account that is adjusted
}

// Adjusted is the result of an Adjustment.
type Adjusted struct {
	Entry    billing.Entry
	Account  billing.Account
	Replayed bool
}

// hash returns a hash that differs between two different requests under one key, no matter who sends them.
func (r Adjustment) hash() string {
	return billing.RequestHash(r.Action, r.Amount, r.Reason, r.ExpiresAt)
}

// RequireAdmin refuses every caller whose row does not say admin, whatever their token says, as if nothing were there.
// An admin who has logged out, or whose login was revoked, is refused from the next request on: a token that still
// lives 15 minutes opens nothing here. Errors: ENotFound, EUnauthorized (an admin whose login has ended, an account
// that is gone).
func (s *Service) RequireAdmin(ctx context.Context, c token.Claims) error {
	a, err := s.db.Account(ctx, c.Account)
	if err != nil {
		return gone(err)
	}
	if a.Role != billing.RoleAdmin {
		return billing.Errorf(billing.ENotFound, "There is nothing at this address.")
	}
	return s.RequireLogin(ctx, c)
}

// Adjust gives or takes points as an admin asks, once for each key. Errors: ENotFound, EConflict (fewer points than to
// take away), EKeyReused, EInvalid.
func (s *Service) Adjust(
	ctx context.Context, by billing.AdminID, id billing.AccountID, r Adjustment,
) (out Adjusted, err error) {
	if err := billing.NeedReason(r.Reason); err != nil {
		return out, err
	}
	err = s.db.InTx(ctx, func(tx *store.Tx) error {
		a, err := tx.LockAccount(ctx, id)
		if err != nil {
			return err
		}
		out = Adjusted{Account: a}
		var entry string
		entry, out.Replayed, err = tx.Once(ctx, adminRequest(id, r.Key, r.hash()), func() (_ string, err error) {
			out.Account, out.Entry, err = adjust(ctx, tx, a, by, r)
			return string(out.Entry.ID), err
		})
		if err == nil && out.Replayed {
			out.Entry, err = tx.Entry(ctx, id, billing.EntryID(entry))
		}
		return err
	})
	return out, err
}

// adminRequest names an admin's request. Admins' keys are apart from the customer's.
func adminRequest(id billing.AccountID, key, hash string) billing.Request {
	return billing.Request{Account: id, Operation: billing.OperationAdmin, Key: key, Hash: hash}
}

// adjust moves the points, and records the admin who asked for it.
func adjust(
	ctx context.Context, tx *store.Tx, a billing.Account, by billing.AdminID, r Adjustment,
) (billing.Account, billing.Entry, error) {
	a, err := movePoints(ctx, tx, a, by.Actor(), r)
	if err != nil {
		return a, billing.Entry{}, err
	}
	e, err := tx.EntryAt(ctx, a.ID, a.Version)
	if err != nil {
		return a, e, err
	}
	return a, e, tx.InsertAdminAction(ctx, billing.AdminAction{
		ID:        billing.NewActionID(tx.Now),
		AccountID: a.ID,
		AdminID:   by,
		Action:    r.Action,
		EntrySeq:  e.Seq,
		Reason:    r.Reason,
		CreatedAt: tx.Now,
	})
}

func movePoints(
	ctx context.Context, tx *store.Tx, a billing.Account, by billing.Actor, r Adjustment,
) (billing.Account, error) {
	if r.Action == billing.ActionCorrection {
		return ledger.Correct(ctx, tx, a, r.Amount, r.Reason, by)
	}
	if r.ExpiresAt != nil && !r.ExpiresAt.After(tx.Now) {
		return a, billing.Invalid("/expires_at", "must be in the future")
	}
	a, _, err := ledger.Grant(ctx, tx, a, billing.Grant{
		Key:         "admin:" + string(a.ID) + ":" + r.Key,
		Source:      "admin",
		Amount:      r.Amount,
		ExpiresAt:   r.ExpiresAt,
		Description: r.Reason,
		By:          by,
	})
	return a, err
}

// SetRole sets the role of the account with an email, and records the change. Only the command line calls it: no
// request makes an admin. Errors: ENotFound.
func SetRole(ctx context.Context, db *store.DB, email string, role billing.Role) (changed bool, err error) {
	email, err = NormalizeEmail(email)
	if err != nil {
		return false, err
	}
	err = db.InTx(ctx, func(tx *store.Tx) error {
		found, err := tx.AccountByEmail(ctx, email)
		if err != nil {
			return err
		}
		a, err := tx.LockAccount(ctx, found.ID)
		changed = a.Role != role
		if err != nil || !changed {
			return err
		}
		if err := tx.SetRole(ctx, a.ID, role); err != nil {
			return err
		}
		return tx.InsertAdminAction(ctx, billing.AdminAction{
			ID:        billing.NewActionID(tx.Now),
			AccountID: a.ID,
			Action:    billing.ActionRole,
			Reason:    "from " + string(a.Role) + " to " + string(role),
			CreatedAt: tx.Now,
		})
	})
	return changed, err
}
