package stripegw

import (
	"strings"
	"time"

	stripe "github.com/stripe/stripe-go/v76"

	"github.com/pointsync/pointsync/pkg/billing"
)

// itemOf returns the catalogue's item that a price sells, or "" if the price is not ours. The metadata names it for
// good. The lookup key moves to the successor when the price changes.
func itemOf(p *stripe.Price) string {
	if p == nil {
		return ""
	}
	if item := p.Metadata[billing.MetadataItem]; item != "" {
		return item
	}
	if item, ours := strings.CutPrefix(p.LookupKey, billing.LookupKey("")); ours {
		return item
	}
	return ""
}

// fromStripeSubscription omits what is scheduled for later, which lookAhead adds. A subscription without an item of
// ours has no Item.
func fromStripeSubscription(s *stripe.Subscription) billing.StripeSubscription {
	to := billing.StripeSubscription{
		ID:                 billing.SubscriptionID(s.ID),
		Status:             billing.SubscriptionStatus(s.Status),
		CurrentPeriodStart: at(s.CurrentPeriodStart),
		CurrentPeriodEnd:   at(s.CurrentPeriodEnd),
		CancelAtPeriodEnd:  s.CancelAtPeriodEnd,
		EndedAt:            atOrNil(s.EndedAt),
		Created:            at(s.Created),
	}
	if p := s.PauseCollection; p != nil && p.Behavior != "" {
		to.CollectionPaused = &billing.CollectionPause{Until: atOrNil(p.ResumesAt)}
	}
	if i := itemOfOurs(s); i != nil {
		to.Item, to.Quantity = itemOf(i.Price), i.Quantity
		to.Price, to.Sold = billing.PriceID(i.Price.ID), soldAs(i.Price)
	}
	return to
}

// fromStripeInvoice omits the lines, because they may need more calls.
func fromStripeInvoice(i *stripe.Invoice) billing.StripeInvoice {
	to := billing.StripeInvoice{
		ID:            billing.InvoiceID(i.ID),
		Status:        billing.InvoiceStatus(i.Status),
		BillingReason: billing.InvoiceReason(i.BillingReason),
		Currency:      string(i.Currency),
		AmountPaid:    i.AmountPaid,
		Total:         i.Total,
		Created:       at(i.Created),

		StartingBalance: i.StartingBalance,
		EndingBalance:   i.EndingBalance,
	}
	if i.StatusTransitions != nil {
		to.FinalizedAt, to.PaidAt = atOrNil(i.StatusTransitions.FinalizedAt), atOrNil(i.StatusTransitions.PaidAt)
	}
	if i.Status == stripe.InvoiceStatusOpen && i.PaymentIntent != nil {
		to.UnderWay = i.PaymentIntent.Status == stripe.PaymentIntentStatusProcessing
	}
	if i.PaidOutOfBand { // the operator says that the rest was paid outside Stripe
		to.AmountPaid = max(i.AmountPaid, i.AmountDue)
	}
	if i.Subscription != nil {
		to.SubscriptionID = billing.SubscriptionID(i.Subscription.ID)
	}
	return to
}

func fromStripeInvoiceLine(l *stripe.InvoiceLineItem) billing.StripeInvoiceLine {
	to := billing.StripeInvoiceLine{
		ID: l.ID, Item: itemOf(l.Price), SoldAs: soldAs(l.Price), Description: l.Description,
		Amount: l.Amount, Currency: string(l.Currency), Quantity: l.Quantity, Proration: l.Proration,
	}
	if l.Price != nil {
		to.Price = billing.PriceID(l.Price.ID)
		to.UnitAmount, to.UnitCurrency = l.Price.UnitAmount, string(l.Price.Currency)
		if l.Price.Recurring != nil {
			to.Interval = billing.Interval(l.Price.Recurring.Interval)
			to.IntervalCount = l.Price.Recurring.IntervalCount
		}
	}
	if l.Period != nil {
		to.PeriodStart, to.PeriodEnd = at(l.Period.Start), at(l.Period.End)
	}
	return to
}

func fromStripeCheckout(s *stripe.CheckoutSession) billing.StripeCheckout {
	to := billing.StripeCheckout{
		ID:             billing.CheckoutID(s.ID),
		URL:            s.URL,
		Status:         billing.CheckoutStatus(s.Status),
		PaymentStatus:  billing.PaymentStatus(s.PaymentStatus),
		AmountSubtotal: s.AmountSubtotal,
		Currency:       string(s.Currency),
		ExpiresAt:      at(s.ExpiresAt),
	}
	if s.PaymentIntent != nil {
		to.PaymentIntentID = billing.PaymentIntentID(s.PaymentIntent.ID)
		to.PaymentFailed = s.Status == stripe.CheckoutSessionStatusComplete && failed(s.PaymentIntent)
	}
	if i := s.Invoice; i != nil && i.PaymentIntent != nil { // of a subscription's first payment
		to.PaymentFailed = s.Status == stripe.CheckoutSessionStatusComplete && failed(i.PaymentIntent)
		if i.Status == stripe.InvoiceStatusPaid { // perhaps in another way, which the page does not learn of
			to.PaymentStatus, to.PaymentFailed = billing.PaymentPaid, false
		}
	}
	if s.Subscription != nil {
		to.SubscriptionID = billing.SubscriptionID(s.Subscription.ID)
	}
	return to
}

// failed reports whether a payment that was processing has failed for good. It needs the intent expanded. For a bare
// id it returns false.
func failed(p *stripe.PaymentIntent) bool {
	return p.Status == stripe.PaymentIntentStatusRequiresPaymentMethod || p.Status == stripe.PaymentIntentStatusCanceled
}

func fromStripeCharge(c *stripe.Charge) billing.StripeCharge {
	to := billing.StripeCharge{
		ID:             c.ID,
		Amount:         c.Amount,
		Currency:       string(c.Currency),
		Paid:           c.Paid,
		AmountRefunded: c.AmountRefunded,
		Disputed:       c.Disputed,
	}
	if c.PaymentIntent != nil {
		to.PaymentIntentID = billing.PaymentIntentID(c.PaymentIntent.ID)
	}
	if c.Invoice != nil {
		to.InvoiceID = billing.InvoiceID(c.Invoice.ID)
	}
	return to
}

// withdrawn returns how much a dispute took. An inquiry (warning_…) moves no money. A dispute that was won gave the
// money back. A dispute that a refund ended is counted with the refunds.
func withdrawn(d *stripe.Dispute) int64 {
	switch d.Status {
	case stripe.DisputeStatusNeedsResponse, stripe.DisputeStatusUnderReview, stripe.DisputeStatusLost:
		return d.Amount
	}
	return 0
}

// at converts Stripe's seconds to a time.
func at(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }

// atOrNil converts Stripe's seconds to a time, where zero means "not yet".
func atOrNil(seconds int64) *time.Time {
	if seconds == 0 {
		return nil
	}
	t := at(seconds)
	return &t
}
