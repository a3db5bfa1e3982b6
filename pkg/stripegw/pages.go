package stripegw

import (
	"context"
	"slices"

	stripe "github.com/stripe/stripe-go/v76"
	"golang.org/x/sync/errgroup"

	"github.com/pointsync/pointsync/pkg/billing"
)

// fewPages is how many sessions are fetched one by one, which is as fast as one list of the customer's newest.
const fewPages = 2

// checkouts returns the wanted sessions. For many sessions, it first reads the list of the customer's newest, which is
// one call. It fetches the others in parallel. Sessions that Stripe does not know are left out.
func (g *Gateway) checkouts(
	ctx context.Context, customer billing.CustomerID, ids []billing.CheckoutID,
) ([]billing.StripeCheckout, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var newest []billing.StripeCheckout
	if len(ids) > fewPages {
		var err error
		if newest, err = g.newestCheckouts(ctx, customer); err != nil {
			return nil, err
		}
	}
	calls, ctx := errgroup.WithContext(ctx)
	calls.SetLimit(maxParallel)
	all := make([]billing.StripeCheckout, len(ids))
	for n, id := range ids {
		if i := slices.IndexFunc(newest, func(c billing.StripeCheckout) bool { return c.ID == id }); i >= 0 {
			all[n] = newest[i]
			continue
		}
		calls.Go(func() error {
			c, err := g.checkout(ctx, id)
			if isMissing(err, "") {
				return nil
			}
			all[n] = c
			return err
		})
	}
	if err := calls.Wait(); err != nil {
		return nil, err
	}
	var found []billing.StripeCheckout
	for _, c := range all {
		if c.ID != "" {
			found = append(found, c)
		}
	}
	return found, nil
}

func (g *Gateway) newestCheckouts(ctx context.Context, customer billing.CustomerID) ([]billing.StripeCheckout, error) {
	params := &stripe.CheckoutSessionListParams{
		ListParams: stripe.ListParams{
			Context: ctx, Limit: stripe.Int64(pageSize), Single: true,
		}, Customer: stripe.String(string(customer)),
	}
	for _, member := range expandedOfCheckout {
		params.AddExpand("data." + member)
	}
	var found []billing.StripeCheckout
	list := g.api.CheckoutSessions.List(params)
	for list.Next() {
		found = append(found, fromStripeCheckout(list.CheckoutSession()))
	}
	if err := list.Err(); err != nil && !isMissing(err, "customer") {
		return nil, err
	}
	return found, nil
}

// Checkout returns one session as it is now. Errors: ENotFound, EStripeUnavailable, EStripeRefused.
func (g *Gateway) Checkout(ctx context.Context, id billing.CheckoutID) (billing.StripeCheckout, error) {
	c, err := g.checkout(ctx, id)
	if isMissing(err, "") {
		return c, billing.Wrap(
			g.failure(err, "show the payment page"), billing.ENotFound, "Stripe has no such payment page.",
		)
	}
	return c, g.failure(err, "show the payment page")
}
