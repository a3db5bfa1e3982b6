package stripegw

import (
	"context"
	"errors"

	stripe "github.com/stripe/stripe-go/v76"

	"github.com/pointsync/pointsync/pkg/billing"
)

// CreateCustomer creates the account's customer. former is the account's earlier customer, or "" if it had none. The
// idempotency key names both, so concurrent requests get one customer. Stripe keeps keys for at least a day. After
// that, FindCustomer prevents a second customer. Errors: EStripeUnavailable, EStripeRefused.
func (g *Gateway) CreateCustomer(
	ctx context.Context, account billing.AccountID, email string, former billing.CustomerID,
) (billing.CustomerID, error) {
	if err := need("the account", string(account)); err != nil {
		return "", err
	}
	params := &stripe.CustomerParams{Metadata: map[string]string{billing.MetadataAccount: string(account)}}
	params.Context = ctx
	key := "customer-" + string(account)
	if former != "" {
		key += "-after-" + string(former)
	}
	params.SetIdempotencyKey(key)
	if email != "" {
		params.Email = stripe.String(email)
	}
	c, err := g.api.Customers.New(params)
	if err != nil {
		return "", g.failure(err, "create the customer")
	}
	return billing.CustomerID(c.ID), nil
}

// FindCustomer returns the customer that was created for an account, or "" if there is none among the newest 100 with
// its email. A request whose reply was lost leaves such a customer. Stripe does not list deleted ones, but its list may
// be a moment old, so former is left out. Errors: EStripeUnavailable, EStripeRefused.
func (g *Gateway) FindCustomer(
	ctx context.Context, account billing.AccountID, email string, former billing.CustomerID,
) (billing.CustomerID, error) {
	if err := errors.Join(need("the account", string(account)), need("the email", email)); err != nil {
		return "", err
	}
	params := &stripe.CustomerListParams{ListParams: listParams(ctx), Email: stripe.String(email)}
	params.Single = true
	list := g.api.Customers.List(params)
	for list.Next() {
		c := list.Customer()
		if c.Metadata[billing.MetadataAccount] == string(account) && c.ID != string(former) {
			return billing.CustomerID(c.ID), nil
		}
	}
	return "", g.failure(list.Err(), "list the customers with an email")
}

// IsDeleted reports whether a customer was deleted at Stripe. If Stripe never knew the customer, that is an error.
// Errors: EStripeUnavailable, EStripeRefused.
func (g *Gateway) IsDeleted(ctx context.Context, customer billing.CustomerID) (bool, error) {
	if err := need("the customer", string(customer)); err != nil {
		return false, err
	}
	deleted, err := g.isDeleted(ctx, customer)
	return deleted, g.failure(err, "show the customer")
}

// DeleteCustomer deletes a customer for good. One that Stripe does not know, or no longer, is deleted. Errors:
// EStripeUnavailable, EStripeRefused.
func (g *Gateway) DeleteCustomer(ctx context.Context, customer billing.CustomerID) error {
	if err := need("the customer", string(customer)); err != nil {
		return err
	}
	params := &stripe.CustomerParams{}
	params.Context = ctx
	if _, err := g.api.Customers.Del(string(customer), params); err != nil && !isMissing(err, "") {
		return g.failure(err, "delete the customer")
	}
	return nil
}

// PortalURL returns the address of Stripe's page where a customer sees invoices, changes cards and cancels. The
// address works for a few minutes. Errors: ENotFound if the customer was deleted, EStripeUnavailable, EStripeRefused,
// also if the portal was never configured in Stripe's dashboard.
func (g *Gateway) PortalURL(ctx context.Context, customer billing.CustomerID, returnURL string) (string, error) {
	if err := need("the customer", string(customer)); err != nil {
		return "", err
	}
	params := &stripe.BillingPortalSessionParams{Customer: stripe.String(string(customer))}
	params.Context = ctx
	if returnURL != "" {
		params.ReturnURL = stripe.String(returnURL)
	}
	s, err := g.api.BillingPortalSessions.New(params)
	if isMissing(err, "customer") {
		return "", billing.Wrap(
			g.failure(err, "open the customer's portal"), billing.ENotFound, "Stripe has no such customer.",
		)
	}
	if err != nil {
		return "", g.failure(err, "open the customer's portal")
	}
	return s.URL, nil
}

// CustomerOf returns the customer of an object whose event does not name it: a dispute has a charge, and the charge
// has a customer. It returns "" if the object has none, or is of a kind that never has one. Errors: ENotFound if
// Stripe does not know the object, EStripeUnavailable, EStripeRefused.
func (g *Gateway) CustomerOf(
	ctx context.Context, objectType billing.ObjectType, objectID string,
) (billing.CustomerID, error) {
	if err := need("the object", objectID); err != nil {
		return "", err
	}
	c, err := g.customerOf(ctx, objectType, objectID)
	switch {
	case isMissing(err, ""):
		return "", billing.Wrap(
			g.failure(err, "show the object"), billing.ENotFound, "Stripe has no %s with this id.", objectType,
		)
	case err != nil:
		return "", g.failure(err, "show the object")
	case c == nil:
		return "", nil
	}
	return billing.CustomerID(c.ID), nil
}

// customerOf makes one call, for any type of object.
func (g *Gateway) customerOf(
	ctx context.Context, objectType billing.ObjectType, id string,
) (*stripe.Customer, error) {
	var common stripe.Params
	common.Context = ctx
	switch objectType {
	case billing.ObjectCustomer:
		return &stripe.Customer{ID: id}, nil
	case billing.ObjectCharge:
		c, err := g.api.Charges.Get(id, &stripe.ChargeParams{Params: common})
		return c.Customer, err
	case billing.ObjectDispute:
		d, err := g.api.Disputes.Get(
			id, &stripe.DisputeParams{Params: common, Expand: []*string{stripe.String("charge")}},
		)
		return customerOfCharge(d.Charge), err
	case billing.ObjectRefund:
		r, err := g.api.Refunds.Get(
			id, &stripe.RefundParams{Params: common, Expand: []*string{stripe.String("charge")}},
		)
		return customerOfCharge(r.Charge), err
	case billing.ObjectPaymentIntent:
		p, err := g.api.PaymentIntents.Get(id, &stripe.PaymentIntentParams{Params: common})
		return p.Customer, err
	case billing.ObjectInvoice:
		i, err := g.api.Invoices.Get(id, &stripe.InvoiceParams{Params: common})
		return i.Customer, err
	case billing.ObjectSubscription:
		s, err := g.api.Subscriptions.Get(id, &stripe.SubscriptionParams{Params: common})
		return s.Customer, err
	case billing.ObjectCheckout:
		s, err := g.api.CheckoutSessions.Get(id, &stripe.CheckoutSessionParams{Params: common})
		return s.Customer, err
	}
	return nil, nil
}

func customerOfCharge(c *stripe.Charge) *stripe.Customer {
	if c == nil {
		return nil
	}
	return c.Customer
}
