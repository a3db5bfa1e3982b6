package account

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// PrivateRegistration reports whether registering must not show who has an account.
func (s *Service) PrivateRegistration() bool { return s.private }

// AskToRegister has a mail sent to an address: with a token that completes the registration, or, if an account has the
// address, with a notice. It does the same work in both cases. The password is checked, so that the person can be told
// at once, but it is not kept: only the reader of the mail sets one. Errors: EInvalid, EConflict (no mailer),
// ETooMany, EPasswordLoginOff.
func (s *Service) AskToRegister(ctx context.Context, email, password string) error {
	email, err := s.mailable(email)
	if err != nil {
		return err
	}
	if err := s.checkPassword(password, email); err != nil {
		return err
	}
	if _, err := s.limit(ctx, billing.AttemptMail); err != nil {
		return err
	}
	return s.askForMail(ctx, mailRequest{Subject: subjectRegister, Email: email})
}

// CompleteRegistration makes the account of an address for the reader of its mail, and logs in. The address is verified
// by it. Errors: EInvalid, EEmailTaken (the address got an account while the mail was on its way), ETooMany,
// EPasswordLoginOff.
func (s *Service) CompleteRegistration(ctx context.Context, raw, password string) (out Session, err error) {
	if err := s.passwordsOn(); err != nil {
		return out, err
	}
	digest := hashOf(raw)
	email, err := s.db.RegistrationEmail(ctx, digest, s.db.Now())
	if err != nil {
		return out, s.unusable(ctx, err)
	}
	if err := s.checkPassword(password, email); err != nil {
		return out, err
	}
	hash, err := s.hash(ctx, laneProven, password)
	if err != nil {
		return out, err
	}
	err = s.db.InTx(ctx, func(tx *store.Tx) error {
		if _, err := tx.UseRegistration(ctx, digest); err != nil {
			return err
		}
		a := newAccount(tx.Now, email, hash)
		a.EmailVerifiedAt = &tx.Now
		if err := tx.InsertAccount(ctx, a); err != nil {
			return err
		}
		if out, err = s.beginLogin(ctx, tx, a); err != nil {
			return err
		}
		return s.knows(ctx, tx, email)
	})
	return out, s.unusable(ctx, err)
}
