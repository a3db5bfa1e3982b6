package account

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/token"
)

// AskToVerify has a mail sent that proves the address of the caller's account, unless it is proved already. Errors:
// EConflict (no mailer, or the account has no address), EUnauthorized, ETooMany.
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

// ChangeEmail has a mail sent to another address, with whose token ConfirmEmail makes it the account's. The present
// address gets a notice. If another account has the address, its owner gets a notice and the caller the same response.
// Errors: EInvalid, EConflict (no mailer, or the password was changed in the meantime), EUnauthorized, EAccountClosed,
// ETooMany, EPasswordLoginOff.
func (s *Service) ChangeEmail(ctx context.Context, c token.Claims, email, password string) error {
	email, err := s.mailable(email)
	if err != nil {
		return err
	}
	a, try, err := s.confirm(ctx, c, "/password", password)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(tx *store.Tx) error {
		if err := lockConfirmed(ctx, tx, c, a.PasswordHash); err != nil {
			return err
		}
		// Its letter gives it a digest. Whatever must stop the change deletes it, also while the letter waits.
		if err := tx.AwaitMailToken(ctx, billing.MailToken{
			AccountID: a.ID, Kind: billing.MailTokenChange, Email: email, ExpiresAt: tx.Now.Add(verifyTTL),
		}); err != nil {
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

// ConfirmEmail gives the caller's account the address that its mail's token proves. The token is not enough: its reader
// may be the owner of an address that someone else entered. They would give it to that person's account. Errors:
// EInvalid, EEmailTaken (another account took the address while the mail was on its way), EUnauthorized,
// EAccountClosed, ETooMany.
func (s *Service) ConfirmEmail(ctx context.Context, c token.Claims, raw string) error {
	const kind = billing.MailTokenChange
	digest := hashOf(raw)
	if _, err := s.db.MailTokenEmail(ctx, c.Account, kind, digest, s.db.Now()); err != nil {
		return s.unusable(ctx, err) // before the lock, which a wrong token is not worth
	}
	return s.unusable(ctx, s.db.InTx(ctx, func(tx *store.Tx) error {
		a, err := tx.LockOpen(ctx, c.Account, c.Login)
		if err != nil {
			return gone(err)
		}
		email, err := tx.UseMailToken(ctx, a.ID, kind, digest)
		if err != nil {
			return err
		}
		if err := tx.ChangeEmail(ctx, a, email); err != nil {
			return err
		}
		// what was mailed to the old address proves nothing about the new one
		if err := tx.DeleteMailTokens(ctx, a.ID); err != nil {
			return err
		}
		return s.notify(ctx, tx, subjectEmailChanged, a)
	}))
}

// VerifyEmail uses the token of a mail that proves the account's own address. Errors: EInvalid, EAccountClosed,
// ETooMany.
func (s *Service) VerifyEmail(ctx context.Context, raw string) error {
	const kind = billing.MailTokenVerify
	id, digest := accountOfToken(raw, mailPrefix), hashOf(raw)
	if _, err := s.db.MailTokenEmail(ctx, id, kind, digest, s.db.Now()); err != nil {
		return s.unusable(ctx, err) // before the lock of an account that anyone can name
	}
	return s.unusable(ctx, s.db.InTx(ctx, func(tx *store.Tx) error {
		if _, err := tx.LockOpen(ctx, id, ""); err != nil {
			return err
		}
		if _, err := tx.UseMailToken(ctx, id, kind, digest); err != nil {
			return err
		}
		return tx.VerifyEmail(ctx, id)
	}))
}
