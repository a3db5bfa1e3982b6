package account

import (
	"cmp"
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/token"
)

// ChangePassword sets a new password for a caller who knows the current one. It ends all other logins of the account
// and every token that a mail carried, and stops a change of the email. Errors: EInvalid, EUnauthorized, EConflict (the
// password was changed in the meantime), EAccountClosed, ETooMany, EPasswordLoginOff.
func (s *Service) ChangePassword(ctx context.Context, c token.Claims, current, password string) error {
	if err := s.passwordsOn(); err != nil {
		return err
	}
	a, try, err := s.confirm(ctx, c, "/current_password", current)
	if err != nil {
		return err
	}
	if err := s.checkPassword(password, a.Email); err != nil {
		return err
	}
	hash, err := s.hash(ctx, laneProven, password)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(tx *store.Tx) error {
		if err := lockConfirmed(ctx, tx, c, a.PasswordHash); err != nil {
			return err
		}
		if err := s.setPassword(ctx, tx, a, hash); err != nil {
			return err
		}
		if err := tx.RevokeOtherLogins(ctx, a.ID, c.Login); err != nil {
			return err
		}
		return s.succeed(ctx, tx, a, try)
	})
}

// confirm returns the caller's account if the password is right, and the try of it. The pointer names the member that
// holds it. Errors: EInvalid, EUnauthorized, ETooMany.
func (s *Service) confirm(
	ctx context.Context, c token.Claims, pointer, password string,
) (billing.Account, passwordTry, error) {
	a, err := s.db.Account(ctx, c.Account)
	if err != nil {
		return a, passwordTry{}, gone(err)
	}
	try, l, err := s.admit(ctx, a.Email)
	if err != nil {
		return a, passwordTry{}, err
	}
	try.OK, try.newer, err = s.verify(ctx, l, password, cmp.Or(a.PasswordHash, s.decoy))
	if err == nil && (!try.OK || a.PasswordHash == "") {
		err = billing.Invalid(pointer, "is not the account's password")
	}
	return a, try, err
}

// lockConfirmed locks the account of a caller whose password was right a moment ago. Errors: EConflict if it has
// another password by now, EUnauthorized if the login has ended, EAccountClosed.
func lockConfirmed(ctx context.Context, tx *store.Tx, c token.Claims, hash string) error {
	a, err := tx.LockOpen(ctx, c.Account, c.Login)
	if err == nil && a.PasswordHash != hash {
		err = billing.Errorf(billing.EConflict, "The password was changed in the meantime.")
	}
	return gone(err)
}

// setPassword writes a new password, ends all tokens that mails carried, and tells the person. The caller holds the
// account's lock and ends logins.
func (s *Service) setPassword(ctx context.Context, tx *store.Tx, a billing.Account, hash string) error {
	if err := tx.SetPassword(ctx, a.ID, hash); err != nil {
		return err
	}
	if err := tx.DeleteMailTokens(ctx, a.ID); err != nil {
		return err
	}
	return s.notify(ctx, tx, subjectPasswordChanged, a)
}
