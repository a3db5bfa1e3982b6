package stripegw

import (
	"context"
	"time"

	stripe "github.com/stripe/stripe-go/v76"

	"github.com/pointsync/pointsync/pkg/billing"
)

// Terms is a subscription of ours, with what a caller needs to know to change it.
type Terms struct {
	billing.StripeSubscription
	ItemID        string // si_…
	UnitAmount    int64  // of one seat for one interval, as it is charged now
	Currency      string
	Interval      billing.Interval
	IntervalCount int64
	Schedule      billing.ScheduleID  // that controls it, "" for none
	Cancels       bool                // with its period, by its own cancellation and not by a schedule
	HasEndDate    bool                // a person set a date for its end, other than its period's
	CanceledAt    *time.Time          // when its end was last decided
	Owes          billing.OwedInvoice // the invoice of its last change, while it is unpaid
	Pending       bool                // that change waits for the payment
	UnderWay      bool                // a bank was asked to pay its latest invoice and has not responded
	// By bank debit, or by an invoice that is sent. Stripe makes no change of such a subscription wait for its
	// payment.
	PaysLater bool
}

// Subscription returns a subscription as Stripe has it now. Errors: EStripeUnavailable, EStripeRefused.
func (g *Gateway) Subscription(ctx context.Context, id billing.SubscriptionID) (Terms, error) {
	if err := need("the subscription", string(id)); err != nil {
		return Terms{}, err
	}
	params := &stripe.SubscriptionParams{}
	params.Context = ctx
	for _, part := range []string{
		"schedule", "latest_invoice.payment_intent", "default_payment_method",
		"customer.invoice_settings.default_payment_method",
	} {
		params.AddExpand(part)
	}
	s, err := g.api.Subscriptions.Get(string(id), params)
	if err != nil {
		return Terms{}, g.failure(err, "show the subscription")
	}
	to := fromStripeTerms(s)
	if err := g.lookAhead(ctx, s, &to.StripeSubscription); err != nil {
		return Terms{}, g.failure(err, "show the subscription")
	}
	return to, nil
}

// fromStripeTerms omits what is scheduled for later, which lookAhead adds.
func fromStripeTerms(s *stripe.Subscription) Terms {
	to := Terms{
		StripeSubscription: fromStripeSubscription(s),
		Currency:           string(s.Currency),
		Cancels:            s.CancelAtPeriodEnd,
		HasEndDate:         !s.CancelAtPeriodEnd && s.CancelAt != 0,
		CanceledAt:         atOrNil(s.CanceledAt),
	}
	if i := itemOfOurs(s); i != nil && i.Price.Recurring != nil {
		to.ItemID, to.Quantity = i.ID, i.Quantity
		to.UnitAmount = i.Price.UnitAmount
		to.Interval = billing.Interval(i.Price.Recurring.Interval)
		to.IntervalCount = max(i.Price.Recurring.IntervalCount, 1)
	}
	if s.Schedule != nil && !ended(s.Schedule) {
		to.Schedule = billing.ScheduleID(s.Schedule.ID)
	}
	if i := s.LatestInvoice; i != nil && i.Status == stripe.InvoiceStatusOpen {
		to.UnderWay = isUnderWay(i)
		ofChange := i.BillingReason == stripe.InvoiceBillingReasonSubscriptionUpdate ||
			s.Status == stripe.SubscriptionStatusPaused
		if ofChange || s.PendingUpdate != nil {
			to.Owes, to.Pending = fromStripeOwed(i), s.PendingUpdate != nil
		}
	}
	to.PaysLater = s.CollectionMethod == stripe.SubscriptionCollectionMethodSendInvoice || isDebit(chargedMethod(s))
	return to
}

// itemOfOurs returns the first item whose price is ours, or nil if there is none. We sell subscriptions with one item,
// and another item that an operator added must not hide it.
func itemOfOurs(s *stripe.Subscription) *stripe.SubscriptionItem {
	if s.Items == nil {
		return nil
	}
	for _, i := range s.Items.Data {
		if itemOf(i.Price) != "" {
			return i
		}
	}
	return nil
}

// chargedMethod returns the payment method that Stripe charges a subscription's invoices to. It is nil if there is
// none, or if it is of the older kind.
// Source: https://stripe.com/docs/api/subscriptions/object#subscription_object-default_payment_method
func chargedMethod(s *stripe.Subscription) *stripe.PaymentMethod {
	if s.DefaultPaymentMethod != nil {
		return s.DefaultPaymentMethod
	}
	if s.DefaultSource != nil || s.Customer == nil || s.Customer.InvoiceSettings == nil {
		return nil
	}
	return s.Customer.InvoiceSettings.DefaultPaymentMethod
}

// isDebit reports whether a payment method is a bank account that is debited. Its bank takes days to respond.
func isDebit(m *stripe.PaymentMethod) bool {
	if m == nil {
		return false
	}
	switch m.Type {
	case stripe.PaymentMethodTypeSEPADebit, stripe.PaymentMethodTypeUSBankAccount, stripe.PaymentMethodTypeBACSDebit,
		stripe.PaymentMethodTypeAUBECSDebit, stripe.PaymentMethodTypeACSSDebit:
		return true
	}
	return false
}

// isUnderWay reports whether an invoice's payment was requested and is not decided. The payment has to be expanded.
func isUnderWay(i *stripe.Invoice) bool {
	return i.PaymentIntent != nil && i.PaymentIntent.Status == stripe.PaymentIntentStatusProcessing
}
