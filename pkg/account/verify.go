package account

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/token"
)

// AskToVerify has a mail sent that proves the address of the caller's account, unless it is proved already. Errors:
// EConflict (no mailer, or the account has no address), EUnauthorized.
func (s *Service) AskToVerify(ctx context.Context, c token.Claims) error {
	if err := s.needMail(); err != nil {
		return err
	}
	a, err := s.db.Account(ctx, c.Account)
	if err != nil {
		return gone(err)
	}
	if a.Email == "" {
		return billing.Errorf(billing.EConflict, "This account has no email.")
	}
	if _, err := s.limit(ctx, billing.AttemptMail); err != nil {
		return err
	}
	return s.askForMail(ctx, mailRequest{Subject: subjectVerify, Email: a.Email, Account: a.ID})
}

// ChangeEmail has a mail sent to another address, whose token makes it the account's. The present address gets a
// notice. If another account has the address, its owner gets a notice and the caller the same response. Errors:
// EInvalid, EConflict (no mailer), EUnauthorized, ETooMany.
func (s *Service) ChangeEmail(ctx context.Context, c token.Claims, email, password string) error {
	if err := s.passwordsOn(); err != nil {
		return err
	}
	if err := s.needMail(); err != nil {
		return err
	}
	email, err := NormalizeEmail(email)
	if err != nil {
		return err
	}
	a, try, err := s.confirm(ctx, c, "/password", password)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(tx *store.Tx) error {
		if _, err := s.lockConfirmed(ctx, tx, c, a.PasswordHash); err != nil {
			return err
		}
		if err := s.jobs.Enqueue(
			ctx, tx, mailRequest{Subject: subjectChange, Email: email, Account: a.ID},
		); err != nil {
			return err
		}
		return s.succeed(ctx, tx, a, try)
	})
}

// VerifyEmail uses the token of a mail that proves an address: the account's own, or the one that it changes to.
// Errors: EInvalid, EEmailTaken (another account took the address while the mail was on its way).
func (s *Service) VerifyEmail(ctx context.Context, raw string) error {
	id, digest := accountOfMailToken(raw), hashToken(raw)
	return s.unusable(ctx, s.db.InTx(ctx, func(tx *store.Tx) error {
		a, err := tx.LockAccount(ctx, id)
		if err != nil {
			return err
		}
		_, err = tx.UseMailToken(ctx, id, billing.MailTokenVerify, digest)
		if err == nil {
			return tx.VerifyEmail(ctx, id)
		}
		if billing.CodeOf(err) != billing.ENotFound {
			return err
		}
		email, err := tx.UseMailToken(ctx, id, billing.MailTokenChange, digest)
		if err != nil {
			return err
		}
		if err := tx.ChangeEmail(ctx, a, email); err != nil {
			return err
		}
		// what was mailed to the old address proves nothing about the new one
		if err := tx.DeleteMailTokens(ctx, id); err != nil {
			return err
		}
		return s.notify(ctx, tx, subjectEmailChanged, a)
	}))
}
