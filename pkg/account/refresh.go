package account

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/metric"
	"github.com/pointsync/pointsync/pkg/store"
)

const (
	refreshPrefix = "psr_"
	// refreshGrace is how long after its first use a refresh token works again, in case the first response was lost: a
	// phone that lost its network comes back within minutes. The grace ends as soon as a successor of the token is
	// used.
	refreshGrace = 10 * time.Minute
	// maxSuccessors limits how many tokens come from one.
	maxSuccessors = 20
)

// beginLogin starts a login, which is a family of refresh tokens for one device. The transaction holds the account's
// lock, so no login begins after the account was closed. Errors: EAccountClosed, EInvalid (the device's name).
func (s *Service) beginLogin(ctx context.Context, tx *store.Tx, a billing.Account) (Session, error) {
	if err := a.Closed(); err != nil {
		return Session{}, err
	}
	if err := billing.CheckShown("/device_name", deviceOf(ctx)); err != nil {
		return Session{}, err
	}
	if err := makeRoom(ctx, tx, a.ID); err != nil {
		return Session{}, err
	}
	login := billing.Login{
		ID: billing.NewSessionID(tx.Now), AccountID: a.ID, Name: deviceOf(ctx), CreatedAt: tx.Now,
		ExpiresAt: tx.Now.Add(loginTTL),
	}
	if err := tx.InsertLogin(ctx, login); err != nil {
		return Session{}, err
	}
	return s.nextRefresh(ctx, tx, a, login.ID, "")
}

func (s *Service) nextRefresh(
	ctx context.Context, tx *store.Tx, a billing.Account, login billing.SessionID, predecessor string,
) (Session, error) {
	raw, hash := newToken(refreshPrefix, a.ID)
	if err := tx.InsertRefreshToken(
		ctx,
		billing.RefreshToken{AccountID: a.ID, Hash: hash, LoginID: login, Predecessor: predecessor, CreatedAt: tx.Now},
	); err != nil {
		return Session{}, err
	}
	return s.session(a, login, raw)
}

// Refresh exchanges a refresh token for a fresh session. A token that was used before works again for refreshGrace, as
// long as none of its successors was used: then its response was lost. Otherwise two parties hold tokens of one login.
// No one can tell which of them is the thief, so the login ends. A token of a login that has ended writes nothing,
// however often it comes. Errors: EUnauthorized, ETooMany.
func (s *Service) Refresh(ctx context.Context, raw string) (Session, error) {
	out, err := s.refresh(ctx, raw)
	s.countLogin(metric.LoginRefresh, err)
	return out, err
}

func (s *Service) refresh(ctx context.Context, raw string) (Session, error) {
	var out Session
	var refused *billing.Error
	unknown := billing.Errorf(billing.EUnauthorized, "The refresh token is not known. Log in again.")
	account, digest := accountOfToken(raw, refreshPrefix), hashOf(raw)
	_, err := s.mayLive(ctx, account, digest)
	if billing.CodeOf(err) == billing.ENotFound {
		return out, s.guessed(ctx, unknown)
	}
	if err != nil {
		return out, err
	}
	err = s.db.InTx(ctx, func(tx *store.Tx) error {
		token, login, err := tx.LockRefreshToken(ctx, account, digest)
		if billing.CodeOf(err) == billing.ENotFound {
			refused = unknown
			return nil
		}
		if err != nil {
			return err
		}
		if refused = refuseEnded(login, tx.Now); refused != nil {
			return nil
		}
		if refused, err = refuseRefresh(ctx, tx, token); err != nil {
			return err
		}
		switch {
		case refused != nil && refused.Code == billing.ETooMany:
			return nil
		case refused != nil:
			tx.Report(billing.SecurityEvent{
				Kind: billing.SecurityTokenReused, Account: login.AccountID, Session: login.ID,
			})
			return tx.RevokeLogin(ctx, login.AccountID, login.ID) // committed with the refusal
		}
		if err := s.use(ctx, tx, token); err != nil {
			return err
		}
		a, err := tx.Account(ctx, login.AccountID)
		if err != nil {
			return err
		}
		out, err = s.nextRefresh(ctx, tx, a, login.ID, token.Hash)
		return err
	})
	switch {
	case err != nil:
		return Session{}, err
	case refused == unknown:
		return Session{}, s.guessed(ctx, unknown)
	case refused != nil:
		return Session{}, refused
	}
	return s.current(ctx, out)
}

