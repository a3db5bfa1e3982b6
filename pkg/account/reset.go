package account

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// Forgot has a mail sent whose token sets a new password, if an account has the address. It does the same work whether
// one has or not. Errors: EInvalid, EConflict (no mailer), ETooMany, EPasswordLoginOff.
func (s *Service) Forgot(ctx context.Context, email string) error {
	email, err := s.mailable(email)
	if err != nil {
		return err
	}
	if _, err := s.limit(ctx, billing.AttemptMail); err != nil {
		return err
	}
	return s.askForMail(ctx, mailRequest{Subject: subjectReset, Email: email})
}

// Reset sets a new password for the reader of a mail. It ends all logins of the account and every token that a mail
// carried, and stops a change of the email. The address is verified by it. Errors: EInvalid, EAccountClosed, ETooMany,
// EPasswordLoginOff.
func (s *Service) Reset(ctx context.Context, raw, password string) error {
	if err := s.passwordsOn(); err != nil {
		return err
	}
	id, digest := accountOfToken(raw, mailPrefix), hashOf(raw)
	email, err := s.db.MailTokenEmail(ctx, id, billing.MailTokenReset, digest, s.db.Now())
	if err != nil {
		return s.unusable(ctx, err) // before the hash: no one makes this server compute with a token that never was
	}
	if err := s.checkPassword(password, email); err != nil {
		return err
	}
	hash, err := s.hash(ctx, laneProven, password)
	if err != nil {
		return err
	}
	return s.unusable(ctx, s.db.InTx(ctx, func(tx *store.Tx) error {
		a, err := tx.LockOpen(ctx, id, "")
		if err != nil {
			return err
		}
		if _, err := tx.UseMailToken(ctx, id, billing.MailTokenReset, digest); err != nil {
			return err
		}
		if err := s.setPassword(ctx, tx, a, hash); err != nil {
			return err
		}
		if a.EmailVerifiedAt == nil {
			if err := tx.VerifyEmail(ctx, id); err != nil {
				return err
			}
		}
		if err := tx.RevokeLogins(ctx, id); err != nil {
			return err
		}
		return s.knows(ctx, tx, a.Email)
	}))
}
