package account

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/metric"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/token"
)

// Spent is the result of a spend.
type Spent struct {
	Entry    billing.Entry
	Account  billing.Account
	Token    string // mirrors Account
	Receipt  string // for the operator's other services; "" once it would be too old
	Stale    bool   // Stripe should have been asked first and did not reply
	Replayed bool
}

// RefusedSpend is the error of a spend or a hold that lacks points. It carries what the client needs to refresh its
// session.
type RefusedSpend struct {
	Cause   *billing.Error
	Account billing.Account
	Token   string // mirrors Account; "" for a service
}

// Error returns the text of the cause.
func (e *RefusedSpend) Error() string { return e.Cause.Error() }

// Unwrap returns the cause, which has the error's code.
func (e *RefusedSpend) Unwrap() error { return e.Cause }

// Spend debits points for a caller who holds the given token. synced decides when to ask Stripe. Errors: *RefusedSpend
// (EInsufficientPoints), EStripeUnavailable, EKeyReused, EInvalid, EActionRequired, ERequestCap, EDailyCap,
// EUnauthorized (the login has ended, or the account is gone), EAccountClosed.
func (s *Service) Spend(ctx context.Context, c token.Claims, r ledger.SpendRequest) (Spent, error) {
	spent, err := s.spend(ctx, s.customer(c), r)
	return spent, gone(err)
}

func (s *Service) spend(ctx context.Context, c caller, r ledger.SpendRequest) (Spent, error) {
	spent, err := s.take(ctx, c, r)
	s.metrics.Spend(metric.OutcomeOf(err, spent.Stale, spent.Replayed))
	return spent, err
}

func (s *Service) take(ctx context.Context, c caller, r ledger.SpendRequest) (Spent, error) {
	r.Key, r.By, r.Login, r.Caps = c.keySpace+r.Key, c.actor, c.login, s.catalog.Caps
	price, err := s.price(c, r.Amount, r.Action, r.Quantity)
	if err != nil {
		return s.spendAgain(ctx, c, r, err)
	}
	r.Amount = price
	var spent ledger.Spent
	var ready signed
	r.Decided = func(decided ledger.Spent) { ready = s.sign(ctx, c, decided) }
	outcome, err := s.synced(ctx, c, r.Amount, func() (_ billing.Account, err error) {
		spent, err = ledger.Spend(ctx, s.db, c.account, r)
		return spent.Account, err
	})
	if err != nil {
		return Spent{}, err
	}
	return s.spent(ctx, c, spent, outcome, ready)
}

// spendAgain returns the first outcome of a request that has no price any more: the catalogue has lost the action
// since, or the operator has closed free amounts. If it is no repeat, the error is refused.
func (s *Service) spendAgain(ctx context.Context, c caller, r ledger.SpendRequest, refused error) (Spent, error) {
	spent, ok, err := ledger.SpendReplay(ctx, s.db, c.account, r)
	if err != nil {
		return Spent{}, err
	}
	if !ok {
		return Spent{}, refused
	}
	return s.spent(ctx, c, spent, "", signed{})
}

// signed is what is signed for a spend. The zero signed is for none.
type signed struct {
	entry          billing.EntryID
	version        int64 // of the account
	receipt, token string
	err            error
}

// sign signs what comes with a spend.
func (s *Service) sign(ctx context.Context, c caller, spent ledger.Spent) (out signed) {
	out.entry, out.version = spent.Entry.ID, spent.Account.Version
	if out.receipt, out.err = s.receipts.Of(spent.Entry); out.err == nil {
		out.token, out.err = c.mint(ctx, spent.Account, !spent.Replayed)
	}
	return out
}

// spent returns the result of a spend. ready was signed while it was committed, or is not for it.
func (s *Service) spent(
	ctx context.Context, c caller, spent ledger.Spent, outcome reconcile.Outcome, ready signed,
) (Spent, error) {
	if ready.entry != spent.Entry.ID || ready.version != spent.Account.Version {
		ready = s.sign(ctx, c, spent)
	}
	return Spent{
		Entry:    spent.Entry,
		Account:  spent.Account,
		Token:    ready.token,
		Receipt:  ready.receipt,
		Stale:    outcome == reconcile.Failed,
		Replayed: spent.Replayed,
	}, ready.err
}

// synced takes points, and asks Stripe before taking or before refusing. take returns the account as it left it.
//
//	inside the caller's window: take at once; lacking points, sync once and try again
//	outside: sync first, then take, a second and separate update that may be refused
//
// Only a database that was synced, or needs no sync, may refuse. If Stripe did not reply and the points known here are
// not enough, the error is EStripeUnavailable. The error is the same if points are overdue and the account's budget of
// syncs is used up.
func (s *Service) synced(
	ctx context.Context, c caller, amount billing.Points, take func() (billing.Account, error),
) (outcome reconcile.Outcome, err error) {
	if !c.inWindow {
		if outcome, err = s.syncer.SyncNow(ctx, c.account, billing.CauseSpend); err != nil {
			return outcome, err
		}
	}
	a, err := take()
	if billing.CodeOf(err) == billing.EInsufficientPoints && outcome == "" {
		// The webhook of a purchase may still be on its way.
		if outcome, err = s.syncer.SyncNow(ctx, c.account, billing.CauseSpend); err != nil {
			return outcome, err
		}
		a, err = take()
	}
	if billing.CodeOf(err) == billing.EInsufficientPoints {
		return outcome, s.refuse(ctx, c, amount, a, outcome, err)
	}
	return outcome, err
}

// refuse returns the error for a lack of points. If the database may refuse, the error carries a fresh token; otherwise
// it asks the client to try again.
func (s *Service) refuse(
	ctx context.Context, c caller, amount billing.Points, a billing.Account, outcome reconcile.Outcome,
	cause error,
) error {
	if outcome == reconcile.Failed || a.Overdue(s.db.Now()) {
		return &billing.Error{Code: billing.EStripeUnavailable, Err: cause, RetryAfter: 2 * time.Second,
			Message: "Stripe did not respond, and the points known here do not suffice. Try again with the same Idempotency-Key."}
	}
	raw, err := c.mint(ctx, a, false)
	if err != nil {
		return err
	}
	return &RefusedSpend{
		Cause: billing.Errorf(
			billing.EInsufficientPoints, "%d points asked for and %d available.", amount, a.Available,
		),
		Account: a, Token: raw,
	}
}
