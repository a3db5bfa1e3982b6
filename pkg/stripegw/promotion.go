package stripegw

import (
	"context"
	"errors"
	"strings"

	stripe "github.com/stripe/stripe-go/v76"

	"github.com/pointsync/pointsync/pkg/billing"
)

// PromotionCode finds the active promotion code that a customer entered. If there are several, it prefers the
// customer's own. Errors: ENotFound if there is none, if it is another customer's, or if its coupon is used up;
// EStripeUnavailable, EStripeRefused.
func (g *Gateway) PromotionCode(
	ctx context.Context, code string, customer billing.CustomerID,
) (id billing.PromotionCodeID, err error) {
	if err := need("the promotion code", code); err != nil {
		return "", err
	}
	list := g.api.PromotionCodes.List(
		&stripe.PromotionCodeListParams{
			ListParams: listParams(ctx), Active: stripe.Bool(true), Code: stripe.String(code),
		},
	)
	err = each(list.Iter, "promotion codes", func() error {
		p := list.PromotionCode()
		own := p.Customer != nil && p.Customer.ID == string(customer)
		// Compared again: only the code that was asked for may give a discount, whatever else the response contains.
		if p.Active && strings.EqualFold(p.Code, code) && p.Coupon != nil && p.Coupon.Valid &&
			(own || p.Customer == nil && id == "") {
			id = billing.PromotionCodeID(p.ID)
		}
		return nil
	})
	if err != nil {
		return "", g.failure(err, "show the promotion code")
	}
	if id == "" {
		return "", billing.Errorf(billing.ENotFound, "No such promotion code.")
	}
	return id, nil
}

// refusesDiscount reports whether Stripe declined a discount, not the purchase.
func refusesDiscount(err error) bool {
	var said *stripe.Error
	return isBadRequest(err) && errors.As(err, &said) &&
		(strings.HasPrefix(said.Param, "discounts") || said.Code == stripe.ErrorCodeCouponExpired)
}
