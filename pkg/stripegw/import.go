package stripegw

import (
	"context"

	stripe "github.com/stripe/stripe-go/v76"

	"github.com/pointsync/pointsync/pkg/billing"
)

// Customer is a customer at Stripe that another system may have made.
type Customer struct {
	ID       billing.CustomerID
	Email    string // as it was typed, "" for none
	Metadata map[string]string
	Deleted  bool
}

// Subscribed is a subscription of any customer, with its customer.
type Subscribed struct {
	billing.StripeSubscription                   // no Item: none of its prices is ours
	Customer                   Customer          // never a deleted one, because a deletion ends its subscriptions
	Prices                     []billing.PriceID // of its items
}

// SubscribedAfter returns the next 100 subscriptions of all customers, the newest first, starting after the given one,
// or with the newest for "". Those that have ended are left out. more reports whether there are older ones. A page is
// one call. Errors: EStripeUnavailable, EStripeRefused.
func (g *Gateway) SubscribedAfter(
	ctx context.Context, after billing.SubscriptionID,
) (page []Subscribed, more bool, err error) {
	params := &stripe.SubscriptionListParams{ListParams: listParams(ctx)}
	params.Single = true
	params.AddExpand("data.customer")
	if after != "" {
		params.StartingAfter = stripe.String(string(after))
	}
	list := g.api.Subscriptions.List(params)
	for list.Next() {
		s := list.Subscription()
		found := Subscribed{StripeSubscription: fromStripeSubscription(s), Customer: fromStripeCustomer(s.Customer)}
		if s.Items != nil {
			for _, i := range s.Items.Data {
				if i.Price != nil {
					found.Prices = append(found.Prices, billing.PriceID(i.Price.ID))
				}
			}
		}
		page = append(page, found)
	}
	if err := list.Err(); err != nil {
		return nil, false, g.failure(err, "list the subscriptions")
	}
	return page, list.Meta().HasMore, nil
}

// Customer returns a customer, also one that was deleted. Errors: ENotFound, EStripeUnavailable, EStripeRefused.
func (g *Gateway) Customer(ctx context.Context, id billing.CustomerID) (Customer, error) {
	if err := need("the customer", string(id)); err != nil {
		return Customer{}, err
	}
	params := &stripe.CustomerParams{}
	params.Context = ctx
	c, err := g.api.Customers.Get(string(id), params)
	switch {
	case isMissing(err, ""):
		return Customer{}, billing.Wrap(
			g.failure(err, "show the customer"), billing.ENotFound, "Stripe has no such customer.",
		)
	case err != nil:
		return Customer{}, g.failure(err, "show the customer")
	}
	return fromStripeCustomer(c), nil
}

func fromStripeCustomer(c *stripe.Customer) Customer {
	if c == nil {
		return Customer{}
	}
	return Customer{ID: billing.CustomerID(c.ID), Email: c.Email, Metadata: c.Metadata, Deleted: c.Deleted}
}
