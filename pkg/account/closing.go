package account

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// Decision is a person's decision about an account: to disable it, to enable it, to delete it, or to let its parked
// grants through.
type Decision struct {
	By     billing.AdminID // "" for the command line
	Reason string
	Key    string // the admin's Idempotency-Key, "" for the command line
}

// Disable closes an account and ends its logins and the tokens that mails carried, once for each key. Money that comes
// in is still granted, and automatic top-ups rest. Errors: ENotFound, EConflict (it is disabled, or being deleted),
// EKeyReused, EInvalid.
func Disable(ctx context.Context, db *store.DB, id billing.AccountID, d Decision) (replayed bool, err error) {
	return Decide(ctx, db, id, billing.ActionDisable, d, func(tx *store.Tx, a billing.Account) (bool, error) {
		return true, disable(ctx, tx, a, d.Reason)
	})
}

// Enable opens a disabled account. Its customer logs in again. Errors: ENotFound, EConflict (it is not disabled),
// EKeyReused, EInvalid.
func Enable(ctx context.Context, db *store.DB, id billing.AccountID, d Decision) (replayed bool, err error) {
	return Decide(ctx, db, id, billing.ActionEnable, d, func(tx *store.Tx, a billing.Account) (bool, error) {
		switch {
		case a.DeletingAt != nil:
			return false, errDeleting
		case a.DisabledAt == nil:
			return false, billing.Errorf(billing.EConflict, "The account is not disabled.")
		}
		return true, tx.SetDisabled(ctx, a.ID, nil, "")
	})
}

// EndSessions ends all logins of an account, once for each key. Its customer logs in again. Errors: ENotFound,
// EKeyReused, EInvalid.
func EndSessions(ctx context.Context, db *store.DB, id billing.AccountID, d Decision) (replayed bool, err error) {
	return Decide(ctx, db, id, billing.ActionEndSessions, d, func(tx *store.Tx, a billing.Account) (bool, error) {
		return true, tx.RevokeLogins(ctx, a.ID)
	})
}

// Decide does what a person decided about an account, once for each key, and records the decision. do changes the
// account under its lock, and returns false if nothing was left to change: then nothing is recorded. Errors: EInvalid
// (no reason), ENotFound, EKeyReused, and those of do.
func Decide(
	ctx context.Context, db *store.DB, id billing.AccountID, what billing.ActionKind, d Decision,
	do func(*store.Tx, billing.Account) (changed bool, err error),
) (replayed bool, err error) {
	if err := billing.NeedReason(d.Reason); err != nil {
		return false, err
	}
	err = db.InTx(ctx, func(tx *store.Tx) error {
		a, err := tx.LockAccount(ctx, id)
		if err != nil {
			return unknownAccount(err)
		}
		request := adminRequest(id, d.Key, billing.RequestHash(what, d.Reason))
		_, replayed, err = tx.Once(ctx, request, func() (string, error) {
			action := billing.NewActionID(tx.Now)
			if changed, err := do(tx, a); err != nil || !changed {
				return string(action), err
			}
			return string(action), tx.InsertAdminAction(ctx, billing.AdminAction{
				ID: action, AccountID: id, AdminID: d.By, Action: what, Reason: d.Reason, CreatedAt: tx.Now,
			})
		})
		return err
	})
	return replayed, err
}

var errDeleting = billing.Errorf(billing.EConflict, "The account is deleted, or being deleted.")

func disable(ctx context.Context, tx *store.Tx, a billing.Account, reason string) error {
	switch {
	case a.DeletingAt != nil:
		return errDeleting
	case a.DisabledAt != nil:
		return billing.Errorf(billing.EConflict, "The account is disabled already.")
	}
	if err := tx.SetDisabled(ctx, a.ID, &tx.Now, reason); err != nil {
		return err
	}
	// Once the account is enabled again, what was mailed before is not to open it or change its address.
	if err := tx.DeleteMailTokens(ctx, a.ID); err != nil {
		return err
	}
	tx.Report(billing.SecurityEvent{Kind: billing.SecuritySessionsEnded, Account: a.ID})
	return tx.RevokeLogins(ctx, a.ID)
}