// use takes a refresh out of the account's budget, and records that its token was used. Errors: ETooMany.
func (s *Service) use(ctx context.Context, tx *store.Tx, t billing.RefreshToken) error {
	if err := s.budget(ctx, tx, t.AccountID, billing.RequestRefresh); err != nil {
		return err
	}
	return tx.UseRefreshToken(ctx, t.AccountID, t.Hash)
}

// budget takes a login without a password out of the account's budget. It adds rows that stay as long as a login may
// live, so a loop would fill the database. The transaction holds the account's lock. Errors: ETooMany.
func (s *Service) budget(ctx context.Context, tx *store.Tx, id billing.AccountID, kind billing.RequestKind) error {
	if s.unthrottled {
		return nil
	}
	return tx.TakeRequest(ctx, id, kind)
}

// mayLive returns the login of a refresh token, without a lock. So a token that is not known, or whose login has ended,
// makes no one wait. Errors: ENotFound, EUnauthorized (the login has ended).
func (s *Service) mayLive(
	ctx context.Context, account billing.AccountID, digest string,
) (login billing.Login, err error) {
	if account == "" { // the token names none
		return login, billing.Errorf(billing.ENotFound, "No such token.")
	}
	if login, err = s.db.LoginOf(ctx, account, digest); err != nil {
		return login, err
	}
	if refused := refuseEnded(login, s.db.Now()); refused != nil {
		return login, refused
	}
	return login, nil
}

// refuseEnded returns the error for a refresh token whose login has ended, or nil.
func refuseEnded(l billing.Login, now time.Time) *billing.Error {
	switch {
	case l.RevokedAt != nil:
		return billing.Errorf(billing.EUnauthorized, "This login was ended. Log in again.")
	case !l.Lives(now):
		return billing.Errorf(billing.EUnauthorized, "This login has run out. Log in again.")
	}
	return nil
}

// current replaces a session's token if a lot has expired since the last look. It works outside the transaction that
// used the refresh token, because settling takes the account's lock. If settling fails, the refresh has still happened.
func (s *Service) current(ctx context.Context, out Session) (Session, error) {
	a, err := ledger.Current(ctx, s.db, out.Account.ID)
	if err != nil || a.Version == out.Account.Version {
		return out, nil
	}
	fresh, err := s.session(a, out.login, out.Refresh)
	if err != nil {
		return out, nil
	}
	return fresh, nil
}

// refuseRefresh returns why a refresh token of a live login is not exchanged, or nil. Only ETooMany leaves the login as
// it is.
func refuseRefresh(ctx context.Context, tx *store.Tx, t billing.RefreshToken) (*billing.Error, error) {
	reused := billing.Errorf(
		billing.EUnauthorized, "The refresh token was used before, so this login is ended. Log in again.",
	)
	if t.UsedAt == nil { // its first use; another successor of the same predecessor may have been used
		if t.Predecessor == "" {
			return nil, nil
		}
		_, used, err := tx.Successors(ctx, t.AccountID, t.Predecessor)
		if err != nil || used == 0 {
			return nil, err
		}
		return reused, nil
	}
	successors, used, err := tx.Successors(ctx, t.AccountID, t.Hash)
	switch {
	case err != nil:
		return nil, err
	case used > 0 || !tx.Now.Before(t.UsedAt.Add(refreshGrace)):
		return reused, nil
	case successors >= maxSuccessors:
		e := billing.Errorf(
			billing.ETooMany, "The refresh token was exchanged too often. Use the last answer, or try again later.",
		)
		e.RetryAfter = refreshGrace
		return e, nil
	}
	return nil, nil
}

// Logout ends the login of a refresh token. An unknown token is no error, nor one whose login has ended: it ends
// nothing.
func (s *Service) Logout(ctx context.Context, raw string) error {
	account, digest := accountOfToken(raw, refreshPrefix), hashOf(raw)
	login, err := s.mayLive(ctx, account, digest)
	switch billing.CodeOf(err) {
	case billing.ENotFound, billing.EUnauthorized:
		return nil
	}
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(tx *store.Tx) error { return tx.RevokeLogin(ctx, account, login.ID) })
}
