package checkout

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
)

// complete reports whether the customer has paid on the order's page, so that it leads nowhere any more. The payment
// itself may still take days.
func complete(o billing.Order) bool { return o.CheckoutID != "" && o.URL == "" }

// answered reports whether an Idempotency-Key has led to a page or to the end of its order. After that, a repeat
// changes nothing. Errors: EKeyReused.
func (s *Service) answered(ctx context.Context, draft billing.Order, key string) (bool, error) {
	if key == "" {
		return false, nil
	}
	o, hash, err := s.db.OrderByKey(ctx, draft.AccountID, key)
	switch {
	case billing.CodeOf(err) == billing.ENotFound:
		return false, nil
	case err != nil:
		return false, err
	case hash != draft.RequestHash:
		return false, billing.KeyReused()
	}
	return o.CheckoutID != "" || o.Status != billing.OrderPending, nil
}

// endedPages asks Stripe about the pages that would be handed out again, and returns those that cannot be paid any
// more. The customer may have paid, or the operator may have closed them, before any event reported it. If there are
// any, a sync updates the orders.
func (s *Service) endedPages(ctx context.Context, draft billing.Order) (ended []billing.CheckoutID, err error) {
	open, err := s.db.OpenOrders(ctx, draft.AccountID)
	if err != nil {
		return nil, err
	}
	for _, o := range open {
		if !reusable(o, draft, s.db.Now()) {
			continue
		}
		page, err := s.stripe.Checkout(ctx, o.CheckoutID)
		if err != nil && billing.CodeOf(err) != billing.ENotFound {
			return nil, err
		}
		if page.Status != "open" {
			ended = append(ended, o.CheckoutID)
		}
	}
	if len(ended) > 0 {
		_, err = s.syncer.Sync(ctx, draft.AccountID, billing.CauseEvent)
	}
	return ended, err
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
