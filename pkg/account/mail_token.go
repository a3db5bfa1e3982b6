package account

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

const (
	// mailPrefix begins the tokens that mails carry: psm_acc_….<random>, or psm_.<random> for an address without an
	// account.
	mailPrefix = "psm_"

	resetTTL  = 30 * time.Minute
	verifyTTL = 24 * time.Hour
)

// unusable gives ENotFound the message that the token does not work, whatever the reason is, and counts it as a guess.
func (s *Service) unusable(ctx context.Context, err error) error {
	if billing.CodeOf(err) == billing.ENotFound {
		return s.guessed(ctx, billing.Invalid("/token", "was used, has expired or is not ours; ask for a new mail"))
	}
	return err
}

// saveToken makes the token that a letter carries, and ends the earlier one of its kind. It returns "" if the letter
// carries none, and false if the letter has lost its point: the account is closed, has another address by now, or does
// not wait for this one.
func (s *Service) saveToken(ctx context.Context, l letter) (raw string, ok bool, err error) {
	t, carries := tokens[l.Subject]
	if !carries {
		return "", true, nil
	}
	raw, digest := newToken(mailPrefix, l.Account)
	err = s.db.InTx(ctx, func(tx *store.Tx) error {
		expires := tx.Now.Add(t.ttl)
		if l.Account == "" {
			return tx.SaveRegistration(ctx, l.To, digest, expires)
		}
		a, err := tx.LockOpen(ctx, l.Account, "")
		if err != nil {
			return err
		}
		token := billing.MailToken{AccountID: a.ID, Kind: t.kind, Digest: digest, Email: l.To, ExpiresAt: expires}
		switch {
		case t.kind == billing.MailTokenChange:
			// ChangeEmail wrote it. What stops a change has deleted it, however long the letter waits.
			return tx.RenewMailToken(ctx, token)
		case a.Email != l.To:
			return billing.Errorf(billing.ENotFound, "The account has another address.")
		}
		return tx.SaveMailToken(ctx, token)
	})
	switch billing.CodeOf(err) {
	case billing.ENotFound, billing.EAccountClosed:
		return "", false, nil
	}
	return raw, err == nil, err
}

// tokens are the letters that carry a token, its kind, how long it lives, and what the page that the link leads to
// finds before it.
var tokens = map[subject]struct {
	kind billing.MailTokenKind
	ttl  time.Duration
	name string
}{
	subjectReset:    {billing.MailTokenReset, resetTTL, "reset_password"},
	subjectVerify:   {billing.MailTokenVerify, verifyTTL, "verify_email"},
	subjectChange:   {billing.MailTokenChange, verifyTTL, "change_email"},
	subjectRegister: {"", verifyTTL, "complete_registration"},
}
