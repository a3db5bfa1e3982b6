package reconcile

import (
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
)

// Input is everything that a decision depends on.
type Input struct {
	Account billing.Account
	Orders  []billing.Order // the orders that a sync still has to look at
	Picture billing.Snapshot
	Began   time.Time // when Orders were read, before Stripe was asked
	Now     time.Time
	Catalog *catalog.Catalog
	Policy  Policy
}

// Decision is what a picture means for an account. Applying it twice has the same effect as applying it once: grants
// and clawbacks are keyed by the business fact, and everything else is absolute.
type Decision struct {
	Subscription  *billing.Subscription // nil if there never was one
	Decided, Open []billing.InvoiceID   // invoices of plan changes: paid or given up, and still open
	UsesTrial     bool                  // the account has had a subscription, so no later one begins with a trial
	InvoicesSince *time.Time
	NextGrantAt   *time.Time // when the next points fall due that are already paid for
	Grants        []billing.Grant
	Ends          []End
	Refunds       []Refund
	// charges of which no money is back: points that an earlier refund took, which failed later, are restored
	Kept     []Refund
	Orders   []billing.Order    // the orders that changed
	Returned []billing.Returned // for each charge in the picture, how much is back with its payer
	Unknown  []Unknown
	Warnings []string
}

// Refund is how much of the Amount that paid for a grant is back with the payer now: Refunded, by refunds and disputes.
// After a dispute that was won it may be less than before, or nothing. The grant is that of an invoice (Key), or that
// of the order that the payment paid for.
type Refund struct {
	Key             string
	PaymentIntentID billing.PaymentIntentID
	Refunded        int64
	Amount          int64
}

// due returns how many of a lot's points must have been clawed back in all: at most those that did not expire unused.
func (r Refund) due(l billing.Lot) billing.Points {
	return min(share(l.Granted, r.Refunded, r.Amount), l.Granted-l.Expired)
}

// Decide returns what a picture means for an account. It is pure: the same input gives the same decision, in whatever
// order the picture's lists are.
func Decide(in Input) Decision {
	d := Decision{InvoicesSince: in.Account.Sync.InvoicesSince}
	d.decideSubscription(in)
	d.sortChanges(in)
	d.decideInvoices(in)
	d.decideOrders(in)
	d.decideRefunds(in)
	d.decideReturned(in)
	d.decideUnknown(in)
	return d
}

// CheckoutKey returns the grant key of what a Checkout Session sold.
func CheckoutKey(id billing.CheckoutID) string { return "stripe:checkout:" + string(id) }

// IntentKey returns the grant key of what an automatic order's payment bought.
func IntentKey(id billing.PaymentIntentID) string { return "stripe:payment_intent:" + string(id) }

// InvoiceKey returns the prefix of the grant keys of an invoice.
func InvoiceKey(id billing.InvoiceID) string { return "stripe:invoice:" + string(id) }

// orderKey returns the grant key of a pack's order. It comes from the Checkout Session, or from the payment if the
// order is automatic.
func orderKey(o billing.Order) string {
	if o.Automatic {
		return IntentKey(o.PaymentIntentID)
	}
	return CheckoutKey(o.CheckoutID)
}

func subscriptionSource(id billing.SubscriptionID) string { return "subscription:" + string(id) }

// window returns the time in which a spend need not ask Stripe first.
func window(s billing.StripeSubscription, in Input) *billing.Window {
	switch s.Status {
	case billing.SubActive, billing.SubTrialing:
		return &billing.Window{From: s.CurrentPeriodStart, Until: endBy(s.CurrentPeriodEnd, s.EndsAt)}
	case billing.SubPastDue:
		paid, grace := s.CurrentPeriodEnd, in.Policy.PastDueGrace
		switch u := firstUnpaid(s, in.Picture.Invoices); {
		case u == nil:
		case u.underWay:
			grace = 0
		default:
			paid = minTime(u.from, paid)
		}
		return &billing.Window{From: minTime(s.CurrentPeriodStart, paid), Until: endBy(paid.Add(grace), s.EndsAt)}
	}
	return nil
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
