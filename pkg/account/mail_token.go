package account

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

const (
	// mailPrefix begins the tokens that mails carry. A token of an account names it, as a refresh token does.
	mailPrefix = "psm_"

	resetTTL  = 30 * time.Minute
	verifyTTL = 24 * time.Hour
)

// newMailToken returns a new token and the hash to store: psm_acc_….<random>. A token of an address that has no account
// is psm_.<random>.
func newMailToken(account billing.AccountID) (raw, digest string) {
	b := make([]byte, 32)
	rand.Read(b)
	raw = mailPrefix + string(account) + "." + base64.RawURLEncoding.EncodeToString(b)
	return raw, hashToken(raw)
}

// accountOfMailToken returns the account that a token names, or "" if it names none. This proves nothing: the hash
// covers the whole token.
func accountOfMailToken(raw string) billing.AccountID { return accountOfToken(raw, mailPrefix) }

// accountOfToken returns the account in a token: the prefix, the account, a dot and a random part. It returns "" for
// anything else.
func accountOfToken(raw, prefix string) billing.AccountID {
	rest, ours := strings.CutPrefix(raw, prefix)
	account, _, named := strings.Cut(rest, ".")
	// Do not ask a database about something that may not even be text.
	if !ours || !named || strings.ContainsFunc(account, notOfIDs) {
		return ""
	}
	return billing.AccountID(account)
}

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
	raw, digest := newMailToken(l.Account)
	err = s.db.InTx(ctx, func(tx *store.Tx) error {
		expires := tx.Now.Add(t.ttl)
		if l.Account == "" {
			return tx.SaveRegistration(ctx, l.To, digest, expires)
		}
		a, err := tx.LockAccount(ctx, l.Account)
		if err == nil {
			err = a.Closed()
		}
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
	subjectChange:   {billing.MailTokenChange, verifyTTL, "verify_email"},
	subjectRegister: {"", verifyTTL, "complete_registration"},
}
