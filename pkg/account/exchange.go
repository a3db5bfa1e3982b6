package account

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/metric"
	"github.com/pointsync/pointsync/pkg/oidc"
	"github.com/pointsync/pointsync/pkg/store"
)

// exchangeGrace is how long after its first exchange a token that opens one login works again, in case the first
// response was lost.
const exchangeGrace = 2 * time.Minute

// Exchange logs in the person whom an issuer's ID token names, and makes their account at the first time. nonce is what
// the caller sent to the issuer, or "". Errors: EUnauthorized, EIDTokenUsed, EIssuerUnavailable, EAccountClosed,
// ETooMany.
func (s *Service) Exchange(ctx context.Context, idToken, nonce string) (Session, error) {
	out, err := s.exchange(ctx, idToken, nonce)
	s.countLogin(metric.LoginIDToken, err)
	return out, err
}

func (s *Service) exchange(ctx context.Context, idToken, nonce string) (Session, error) {
	who, err := s.issuers.Verify(ctx, idToken, nonce) // it may ask the issuer, so it is in no transaction
	// Who holds an expired token of the issuer's guesses nothing.
	if billing.CodeOf(err) == billing.EUnauthorized && !errors.Is(err, oidc.ErrExpired) {
		err = s.guessed(ctx, err)
	}
	if err != nil {
		return Session{}, err
	}
	id, err := s.db.AccountOfIdentity(ctx, who.Identity)
	if billing.CodeOf(err) == billing.ENotFound {
		// It makes an account, as a registration does, and an issuer may let anyone have many identities.
		if _, err := s.limit(ctx, billing.AttemptRegister); err != nil {
			return Session{}, err
		}
		return s.firstExchange(ctx, who)
	}
	if err != nil {
		return Session{}, err
	}
	var out Session
	err = s.db.InTx(ctx, func(tx *store.Tx) error {
		a, err := tx.LockOpen(ctx, id, "")
		if err == nil {
			out, err = s.enter(ctx, tx, a, who)
		}
		return gone(err)
	})
	if err != nil {
		return Session{}, err
	}
	return s.current(ctx, out)
}

// enter begins the login that an ID token opens, of an account whose lock the transaction holds. A token that opens one
// login does so again for exchangeGrace, in place of the first one: its response was lost. Errors: EIDTokenUsed,
// EAccountClosed, ETooMany.
func (s *Service) enter(ctx context.Context, tx *store.Tx, a billing.Account, t oidc.Token) (Session, error) {
	if err := s.budget(ctx, tx, a.ID, billing.RequestExchange); err != nil {
		return Session{}, err
	}
	if t.Once == "" {
		return s.beginLogin(ctx, tx, a)
	}
	used, err := tx.ExchangedToken(ctx, t.Once)
	switch {
	case billing.CodeOf(err) == billing.ENotFound:
		used = billing.ExchangedToken{Digest: t.Once, UsedAt: tx.Now, EndsAt: t.EndsAt}
	case err != nil:
		return Session{}, err
	default:
		if err := endFirst(ctx, tx, a.ID, used); err != nil {
			return Session{}, err
		}
	}
	out, err := s.beginLogin(ctx, tx, a)
	if err != nil {
		return Session{}, err
	}
	used.LoginID = out.login
	return out, tx.SaveExchangedToken(ctx, used)
}

// endFirst ends the login that a token opened before, or refuses to open another one. Only a login whose response may
// have been lost is replaced: not one that has been refreshed, and not one that has ended, for example by a logout or
// with its account. Errors: EIDTokenUsed.
func endFirst(ctx context.Context, tx *store.Tx, id billing.AccountID, used billing.ExchangedToken) error {
	refusal := billing.Errorf(
		billing.EIDTokenUsed, "This ID token has opened its login. Log in at the issuer again, or refresh.",
	)
	if !tx.Now.Before(used.UsedAt.Add(exchangeGrace)) {
		return refusal
	}
	first, err := tx.Login(ctx, id, used.LoginID)
	if err != nil {
		if billing.CodeOf(err) == billing.ENotFound { // it was of an account that has been deleted since
			return refusal
		}
		return err
	}
	refreshed, err := tx.Refreshed(ctx, id, first.ID)
	if err != nil {
		return err
	}
	if refreshed || !first.Lives(tx.Now) {
		return refusal
	}
	return tx.RevokeLogin(ctx, id, first.ID)
}

