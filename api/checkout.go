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
		SaveMethod: value(
			r.Body.SavePaymentMethod,
		), Promotion: value(r.Body.PromotionCode), Key: value(r.Params.IdempotencyKey),
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
		Subscription: toAPISubscription(a.Subscription),
		Token:        token,
	}, nil
}

// defaultLimit is the contract's default limit for lists.
const defaultLimit = 20

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

// CreatePortal returns the address of the billing portal.
func (s *server) CreatePortal(ctx context.Context, r CreatePortalRequestObject) (CreatePortalResponseObject, error) {
	url, err := s.checkout.Portal(ctx, caller(ctx).Account, value(r.Body.ReturnUrl))
	if err != nil {
		return nil, err
	}
	return CreatePortal201JSONResponse{Url: url}, nil
}

func limitOf(limit *int) int {
	if limit == nil {
		return defaultLimit
	}
	return *limit
}

// page cuts a list that was read with one item too many, and returns the cursor of the next page, if any.
func page[T any](items []T, limit int, id func(T) string) ([]T, *string) {
	if len(items) <= limit {
		return items, nil
	}
	last := id(items[limit-1])
	return items[:limit], &last
}
