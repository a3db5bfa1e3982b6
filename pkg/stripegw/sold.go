package stripegw

import (
	"context"
	"slices"
	"time"

	stripe "github.com/stripe/stripe-go/v76"

	"github.com/pointsync/pointsync/pkg/billing"
)

// Sold is an order of ours as Stripe shows it: paid, being paid, or on a page that can still be paid.
type Sold struct {
	// Order has what Stripe keeps of the order. Its status is pending, because a sync finds out the rest. The points
	// are 0 if the price has none, and the quantity is 0 if the order is automatic.
	Order    billing.Order
	Customer Customer
}

// SoldSince returns the orders of ours whose page or payment was made at a time or later, oldest first. Pages that
// closed unpaid are left out, and so are payments that failed. It reads all of Stripe's pages and payments since then,
// of all customers. Errors: EStripeUnavailable, EStripeRefused.
func (g *Gateway) SoldSince(ctx context.Context, since time.Time) ([]Sold, error) {
	from := &stripe.RangeQueryParams{GreaterThanOrEqual: since.Unix()}
	pages := &stripe.CheckoutSessionListParams{ListParams: listParams(ctx), CreatedRange: from}
	pages.AddExpand("data.customer")
	pages.AddExpand("data.line_items")
	sessions := g.api.CheckoutSessions.List(pages)
	var found []Sold
	if err := each(sessions.Iter, "payment pages", func() error {
		if s, ok := soldOnPage(sessions.CheckoutSession()); ok {
			found = append(found, s)
		}
		return nil
	}); err != nil {
		return nil, g.failure(err, "list the payment pages")
	}
	payments := &stripe.PaymentIntentListParams{ListParams: listParams(ctx), CreatedRange: from}
	payments.AddExpand("data.customer")
	intents := g.api.PaymentIntents.List(payments)
	if err := each(intents.Iter, "payments", func() error {
		if s, ok := soldByTopUp(intents.PaymentIntent()); ok {
			found = append(found, s)
		}
		return nil
	}); err != nil {
		return nil, g.failure(err, "list the payments")
	}
	slices.SortStableFunc(found, func(a, b Sold) int { return a.Order.CreatedAt.Compare(b.Order.CreatedAt) })
	return found, nil
}

// soldOnPage returns the order of a payment page, unless the page closed unpaid or is not ours.
func soldOnPage(s *stripe.CheckoutSession) (Sold, bool) {
	o, ours := namedOrder(s.Metadata, s.Created)
	if !ours || s.Status == stripe.CheckoutSessionStatusExpired || s.LineItems == nil || len(s.LineItems.Data) != 1 {
		return Sold{}, false
	}
	line, page := s.LineItems.Data[0], fromStripeCheckout(s)
	if line.Price == nil {
		return Sold{}, false
	}
	o.Item, o.Quantity = line.Price.Metadata[billing.MetadataItem], line.Quantity
	o.Kind = billing.KindPack
	if s.Mode == stripe.CheckoutSessionModeSubscription {
		o.Kind = billing.KindPlan
	}
	if terms := termsOf(line.Price); terms != nil {
		o.Points = terms.Points * billing.Points(line.Quantity)
	}
	o.Amount, o.Currency = s.AmountSubtotal, page.Currency
	o.CheckoutID, o.URL, o.ExpiresAt = page.ID, page.URL, &page.ExpiresAt
	o.SuccessURL, o.CancelURL = s.SuccessURL, s.CancelURL
	return Sold{o, fromStripeCustomer(s.Customer)}, o.Item != ""
}

// soldByTopUp returns the order of an automatic payment that succeeded, or that the bank still decides about.
func soldByTopUp(p *stripe.PaymentIntent) (Sold, bool) {
	o, ours := namedOrder(p.Metadata, p.Created)
	o.Item = p.Metadata[billing.MetadataItem] // only an automatic order's payment names it
	paid := p.Status == stripe.PaymentIntentStatusSucceeded || p.Status == stripe.PaymentIntentStatusProcessing
	if !ours || !paid || o.Item == "" {
		return Sold{}, false
	}
	o.Automatic, o.Kind, o.Amount, o.Currency = true, billing.KindPack, p.Amount, string(p.Currency)
	return Sold{o, fromStripeCustomer(p.Customer)}, true
}

// namedOrder returns the order that an object of Stripe's names in its metadata, and reports whether it names one.
func namedOrder(metadata map[string]string, created int64) (billing.Order, bool) {
	o := billing.Order{
		ID:        billing.OrderID(metadata[billing.MetadataOrder]),
		AccountID: billing.AccountID(metadata[billing.MetadataAccount]),
		Status:    billing.OrderPending, CreatedAt: at(created),
	}
	return o, o.ID != "" && o.AccountID != ""
}
