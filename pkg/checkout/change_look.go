package checkout

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// forgetPatience limits the time to delete a refused change. One that is not deleted blocks the next change until its
// lease expires, so a busy database gets some time.
const forgetPatience = 10 * time.Second

// decideChange writes down what Stripe will be asked for. If the change is refused, or Stripe's view is not available,
// it forgets the change, and the key is unused again. But if a copy of the request was faster and has decided, that
// counts: this request may have been refused because the copy's change is made already.
func (s *Service) decideChange(
	ctx context.Context, c billing.SubscriptionChange, a asked,
) (billing.SubscriptionChange, error) {
	steps, err := s.stepsOf(ctx, c.AccountID, a)
	if err != nil {
		if now, decided := s.forget(ctx, c); decided {
			return now, nil
		}
		return c, err
	}
	err = s.inChange(ctx, c, func(tx *store.Tx, now *billing.SubscriptionChange) error {
		if now.Status != billing.ChangePending || now.Steps != nil { // a concurrent request was faster
			return nil
		}
		now.Steps = &steps
		now.LeaseUntil = tx.Now.Add(lease)
		return tx.SaveChange(ctx, *now)
	}, &c)
	if billing.CodeOf(err) == billing.ENotFound { // forgotten by a concurrent request
		err = &billing.Error{
			Code:       billing.EConflict,
			RetryAfter: time.Second,
			Message:    "The same request was made twice at once. Repeat it.",
		}
	}
	return c, err
}

// stepsOf decides the steps of a change by Stripe's view of the subscription, or refuses the change.
func (s *Service) stepsOf(ctx context.Context, id billing.AccountID, a asked) (billing.ChangeSteps, error) {
	if a.invalid != nil { // it was cut off, and is not sold any more
		return billing.ChangeSteps{}, a.invalid
	}
	v, err := s.look(ctx, id)
	if err != nil {
		return billing.ChangeSteps{}, err
	}
	return a.plan(ctx, v)
}

// view holds what a change is decided by: the subscription as Stripe has it, and whether an earlier change of it is
// made but not paid.
type view struct {
	terms stripegw.Terms
	owes  bool
	now   time.Time
}

// look syncs an account and returns its subscription as Stripe has it now. Errors: EConflict if there is none,
// ETooMany, EStripeUnavailable, EStripeRefused.
func (s *Service) look(ctx context.Context, id billing.AccountID) (v view, err error) {
	outcome, err := s.syncer.SyncNow(ctx, id, billing.CauseChange)
	if err != nil {
		return v, err
	}
	switch outcome {
	case reconcile.NoBudget:
		return v, &billing.Error{
			Code:       billing.ETooMany,
			RetryAfter: 10 * time.Second,
			Message:    "This subscription was looked at too often. Try again in a moment.",
		}
	case reconcile.Failed:
		return v, &billing.Error{
			Code:       billing.EStripeUnavailable,
			RetryAfter: 2 * time.Second,
			Message:    "Stripe did not respond in time; try again shortly.",
		}
	}
	a, err := s.db.Account(ctx, id)
	if err != nil {
		return v, err
	}
	if a.Subscription == nil {
		return v, billing.Errorf(billing.EConflict, "This account has no subscription. Buy one (POST /checkout).")
	}
	if v.owes, err = s.owesForChange(ctx, id); err != nil {
		return v, err
	}
	v.now = s.db.Now()
	v.terms, err = s.stripe.Subscription(ctx, a.Subscription.ID)
	return v, err
}

// owesForChange reports whether a change that Stripe has made is still unpaid.
func (s *Service) owesForChange(ctx context.Context, id billing.AccountID) (bool, error) {
	waiting, err := s.db.WaitingChanges(ctx, id)
	if err != nil {
		return false, err
	}
	owes := false
	for _, c := range waiting {
		if c.Status == billing.ChangeUnpaid { // Stripe has not made it, or itself reports it past due
			continue
		}
		if c, err = s.lookAtPayment(ctx, c); err != nil {
			return false, err
		}
		owes = owes || c.Status == billing.ChangeProcessing || c.Status == billing.ChangeInvoiced
	}
	return owes, nil
}

// forget deletes a change for which nothing was asked of Stripe, and returns decided false. If a concurrent request has
// decided the change, it stays, and forget returns it. If the database fails as well, the change's lease expires.
func (s *Service) forget(
	ctx context.Context, c billing.SubscriptionChange,
) (now billing.SubscriptionChange, decided bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), forgetPatience)
	defer cancel()
	err := s.inChange(ctx, c, func(tx *store.Tx, now *billing.SubscriptionChange) error {
		if decided = now.Status != billing.ChangePending || now.Steps != nil; decided {
			return nil
		}
		return tx.DeleteChange(ctx, now.AccountID, now.ID)
	}, &now)
	return now, decided && err == nil
}
