package stripegw

import (
	"context"

	stripe "github.com/stripe/stripe-go/v76"

	"github.com/pointsync/pointsync/pkg/billing"
)

// NewCheckout is one order, ready to be sold on Stripe's page.
type NewCheckout struct {
	Order      billing.Order
	Customer   billing.CustomerID
	Price      billing.PriceID
	TrialDays  int64 // plans only; 0 for none
	SaveMethod bool  // packs only: Stripe tells the customer on its page
	// Promotion is applied, unless it is "". Without one, AllowPromotions lets the customer enter a code on the page.
	Promotion       billing.PromotionCodeID
	AllowPromotions bool
}

// CreateCheckout opens the page that sells an order. Its idempotency key is the order's, so a repeat returns the same
// page. Stripe refuses a repeat with another price. Errors: EStripeUnavailable, EStripeRefused, EInvalid if the
// promotion does not apply to the purchase.
func (g *Gateway) CreateCheckout(ctx context.Context, n NewCheckout) (billing.StripeCheckout, error) {
	params, err := checkoutParams(n)
	if err != nil {
		return billing.StripeCheckout{}, err
	}
	params.Context = ctx
	s, err := g.api.CheckoutSessions.New(params)
	if err != nil {
		if isBadRequest(err) {
			g.prices.forget(n.Order.Item) // it may have been archived since it was cached
		}
		if n.Promotion != "" && refusesDiscount(err) {
			return billing.StripeCheckout{}, billing.Wrap(
				g.failure(err, "open the payment page"), billing.EInvalid,
				"The promotion code does not apply to this purchase.",
			)
		}
		return billing.StripeCheckout{}, g.failure(err, "open the payment page")
	}
	return fromStripeCheckout(s), nil
}

// checkoutParams leaves the choice of payment methods to Stripe's dashboard. Stripe does not copy our metadata from
// the session to the subscription or payment that it makes, so these get it separately.
func checkoutParams(n NewCheckout) (*stripe.CheckoutSessionParams, error) {
	o := n.Order
	for what, id := range map[string]string{
		"the order": string(o.ID), "the account": string(o.AccountID), "the customer": string(n.Customer),
		"the price": string(n.Price),
	} {
		if err := need(what, id); err != nil {
			return nil, err
		}
	}
	ours := map[string]string{billing.MetadataOrder: string(o.ID), billing.MetadataAccount: string(o.AccountID)}
	params := &stripe.CheckoutSessionParams{
		Customer:          stripe.String(string(n.Customer)),
		ClientReferenceID: stripe.String(string(o.ID)),
		Metadata:          ours,
		SuccessURL:        stripe.String(o.SuccessURL),
		CancelURL:         stripe.String(o.CancelURL),
		LineItems: []*stripe.CheckoutSessionLineItemParams{{
			Price:    stripe.String(string(n.Price)),
			Quantity: stripe.Int64(o.Quantity),
		}},
	}
	params.SetIdempotencyKey("checkout-" + string(o.ID))
	if o.ExpiresAt != nil {
		params.ExpiresAt = stripe.Int64(o.ExpiresAt.Unix())
	}
	switch {
	case n.Promotion != "":
		params.Discounts = []*stripe.CheckoutSessionDiscountParams{{PromotionCode: stripe.String(string(n.Promotion))}}
	case n.AllowPromotions:
		params.AllowPromotionCodes = stripe.Bool(true)
	}
	switch o.Kind {
	case billing.KindPlan:
		params.Mode = stripe.String(string(stripe.CheckoutSessionModeSubscription))
		params.SubscriptionData = &stripe.CheckoutSessionSubscriptionDataParams{Metadata: ours}
		if n.TrialDays > 0 {
			params.SubscriptionData.TrialPeriodDays = stripe.Int64(n.TrialDays)
		}
	case billing.KindPack:
		params.Mode = stripe.String(string(stripe.CheckoutSessionModePayment))
		params.PaymentIntentData = &stripe.CheckoutSessionPaymentIntentDataParams{Metadata: ours}
		if n.SaveMethod {
			params.PaymentIntentData.SetupFutureUsage = stripe.String(
				string(stripe.PaymentIntentSetupFutureUsageOffSession),
			)
		}
	default:
		return nil, billing.Errorf(billing.EInternal, "an order of kind %q cannot be sold", o.Kind)
	}
	return params, nil
}

// ExpireCheckout closes a page that was not paid. Errors: EConflict if it is complete or expired already,
// EStripeUnavailable, EStripeRefused.
func (g *Gateway) ExpireCheckout(ctx context.Context, id billing.CheckoutID) error {
	if err := need("the checkout", string(id)); err != nil {
		return err
	}
	params := &stripe.CheckoutSessionExpireParams{}
	params.Context = ctx
	_, err := g.api.CheckoutSessions.Expire(string(id), params)
	if !isBadRequest(err) {
		return g.failure(err, "close the payment page")
	}
	// Stripe has no code for "not open", so this reads the session itself.
	if s, lookErr := g.checkout(ctx, id); lookErr == nil && s.Status != billing.CheckoutOpen {
		return billing.Wrap(
			g.failure(err, "close the payment page"), billing.EConflict, "The payment page is %s already.", s.Status,
		)
	}
	return g.failure(err, "close the payment page")
}

// expandedOfCheckout is fetched with each session. The payment's status distinguishes a delayed payment that failed
// from one that is still processing.
var expandedOfCheckout = []string{"payment_intent", "invoice.payment_intent"}

func (g *Gateway) checkout(ctx context.Context, id billing.CheckoutID) (billing.StripeCheckout, error) {
	if err := need("the checkout", string(id)); err != nil {
		return billing.StripeCheckout{}, err
	}
	params := &stripe.CheckoutSessionParams{}
	params.Context = ctx
	for _, member := range expandedOfCheckout {
		params.AddExpand(member)
	}
	s, err := g.api.CheckoutSessions.Get(string(id), params)
	if err != nil {
		return billing.StripeCheckout{}, err
	}
	return fromStripeCheckout(s), nil
}
