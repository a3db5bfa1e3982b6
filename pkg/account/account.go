// Package account owns who a caller is and what they do with points: registration, logins, passwords and the mails
// about them, refresh tokens, the session, service keys, holds and spends. A spend belongs here because it begins with
// the caller's access token and ends with the caller's next one. A service holds a key in place of a token. It spends
// by the same code, for any account.
//
// It refuses to know HTTP and Stripe's objects.
//
// Access tokens mirror the account's row in the database. Refresh tokens are opaque, and only their hashes are stored.
// A refresh token works once, and again for some minutes in case the first response was lost. Any other second use
// means that two parties hold the token, and ends the whole login. Attempts of passwords are counted and bounded before
// any is hashed, by the address that a request's context carries.
package account

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/mail"
	"github.com/pointsync/pointsync/pkg/metric"
	"github.com/pointsync/pointsync/pkg/oidc"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/token"
	"github.com/pointsync/pointsync/pkg/trace"
)

// loginTTL is the total life of a login, however often it is refreshed.
const loginTTL = 180 * 24 * time.Hour

// Service registers accounts, logs them in, and spends their points.
type Service struct {
	db      *store.DB
	tokens  *token.Issuer
	syncer  *reconcile.Syncer
	hashers *hashers
	decoy   string
	watches *watches
	keys    keyUses

	unthrottled bool
	held        chan struct{} // refused attempts that wait
	counting    chan struct{} // attempts that use the database

	catalog  *catalog.Catalog
	receipts *token.Receipts
	issuers  *oidc.Issuers

	passwordsOff bool

	product string
	sender  mail.Sender // nil if no mail is sent
	linkURL string
	private bool
	jobs    *jobs.Runner // nil before RegisterJobs
	metrics *metric.Metrics
	tracer  *trace.Tracer
	log     *slog.Logger
}

// Options are what a Service works with, and its settings.
type Options struct {
	DB      *store.DB
	Tokens  *token.Issuer
	Syncer  *reconcile.Syncer
	KeyRate int // the requests that a service key may make a second
	// Unthrottled lets any number of passwords be tried from one address, each of which waits for its turn however long
	// that takes. It is for tests, also those under load.
	Unthrottled bool

	Catalog  *catalog.Catalog // the prices of actions
	Receipts *token.Receipts  // that come with spends
	Issuers  *oidc.Issuers    // nil: no ID token is accepted
	// PasswordsOff lets no one log in with a password, or register with one.
	PasswordsOff bool

	Product string      // as mails name it
	Sender  mail.Sender // nil: no mail is sent, and what needs one is refused
	LinkURL string      // of the page that the links in mails lead to
	Private bool        // registering must not show who has an account; this needs a Sender
	Metrics *metric.Metrics
	Tracer  *trace.Tracer // nil: no traces
	Log     *slog.Logger  // nil: what becomes of mails is not logged
}

// New returns a Service.
func New(o Options) (*Service, error) {
	s := &Service{
		db:      o.DB,
		tokens:  o.Tokens,
		syncer:  o.Syncer,
		hashers: newHashers(),
		watches: newWatches(o.DB.LoginStates, o.DB.Now),
		keys:    keyUses{perSecond: o.KeyRate, uses: map[billing.KeyID]*keyUse{}},

		unthrottled: o.Unthrottled,
		held:        make(chan struct{}, maxHeld),
		counting:    make(chan struct{}, maxCounting),

		catalog:  o.Catalog,
		receipts: o.Receipts,
		issuers:  cmp.Or(o.Issuers, oidc.New(nil, o.DB.Now)),

		passwordsOff: o.PasswordsOff,

		product: cmp.Or(o.Product, "pointsync"),
		sender:  o.Sender,
		linkURL: o.LinkURL,
		private: o.Private,
		metrics: o.Metrics,
		tracer:  o.Tracer,
		log:     cmp.Or(o.Log, slog.New(slog.DiscardHandler)),
	}
	if o.Unthrottled {
		s.hashers.patience = 0
	}
	var err error
	s.decoy, err = s.hash(context.Background(), laneOther, "no password of anybody's")
	return s, err
}

// Session is what a client holds after logging in. Refresh is "" if the session was only read.
type Session struct {
	Token     string
	ExpiresAt time.Time
	Refresh   string
	Account   billing.Account

	login billing.SessionID
}

// passwordsOn refuses what needs a password if the operator lets no one log in with one. Errors: EPasswordLoginOff.
func (s *Service) passwordsOn() error {
	if s.passwordsOff {
		return billing.Errorf(
			billing.EPasswordLoginOff, "No one logs in with a password here. Exchange an ID token (POST /auth/exchange).",
		)
	}
	return nil
}

