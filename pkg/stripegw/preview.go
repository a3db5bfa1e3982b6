package stripegw

import (
	"context"

	stripe "github.com/stripe/stripe-go/v76"

	"github.com/pointsync/pointsync/pkg/billing"
)

// PreviewCharge returns the invoice that ChargeItem would make at the same proration date, as if it had been paid.
// Errors: EStripeUnavailable, EStripeRefused.
func (g *Gateway) PreviewCharge(ctx context.Context, n NewItem) (billing.StripeInvoice, error) {
	if err := n.check(); err != nil {
		return billing.StripeInvoice{}, err
	}
	params := &stripe.InvoiceUpcomingParams{
		Subscription:                  stripe.String(string(n.Subscription)),
		SubscriptionItems:             n.items(),
		SubscriptionProrationBehavior: stripe.String("always_invoice"),
		SubscriptionProrationDate:     stripe.Int64(n.ProrationDate),
	}
	params.Context = ctx
	i, err := g.api.Invoices.Upcoming(params)
	if err != nil {
		return billing.StripeInvoice{}, g.failure(err, "preview the change")
	}
	to := fromStripeInvoice(i)
	to.ID, to.SubscriptionID = "in_preview", n.Subscription
	to.Status, to.BillingReason, to.AmountPaid = billing.InvoicePaid, billing.ReasonUpdate, i.AmountDue
	if i.Lines == nil || i.Lines.HasMore { // more lines than a requested change has
		return to, billing.Errorf(billing.EStripeRefused, "Stripe's preview has more lines than it shows.")
	}
	for _, l := range i.Lines.Data {
		to.Lines = append(to.Lines, fromStripeInvoiceLine(l))
	}
	return to, nil
}
