package checkout

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// openPlans lists the other plan orders of the account that a customer could still pay.
func openPlans(ctx context.Context, tx *store.Tx, than billing.Order) ([]billing.Order, error) {
	if than.Kind != billing.KindPlan {
		return nil, nil
	}
	open, err := tx.OpenOrders(ctx, than.AccountID)
	if err != nil {
		return nil, err
	}
	var others []billing.Order
	for _, o := range open {
		if o.ID != than.ID && o.Kind == billing.KindPlan && o.CheckoutID != "" {
			others = append(others, o)
		}
	}
	return others, nil
}

// closeRivals ends the pages of older plan orders. Errors: EConflict when one was paid meanwhile.
func (s *Service) closeRivals(ctx context.Context, rivals []billing.Order) error {
	for _, o := range rivals {
		err := s.stripe.ExpireCheckout(ctx, o.CheckoutID)
		if err == nil || billing.CodeOf(err) == billing.EConflict {
			continue // expired or paid: the sync below says which
		}
		return err
	}
	if len(rivals) == 0 {
		return nil
	}
	if _, err := s.syncer.Sync(ctx, rivals[0].AccountID); err != nil {
		return err
	}
	a, err := s.db.Account(ctx, rivals[0].AccountID)
	if err != nil {
		return err
	}
	if a.Subscription != nil && a.Subscription.Status.Live() {
		return billing.Errorf(billing.ESubscriptionExists,
			"This account has just got a subscription (%s). Change the plan in the billing portal (POST /portal).", a.Subscription.Plan)
	}
	return nil
}
