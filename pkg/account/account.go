// Package account owns who somebody is and what they hold: registering, logging in, refreshing, the session answer, and
// the spend, because a spend begins with the token that the caller holds and ends with the one it shall hold next.
//
// Access tokens mirror the account's row; refresh tokens are opaque, stored as hashes, and good for one use and, for
// minutes, for a lost answer: a true second use means that two parties hold it, and ends the whole login. It refuses to
// know HTTP and Stripe's objects.
package account

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/token"
)

// loginTTL is how long a login lives in all, however often it is refreshed.
const loginTTL = 180 * 24 * time.Hour

// Service is the room's door.
type Service struct {
	db      *store.DB
	tokens  *token.Issuer
	syncer  *reconcile.Syncer
	hashers chan struct{}
	decoy   string
	watches *watches
}

// New answers a Service.
func New(db *store.DB, tokens *token.Issuer, syncer *reconcile.Syncer) (*Service, error) {
	s := &Service{
		db:      db,
		tokens:  tokens,
		syncer:  syncer,
		hashers: make(chan struct{}, maxHashers),
		watches: newWatches(db.LoginStates, db.Now),
	}
	var err error
	s.decoy, err = s.hash(context.Background(), "no password of anybody's")
	return s, err
}

// Session is what a client holds after logging in. Refresh is "" when it was only read.
type Session struct {
	Token     string
	ExpiresAt time.Time
	Refresh   string
	Account   billing.Account

	login billing.SessionID
}

// Register makes an account and logs its maker in. Errors: EInvalid, EEmailTaken, ETooMany.
func (s *Service) Register(ctx context.Context, email, password string) (Session, error) {
	email, err := NormalizeEmail(email)
	if err != nil {
		return Session{}, err
	}
	hash, err := s.hash(ctx, password)
	if err != nil {
		return Session{}, err
	}
	var out Session
	err = s.db.InTx(ctx, func(tx *store.Tx) error {
		a := billing.Account{
			ID: billing.NewAccountID(tx.Now), Email: email, PasswordHash: hash, Version: 1,
			Sync: billing.SyncState{BudgetAt: tx.Now}, CreatedAt: tx.Now,
		}
		if err := tx.InsertAccount(ctx, a); err != nil {
			return err
		}
		out, err = s.beginLogin(ctx, tx, a)
		return err
	})
	return out, err
}

// Login checks an email and a password. Errors: EUnauthorized (the same for an unknown email and a wrong password),
// ETooMany.
func (s *Service) Login(ctx context.Context, email, password string) (Session, error) {
	wrong := billing.Errorf(billing.EUnauthorized, "The email or the password is wrong.")
	email, err := NormalizeEmail(email)
	if err != nil {
		return Session{}, wrong
	}
	a, err := s.db.AccountByEmail(ctx, email)
	if billing.CodeOf(err) == billing.ENotFound {
		a.PasswordHash, err = s.decoy, nil // as much work as for a real account: time must not tell who has one
	}
	if err != nil {
		return Session{}, err
	}
	ok, err := s.verify(ctx, password, a.PasswordHash)
	if err != nil {
		return Session{}, err
	}
	if !ok || a.ID == "" {
		return Session{}, wrong
	}
	if a, err = ledger.Current(ctx, s.db, a.ID); err != nil {
		return Session{}, err
	}
	var out Session
	err = s.db.InTx(ctx, func(tx *store.Tx) error {
		out, err = s.beginLogin(ctx, tx, a)
		return err
	})
	return out, err
}

// Read answers the session of a caller who holds a valid token, with a fresh one. Errors: EUnauthorized when the
// account is gone.
func (s *Service) Read(ctx context.Context, c token.Claims) (Session, error) {
	a, err := ledger.Current(ctx, s.db, c.Account)
	if err != nil {
		return Session{}, gone(err)
	}
	raw, claims, err := s.renew(ctx, a, c)
	return Session{Token: raw, ExpiresAt: claims.ExpiresAt, Account: a, login: c.Login}, err
}

// RequirePresent refuses a caller whose account is gone, whatever they ask for: lists would otherwise be empty and
// single things not found. Errors: EUnauthorized.
func (s *Service) RequirePresent(ctx context.Context, c token.Claims) error {
	present, err := s.db.HasAccount(ctx, c.Account)
	if err == nil && !present {
		err = gone(billing.Errorf(billing.ENotFound, "No such account."))
	}
	return err
}

// gone says of a caller whose account is not there that they are no one.
func gone(err error) error {
	if billing.CodeOf(err) == billing.ENotFound {
		return billing.Errorf(billing.EUnauthorized, "This account does not exist any more.")
	}
	return err
}

// Mint makes a fresh token for a caller from an account just read.
func (s *Service) Mint(ctx context.Context, a billing.Account, c token.Claims) (string, error) {
	raw, _, err := s.renew(ctx, a, c)
	return raw, err
}

// renew makes a fresh token for who holds one. It lives longer than that one only while the login does, or whoever was
// logged out could stay for ever. What was done is done, so a database that does not answer this question spoils no
// answer.
func (s *Service) renew(ctx context.Context, a billing.Account, c token.Claims) (string, token.Claims, error) {
	states, err := s.db.LoginStates(ctx, []billing.LoginKey{{Account: c.Account, ID: c.Login}})
	if err != nil || !states[c.Login].Lives(s.db.Now()) {
		return s.tokens.MintInstead(a, c)
	}
	return s.tokens.Mint(a, c.Login)
}

func (s *Service) session(a billing.Account, login billing.SessionID, refresh string) (Session, error) {
	raw, claims, err := s.tokens.Mint(a, login)
	return Session{Token: raw, ExpiresAt: claims.ExpiresAt, Refresh: refresh, Account: a, login: login}, err
}
