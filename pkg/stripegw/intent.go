package stripegw

import (
	"context"
	"errors"
	"time"

	stripe "github.com/stripe/stripe-go/v76"

	"github.com/pointsync/pointsync/pkg/billing"
)

// clockMargin is how much older than its order an intent may seem, because Stripe's clock is not ours.
const clockMargin = 24 * time.Hour

// OrderIntent finds the payment intent that an automatic order made. ok is false if there is none. If its id is known,
// it is found by the id. Otherwise it is found among the customer's intents by the metadata, which it had from the
// beginning. Errors: EStripeUnavailable, EStripeRefused.
func (g *Gateway) OrderIntent(
	ctx context.Context, customer billing.CustomerID, o billing.Order,
) (i billing.StripeIntent, ok bool, err error) {
	if err := errors.Join(need("the order", string(o.ID)), need("the customer", string(customer))); err != nil {
		return i, false, err
	}
	found, err := g.intents(ctx, Want{Customer: customer, Automatic: []billing.Order{o}})
	if err != nil || len(found) == 0 {
		return i, false, g.failure(err, "show the payment")
	}
	return found[0], true, nil
}

func (g *Gateway) intent(ctx context.Context, id billing.PaymentIntentID) (billing.StripeIntent, error) {
	params := &stripe.PaymentIntentParams{}
	params.Context = ctx
	p, err := g.api.PaymentIntents.Get(string(id), params)
	if err != nil {
		return billing.StripeIntent{}, err
	}
	return fromStripeIntent(p), nil
}

// listIntents finds the payment intents of orders among the customer's, by one list from the oldest order on. It calls
// nothing if there are no orders.
func (g *Gateway) listIntents(
	ctx context.Context, customer billing.CustomerID, orders []billing.Order,
) (found []billing.StripeIntent, err error) {
	if len(orders) == 0 {
		return nil, nil
	}
	byOrder, since := map[billing.OrderID]billing.StripeIntent{}, orders[0].CreatedAt
	for _, o := range orders {
		if o.CreatedAt.Before(since) {
			since = o.CreatedAt
		}
	}
	list := g.api.PaymentIntents.List(&stripe.PaymentIntentListParams{
		ListParams: listParams(ctx), Customer: stripe.String(string(customer)),
		CreatedRange: &stripe.RangeQueryParams{GreaterThanOrEqual: since.Add(-clockMargin).Unix()},
	})
	err = each(list.Iter, "payments", func() error {
		i := fromStripeIntent(list.PaymentIntent())
		byOrder[i.OrderID] = i
		return nil
	})
	for _, o := range orders {
		if i, ok := byOrder[o.ID]; ok {
			found = append(found, i)
		}
	}
	return found, err
}

// SavedMethod returns the payment method that may be charged while the customer is away. It is the customer's default,
// or else that of a subscription, or else the card that was saved last. It is "" if there is none. Errors:
// EStripeUnavailable, EStripeRefused.
func (g *Gateway) SavedMethod(ctx context.Context, customer billing.CustomerID) (billing.PaymentMethodID, error) {
	if err := need("the customer", string(customer)); err != nil {
		return "", err
	}
	method, err := g.savedMethod(ctx, customer)
	if isMissing(err, "") {
		return "", nil // the customer was deleted, and so were the cards
	}
	return billing.PaymentMethodID(method), g.failure(err, "show the saved payment methods")
}

func (g *Gateway) savedMethod(ctx context.Context, customer billing.CustomerID) (string, error) {
	params := &stripe.CustomerParams{}
	params.Context = ctx
	c, err := g.api.Customers.Get(string(customer), params)
	if err != nil || c.Deleted {
		return "", err
	}
	if c.InvoiceSettings != nil && c.InvoiceSettings.DefaultPaymentMethod != nil {
		return c.InvoiceSettings.DefaultPaymentMethod.ID, nil
	}
	var found string
	subscriptions := g.api.Subscriptions.List(
		&stripe.SubscriptionListParams{ListParams: listParams(ctx), Customer: stripe.String(string(customer))},
	)
	err = each(subscriptions.Iter, "subscriptions", func() error { // newest first, without ended ones
		if m := subscriptions.Subscription().DefaultPaymentMethod; m != nil && found == "" {
			found = m.ID
		}
		return nil
	})
	if err != nil || found != "" {
		return found, err
	}
	cards := g.api.PaymentMethods.List(&stripe.PaymentMethodListParams{
		ListParams: listParams(ctx), Customer: stripe.String(string(customer)), Type: stripe.String(
			string(stripe.PaymentMethodTypeCard),
		),
	})
	err = each(cards.Iter, "payment methods", func() error { // newest first
		if found == "" {
			found = cards.PaymentMethod().ID
		}
		return nil
	})
	return found, err
}

