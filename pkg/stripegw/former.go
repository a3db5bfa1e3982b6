package stripegw

import (
	"context"

	stripe "github.com/stripe/stripe-go/v76"
	"golang.org/x/sync/errgroup"

	"github.com/pointsync/pointsync/pkg/billing"
)

// formerInvoices returns invoices of the account's earlier customers. A customer who is deleted at Stripe may have an
// invoice whose payment a bank is still processing, and that money arrives days later.
func (g *Gateway) formerInvoices(ctx context.Context, want Want) ([]billing.StripeInvoice, error) {
	var found []billing.StripeInvoice
	for _, customer := range want.Former {
		params := &stripe.InvoiceListParams{ListParams: listParams(ctx), Customer: stripe.String(string(customer))}
		params.AddExpand("data.subscription")
		list := g.api.Invoices.List(params)
		err := each(list.Iter, "invoices", func() error {
			i, err := g.formerInvoice(ctx, list.Invoice())
			found = append(found, i)
			return err
		})
		if err != nil && !isMissing(err, "customer") {
			return nil, err
		}
	}
	named, err := g.namedInvoices(ctx, want.Named)
	return append(found, named...), err
}

// namedInvoices fetches the invoices that events name. Those that Stripe does not know are left out.
func (g *Gateway) namedInvoices(ctx context.Context, named []billing.StripeObject) ([]billing.StripeInvoice, error) {
	invoices := make([]*billing.StripeInvoice, len(named))
	calls, ctx := errgroup.WithContext(ctx)
	calls.SetLimit(maxParallel)
	for n, o := range named {
		if o.Type != billing.ObjectInvoice {
			continue
		}
		calls.Go(func() error {
			if err := need("the invoice", o.ID); err != nil {
				return err
			}
			params := &stripe.InvoiceParams{Params: stripe.Params{Context: ctx}}
			params.AddExpand("subscription")
			i, err := g.api.Invoices.Get(o.ID, params)
			if isMissing(err, "") {
				return nil
			}
			if err != nil {
				return err
			}
			invoice, err := g.formerInvoice(ctx, i)
			invoices[n] = &invoice
			return err
		})
	}
	if err := calls.Wait(); err != nil {
		return nil, err
	}
	var found []billing.StripeInvoice
	for _, i := range invoices {
		if i != nil {
			found = append(found, *i)
		}
	}
	return found, nil
}

// formerInvoice converts an invoice with its lines. Its subscription is expanded.
func (g *Gateway) formerInvoice(ctx context.Context, i *stripe.Invoice) (billing.StripeInvoice, error) {
	to := fromStripeInvoice(i)
	if i.Subscription != nil {
		to.SubscriptionEndedAt = atOrNil(i.Subscription.EndedAt)
	}
	var err error
	to.Lines, err = g.lines(ctx, i)
	return to, err
}
