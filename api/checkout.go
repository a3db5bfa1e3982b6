package api

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
)

// CreateCheckout makes an order and its page at Stripe.
func (s *server) CreateCheckout(
	ctx context.Context, r CreateCheckoutRequestObject,
) (CreateCheckoutResponseObject, error) {
	order, replayed, err := s.checkout.Create(ctx, caller(ctx).Account, checkout.Request{
		Item:       r.Body.Item,
		Quantity:   value(r.Body.Quantity),
		SuccessURL: value(r.Body.SuccessUrl),
		CancelURL:  value(r.Body.CancelUrl),
		SaveMethod: value(r.Body.SavePaymentMethod),
		Promotion:  value(r.Body.PromotionCode),
		Key:        value(r.Params.IdempotencyKey),
		Login:      caller(ctx).Login,
	})
	if err != nil {
		return nil, err
	}
	answer := CreateCheckout201JSONResponse{
		Body: CheckoutCreated{Order: toAPIOrder(order), SessionId: string(order.CheckoutID)},
	}
	if order.URL != "" {
		answer.Body.Url = &order.URL
	}
	if replayed {
		answer.Headers.IdempotentReplayed = &replayed
	}
	return answer, nil
}

// GetCheckout returns an order's current state. It asks Stripe first if the order is pending.
func (s *server) GetCheckout(ctx context.Context, r GetCheckoutRequestObject) (GetCheckoutResponseObject, error) {
	order, a, err := s.checkout.Status(ctx, caller(ctx).Account, billing.OrderID(r.OrderId))
	if err != nil {
		return nil, err
	}
	token, err := s.accounts.Mint(ctx, a, caller(ctx))
	if err != nil {
		return nil, err
	}
	return GetCheckout200JSONResponse{
		Order:        toAPIOrder(order),
		Points:       toAPIPoints(a.Balance),
		Subscription: s.toAPISubscription(a.Subscription),
		Token:        token,
	}, nil
}

// ListOrders returns a page of the caller's orders.
func (s *server) ListOrders(ctx context.Context, r ListOrdersRequestObject) (ListOrdersResponseObject, error) {
	limit := limitOf(r.Params.Limit)
	orders, err := s.db.Orders(ctx, caller(ctx).Account, billing.OrderID(value(r.Params.Cursor)), limit+1)
	if err != nil {
		return nil, err
	}
	orders, next := page(orders, limit, func(o billing.Order) string { return string(o.ID) })
	return ListOrders200JSONResponse{Orders: each(orders, toAPIOrder), NextCursor: next}, nil
}
