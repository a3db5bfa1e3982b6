package checkout

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
)

// Two open pages could sell two subscriptions. So of an account's plan orders that have a page, only the newest keeps
// it open. This holds in whatever order racing requests look: no request ever closes the newest page, and the request
// that saves its page last sees all the others.

// refuseSecond refuses to sell a plan to an account that has a live subscription. Errors: ESubscriptionExists.
func refuseSecond(a billing.Account, o billing.Order) error {
	if s := a.Subscription; o.Kind == billing.KindPlan && s != nil && s.Status.Live() {
		return billing.Errorf(billing.ESubscriptionExists,
			"This account has a subscription (%s, %s). Change its plan (POST /subscription/change).", s.Plan, s.Status)
	}
	return nil
}

// refuseBesidePayment refuses to sell a plan while the payment of another plan's order is under way. Both could
// succeed, and the customer would have two subscriptions. Errors: EConflict.
func refuseBesidePayment(draft billing.Order, open []billing.Order) error {
	for _, o := range open {
		if draft.Kind == billing.KindPlan && o.Kind == billing.KindPlan && o.ID != draft.ID &&
			o.Status == billing.OrderPending && complete(o) {
			return billing.Errorf(
				billing.EConflict, "The payment of a plan is under way (order %s). Wait until the bank has decided.",
				o.ID,
			)
		}
	}
	return nil
}

// leaveOnePlan closes the pages of all plan orders but the newest, which may not be o, and returns o as it then is.
// Errors: ESubscriptionExists if one was paid in the meantime; then no page is left open.
func (s *Service) leaveOnePlan(ctx context.Context, o billing.Order) (billing.Order, error) {
	if o.Kind != billing.KindPlan {
		return o, nil
	}
	open, err := s.db.OpenOrders(ctx, o.AccountID)
	if err != nil {
		return o, err
	}
	closed := 0
	for _, other := range open {
		if !outdated(other, open) {
			continue
		}
		if err := s.closePage(ctx, other); err != nil {
			return o, err
		}
		closed++
	}
	if closed > 0 {
		if _, err := s.syncer.Sync(ctx, o.AccountID, billing.CauseEvent); err != nil {
			return o, err
		}
	}
	// Check even if no page was closed. An order that was paid and fulfilled after ours was claimed is no longer open;
	// its subscription is on the account.
	a, err := s.db.Account(ctx, o.AccountID)
	if err != nil {
		return o, err
	}
	refusal := refuseSecond(a, o)
	if refusal == nil && closed > 0 {
		if open, err = s.db.OpenOrders(ctx, o.AccountID); err != nil {
			return o, err
		}
		refusal = refuseBesidePayment(o, open)
	}
	if refusal != nil {
		for _, other := range open {
			if err := s.closePage(ctx, other); err != nil {
				return o, err
			}
		}
		return o, refusal
	}
	return s.db.Order(ctx, o.AccountID, o.ID)
}

// outdated reports whether a newer plan order has a page. Ids grow with time.
func outdated(o billing.Order, open []billing.Order) bool {
	for _, other := range open {
		if sellsPlan(o) && sellsPlan(other) && other.ID > o.ID {
			return true
		}
	}
	return false
}

// sellsPlan reports whether a customer could still subscribe on the order's page.
func sellsPlan(o billing.Order) bool { return o.Kind == billing.KindPlan && o.CheckoutID != "" }

// closePage ends the page of a plan order. If the page was already paid or ended, the next sync finds out which.
func (s *Service) closePage(ctx context.Context, o billing.Order) error {
	if !sellsPlan(o) {
		return nil
	}
	err := s.stripe.ExpireCheckout(ctx, o.CheckoutID)
	if billing.CodeOf(err) == billing.EConflict {
		return nil
	}
	return err
}
