package checkout

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
)

// Two open pages could sell two subscriptions. So of an account's plan orders with a page only the newest keeps it
// open, whatever the order in which requests that race come to look: nobody ever closes the newest one's, and whoever
// writes a page down last sees all the others.

// refuseSecond refuses to sell a plan to an account that has a live subscription. Errors: ESubscriptionExists.
func refuseSecond(a billing.Account, o billing.Order) error {
	if s := a.Subscription; o.Kind == billing.KindPlan && s != nil && s.Status.Live() {
		return billing.Errorf(billing.ESubscriptionExists,
			"This account has a subscription (%s, %s). Change its plan (POST /subscription/change).", s.Plan, s.Status)
	}
	return nil
}

// sellsPlan says whether a customer could still subscribe on the order's page.
func sellsPlan(o billing.Order) bool { return o.Kind == billing.KindPlan && o.CheckoutID != "" }

// outdated says whether a newer plan order has a page. Ids grow with time.
func outdated(o billing.Order, open []billing.Order) bool {
	for _, other := range open {
		if sellsPlan(o) && sellsPlan(other) && other.ID > o.ID {
			return true
		}
	}
	return false
}

// leaveOnePlan closes the pages of all plan orders but the newest, which may be another than o, and answers o as it
// then is. Errors: ESubscriptionExists when one was paid meanwhile; then none is left open.
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
	// Also where none was closed: an order that was paid and fulfilled since ours was claimed is no open one any more,
	// and then its subscription is on the account.
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

// closePage ends the page of a plan order, unless it was paid or ended already: the next sync says which.
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