// Register makes an account and logs it in. Errors: EInvalid, EEmailTaken, ETooMany, EPasswordLoginOff.
func (s *Service) Register(ctx context.Context, email, password string) (Session, error) {
	if err := s.passwordsOn(); err != nil {
		return Session{}, err
	}
	email, err := NormalizeEmail(email)
	if err != nil {
		return Session{}, err
	}
	if err := s.checkPassword(password, email); err != nil {
		return Session{}, err
	}
	l, err := s.limit(ctx, billing.AttemptRegister)
	if err != nil {
		return Session{}, err
	}
	hash, err := s.hash(ctx, l, password)
	if err != nil {
		return Session{}, err
	}
	var out Session
	err = s.db.InTx(ctx, func(tx *store.Tx) error {
		a := newAccount(tx.Now, email, hash)
		if err := tx.InsertAccount(ctx, a); err != nil {
			return err
		}
		if s.sender != nil {
			r := mailRequest{Subject: subjectVerify, Email: email, Account: a.ID}
			if err := s.jobs.Enqueue(ctx, tx, r); err != nil {
				return err
			}
		}
		if out, err = s.beginLogin(ctx, tx, a); err != nil {
			return err
		}
		return s.knows(ctx, tx, email)
	})
	return out, err
}

func newAccount(now time.Time, email, hash string) billing.Account {
	return billing.Account{
		ID: billing.NewAccountID(now), Email: email, PasswordHash: hash, Version: 1,
		Sync: billing.SyncState{BudgetAt: now}, CreatedAt: now,
	}
}

// Login checks an email and a password, and begins a login. Errors: EUnauthorized (the same for an unknown email and a
// wrong password), EAccountClosed, ETooMany, EPasswordLoginOff.
func (s *Service) Login(ctx context.Context, email, password string) (Session, error) {
	out, err := s.logIn(ctx, email, password)
	s.countLogin(metric.LoginPassword, err)
	return out, err
}

// countLogin counts a login that failed.
func (s *Service) countLogin(method metric.LoginMethod, err error) {
	if err != nil {
		s.metrics.LoginFailed(method, metric.LoginReasonOf(err))
	}
}

func (s *Service) logIn(ctx context.Context, email, password string) (Session, error) {
	if err := s.passwordsOn(); err != nil {
		return Session{}, err
	}
	wrong := billing.Errorf(billing.EUnauthorized, "The email or the password is wrong.")
	email, err := NormalizeEmail(email)
	if err != nil {
		return Session{}, wrong
	}
	// Before the account is read, so that a refusal takes as long for an address that has none.
	try, l, err := s.admit(ctx, email)
	if err != nil {
		return Session{}, err
	}
	a, err := s.db.AccountByEmail(ctx, email)
	if billing.CodeOf(err) == billing.ENotFound {
		err = nil // the same work as for a real account, with the decoy: timing must not reveal who has one
	}
	if err != nil {
		return Session{}, err
	}
	// No password opens an account that a service made.
	try.OK, try.newer, err = s.verify(ctx, l, password, cmp.Or(a.PasswordHash, s.decoy))
	if err != nil {
		return Session{}, err
	}
	if !try.OK || a.PasswordHash == "" {
		return Session{}, wrong
	}
	hash := a.PasswordHash
	if a, err = ledger.Current(ctx, s.db, a.ID); err != nil {
		return Session{}, err
	}
	var out Session
	err = s.db.InTx(ctx, func(tx *store.Tx) error {
		// Checking a password takes a while. One that was changed in the meantime begins no login, or the login would
		// outlive the change.
		now, err := tx.LockAccount(ctx, a.ID)
		if err != nil || now.PasswordHash != hash {
			return cmp.Or[error](err, wrong)
		}
		if out, err = s.beginLogin(ctx, tx, now); err != nil {
			return err
		}
		return s.succeed(ctx, tx, now, try)
	})
	return out, err
}

// Read returns the session of a caller who holds a valid token, with a fresh token. Errors: EUnauthorized if the
// account is gone.
func (s *Service) Read(ctx context.Context, c token.Claims) (Session, error) {
	a, err := ledger.Current(ctx, s.db, c.Account)
	if err != nil {
		return Session{}, gone(err)
	}
	raw, claims, err := s.renew(ctx, a, c)
	return Session{Token: raw, ExpiresAt: claims.ExpiresAt, Account: a, login: c.Login}, err
}

// RequireLogin refuses a caller whose login has ended, or whose account is gone, for every request. It is one look
// before the request. What moves points or money asks again, under the account's lock. Errors: EUnauthorized.
func (s *Service) RequireLogin(ctx context.Context, c token.Claims) error {
	states, err := s.db.LoginStates(ctx, []billing.LoginKey{{Account: c.Account, ID: c.Login}})
	if err == nil && !states[c.Login].Lives(s.db.Now()) {
		err = billing.Ended()
	}
	return err
}

// SpendsAtOnce reports whether a spend under these claims debits before it does anything else. The debit looks at the
// login, so RequireLogin need not be asked before it.
func (s *Service) SpendsAtOnce(c token.Claims) bool { return c.InWindow(s.db.Now()) }

// gone returns EUnauthorized in place of ENotFound: a caller whose account does not exist is no one.
func gone(err error) error {
	if billing.CodeOf(err) == billing.ENotFound {
		return billing.Errorf(billing.EUnauthorized, "This account does not exist any more.")
	}
	return err
}

// Mint makes a fresh token for a caller from an account that was just read.
func (s *Service) Mint(ctx context.Context, a billing.Account, c token.Claims) (string, error) {
	raw, _, err := s.renew(ctx, a, c)
	return raw, err
}

// renew makes a fresh token for a caller who holds one. The new token outlives the old one only while the login lives;
// otherwise a caller who was logged out could stay without end. The request's work is done by now, so if the database
// does not reply to this question, the response must not fail.
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
