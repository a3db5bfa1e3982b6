package account

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/metric"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/token"
)

// Held is the result of a request about a hold.
type Held struct {
	Hold     billing.Hold
	Account  billing.Account
	Token    string // mirrors Account
	Stale    bool   // Stripe should have been asked first and did not reply
	Replayed bool
}

// Hold sets points aside for a caller who holds the given token. It asks Stripe in the same cases as Spend. Errors:
// *RefusedSpend (EInsufficientPoints), ETooMany, EStripeUnavailable, EKeyReused, EInvalid, EActionRequired,
// ERequestCap, EDailyCap, EUnauthorized (the login has ended, or the account is gone), EAccountClosed.
func (s *Service) Hold(ctx context.Context, c token.Claims, r ledger.HoldRequest) (Held, error) {
	held, err := s.hold(ctx, s.customer(c), r)
	return held, gone(err)
}

func (s *Service) hold(ctx context.Context, c caller, r ledger.HoldRequest) (Held, error) {
	held, err := s.setAside(ctx, c, r)
	s.countHold(metric.HoldMade, held, err)
	return held, err
}

func (s *Service) countHold(op metric.HoldOperation, h Held, err error) {
	s.metrics.Hold(op, metric.OutcomeOf(err, h.Stale, h.Replayed))
}

func (s *Service) setAside(ctx context.Context, c caller, r ledger.HoldRequest) (Held, error) {
	r.Key, r.By, r.Login, r.Caps = c.keySpace+r.Key, c.actor, c.login, s.catalog.Caps
	price, err := s.price(c, r.Amount, r.Action, r.Quantity)
	if err != nil {
		return s.holdAgain(ctx, c, r, err)
	}
	r.Amount = price
	var held ledger.Held
	outcome, err := s.synced(ctx, c, r.Amount, func() (_ billing.Account, err error) {
		held, err = ledger.Hold(ctx, s.db, c.account, r)
		return held.Account, err
	})
	return s.answer(ctx, c, held, outcome, err)
}

// holdAgain does for a hold what spendAgain does for a spend.
func (s *Service) holdAgain(ctx context.Context, c caller, r ledger.HoldRequest, refused error) (Held, error) {
	held, ok, err := ledger.HoldReplay(ctx, s.db, c.account, r)
	if err == nil && !ok {
		err = refused
	}
	return s.answer(ctx, c, held, "", err)
}

// Capture spends what a hold set aside. Those points are there whatever Stripe says, so Stripe is not asked. Errors:
// ENotFound, EConflict (the hold has ended), EInvalid, EActionRequired, EKeyReused, EUnauthorized (the login has
// ended), EAccountClosed.
func (s *Service) Capture(ctx context.Context, c token.Claims, r ledger.CaptureRequest) (Held, error) {
	return s.capture(ctx, s.customer(c), r)
}

func (s *Service) capture(ctx context.Context, c caller, r ledger.CaptureRequest) (Held, error) {
	held, err := s.useHeld(ctx, c, r)
	s.countHold(metric.HoldCaptured, held, err)
	return held, err
}

func (s *Service) useHeld(ctx context.Context, c caller, r ledger.CaptureRequest) (Held, error) {
	r.Key, r.By, r.Login, r.WholeOnly = c.keySpace+r.Key, c.actor, c.login, !c.anyAmount
	held, err := ledger.Capture(ctx, s.db, c.account, r)
	return s.answer(ctx, c, held, "", err)
}

// Release gives back what a hold set aside. Errors: ENotFound, EConflict (the hold has ended), EKeyReused,
// EUnauthorized (the login has ended), EAccountClosed.
func (s *Service) Release(ctx context.Context, c token.Claims, r ledger.ReleaseRequest) (Held, error) {
	return s.release(ctx, s.customer(c), r)
}

func (s *Service) release(ctx context.Context, c caller, r ledger.ReleaseRequest) (Held, error) {
	held, err := s.giveBack(ctx, c, r)
	s.countHold(metric.HoldReleased, held, err)
	return held, err
}

func (s *Service) giveBack(ctx context.Context, c caller, r ledger.ReleaseRequest) (Held, error) {
	r.Key, r.By, r.Login = c.keySpace+r.Key, c.actor, c.login
	held, err := ledger.Release(ctx, s.db, c.account, r)
	return s.answer(ctx, c, held, "", err)
}

func (s *Service) answer(
	ctx context.Context, c caller, h ledger.Held, outcome reconcile.Outcome, err error,
) (Held, error) {
	if err != nil {
		return Held{}, err
	}
	raw, err := c.mint(ctx, h.Account, !h.Replayed)
	return Held{
		Hold: h.Hold, Account: h.Account, Token: raw, Stale: outcome == reconcile.Failed, Replayed: h.Replayed,
	}, err
}