// ChargeSaved charges a saved payment method for an automatic order while the customer is away. Its idempotency key is
// the order's, so a repeat within a day does not charge again. A charge that the bank declines is not an error: the
// intent shows it. Errors: EStripeUnavailable, EStripeRefused, also if the price at Stripe is not the order's.
func (g *Gateway) ChargeSaved(
	ctx context.Context, o billing.Order, customer billing.CustomerID, method billing.PaymentMethodID,
) (billing.StripeIntent, error) {
	for what, id := range map[string]string{
		"the order": string(o.ID), "the account": string(o.AccountID), "the customer": string(customer),
		"the payment method": string(method),
	} {
		if err := need(what, id); err != nil {
			return billing.StripeIntent{}, err
		}
	}
	price, err := g.lookUpPrice(ctx, o.Item)
	if err != nil {
		return billing.StripeIntent{}, g.failure(err, "show its prices")
	}
	if price == nil || price.UnitAmount*o.Quantity != o.Amount || string(price.Currency) != o.Currency {
		return billing.StripeIntent{}, billing.Errorf(billing.EStripeRefused,
			"The price of %s at Stripe is not the one in the catalogue, so nothing is charged. The operator has to run pointsync stripe setup.",
			o.Item)
	}
	params := &stripe.PaymentIntentParams{
		Amount: stripe.Int64(price.UnitAmount * o.Quantity), Currency: stripe.String(string(price.Currency)),
		Customer: stripe.String(string(customer)), PaymentMethod: stripe.String(string(method)),
		Confirm: stripe.Bool(true), OffSession: stripe.Bool(true),
		// The customer is away and cannot be redirected to a bank's page.
		AutomaticPaymentMethods: &stripe.PaymentIntentAutomaticPaymentMethodsParams{
			Enabled: stripe.Bool(true), AllowRedirects: stripe.String("never"),
		},
		Metadata: map[string]string{
			billing.MetadataOrder: string(o.ID), billing.MetadataAccount: string(o.AccountID),
			billing.MetadataItem: o.Item,
		},
	}
	params.Context = ctx
	params.SetIdempotencyKey("top-up-" + string(o.ID))
	p, err := g.api.PaymentIntents.New(params)
	var said *stripe.Error
	// Declined, but the intent exists.
	if errors.As(err, &said) && said.PaymentIntent != nil && said.PaymentIntent.ID != "" {
		return fromStripeIntent(said.PaymentIntent), nil
	}
	if err != nil {
		return billing.StripeIntent{}, g.failure(err, "charge the saved payment method")
	}
	return fromStripeIntent(p), nil
}

// CancelIntent cancels an intent, so that no one can pay it any more. If it was paid or cancelled in the meantime, it
// stays as it is, and the next read shows that. Errors: EStripeUnavailable, EStripeRefused.
func (g *Gateway) CancelIntent(ctx context.Context, id billing.PaymentIntentID) error {
	if err := need("the payment", string(id)); err != nil {
		return err
	}
	params := &stripe.PaymentIntentCancelParams{
		CancellationReason: stripe.String(string(stripe.PaymentIntentCancellationReasonAbandoned)),
	}
	params.Context = ctx
	params.SetIdempotencyKey("cancel-" + string(id))
	_, err := g.api.PaymentIntents.Cancel(string(id), params)
	var said *stripe.Error
	if errors.As(err, &said) && said.Code == stripe.ErrorCodePaymentIntentUnexpectedState {
		return nil
	}
	return g.failure(err, "cancel the payment")
}

// fromStripeIntent keeps why an intent was not paid: the bank's code if there is one, otherwise Stripe's.
func fromStripeIntent(p *stripe.PaymentIntent) billing.StripeIntent {
	to := billing.StripeIntent{
		ID: billing.PaymentIntentID(p.ID), OrderID: billing.OrderID(
			p.Metadata[billing.MetadataOrder],
		), Status: billing.IntentStatus(p.Status),
	}
	switch e := p.LastPaymentError; {
	case e != nil && (e.Code == stripe.ErrorCodeAuthenticationRequired ||
		e.Code == stripe.ErrorCodePaymentIntentAuthenticationFailure):
		to.DeclineCode = billing.DeclineAuthentication
	case e != nil && e.DeclineCode != "":
		to.DeclineCode = string(e.DeclineCode)
	case e != nil:
		to.DeclineCode = string(e.Code)
	case p.Status == stripe.PaymentIntentStatusRequiresAction,
		p.Status == stripe.PaymentIntentStatusCanceled &&
			p.CancellationReason == stripe.PaymentIntentCancellationReasonAbandoned:
		to.DeclineCode = billing.DeclineAuthentication // we cancelled an intent that only waited for the customer
	case p.Status == stripe.PaymentIntentStatusCanceled:
		to.DeclineCode = "canceled"
	}
	return to
}