// errEmailMoved means that an email came to belong to another account than a transaction had read.
var errEmailMoved = errors.New("account: the email was given to another account at the same time")

// firstExchange logs in a person who has no account by this identity yet.
func (s *Service) firstExchange(ctx context.Context, who oidc.Token) (out Session, err error) {
	who.Email = provenEmail(who.Email)
	for try := range 3 {
		if try == 2 {
			who.Email = "" // the login does not depend on it
		}
		err = s.db.InTx(ctx, func(tx *store.Tx) error {
			a, err := accountOf(ctx, tx, who.Identity)
			if err == nil {
				out, err = s.enter(ctx, tx, a, who)
			}
			return err
		})
		if billing.CodeOf(err) != billing.EEmailTaken && !errors.Is(err, errEmailMoved) {
			break
		}
	}
	if err != nil {
		return Session{}, err
	}
	return s.current(ctx, out)
}

// provenEmail returns the one spelling of an address that an issuer has verified, or "" if no account can have it.
// NormalizeEmail makes ASCII letters of some others, such as the Kelvin sign. What is typed so is meant so. But an
// issuer has verified the mailbox that it names, which may belong to someone else than the one with the ASCII letter.
func provenEmail(verified string) string {
	email, err := NormalizeEmail(verified)
	if err != nil {
		return ""
	}
	named, _, _ := cutLast(strings.TrimSpace(verified), "@")
	local, _, _ := cutLast(email, "@")
	lower := func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r - 'A' + 'a'
		}
		return r
	}
	if strings.Map(lower, named) != local {
		return ""
	}
	return email
}

// accountOf returns the account of a person, whose lock the transaction then holds: the one that the same person got in
// the meantime, else the one with their email, else a new one.
func accountOf(ctx context.Context, tx *store.Tx, who billing.Identity) (billing.Account, error) {
	fresh := newAccount(tx.Now, who.Email, "")
	chosen := fresh.ID
	if who.Email != "" {
		fresh.EmailVerifiedAt = &tx.Now
		found, err := tx.AccountByEmail(ctx, who.Email)
		if err == nil {
			chosen = found.ID
		} else if billing.CodeOf(err) != billing.ENotFound {
			return found, err
		}
	}
	owner, err := tx.EnterIdentity(ctx, who, chosen)
	switch {
	case err != nil:
		return billing.Account{}, err
	case owner == fresh.ID:
		return fresh, tx.InsertAccount(ctx, fresh)
	}
	a, err := tx.LockOpen(ctx, owner, "")
	if err != nil || owner != chosen {
		return a, gone(err)
	}
	return takeOver(ctx, tx, a, who.Email)
}

// takeOver gives an account to the person who has proven to own its email. If no one has proven that here before, the
// one who chose its password may be someone else: anyone can register an address before its owner comes. So the
// password, all logins and a change of the email that waits end.
func takeOver(ctx context.Context, tx *store.Tx, a billing.Account, email string) (billing.Account, error) {
	switch {
	case a.Email != email:
		return a, errEmailMoved
	case a.EmailVerifiedAt != nil:
		return a, nil
	}
	a.PasswordHash, a.EmailVerifiedAt = "", &tx.Now
	if err := tx.SetPassword(ctx, a.ID, ""); err != nil {
		return a, err
	}
	if err := tx.VerifyEmail(ctx, a.ID); err != nil {
		return a, err
	}
	if err := tx.DeleteMailTokens(ctx, a.ID); err != nil {
		return a, err
	}
	return a, tx.RevokeLogins(ctx, a.ID)
}
