package reconcile

import (
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
)

// Input is all that a decision rests on.
type Input struct {
	Account billing.Account
	Orders  []billing.Order // those a sync still has to look at
	Picture billing.Snapshot
	Began   time.Time // when Orders were read, before Stripe was asked
	Now     time.Time
	Catalog *catalog.Catalog
	Policy  Policy
}

// Decision is what a picture means for an account. Applying it twice is as good as once: grants and clawbacks are
// keyed by the business fact, the rest is absolute.
type Decision struct {
	Subscription  *billing.Subscription // nil when there never was one
	Decided, Open []billing.InvoiceID   // of changes of the subscription: paid or given up, and not yet
	UsesTrial     bool                  // the account has had a subscription: no later one begins with a trial
	InvoicesSince *time.Time
	NextGrantAt   *time.Time // when the next points fall due that are paid for already
	Grants        []billing.Grant
	Ends          []End
	Refunds       []Refund
	// charges of which nothing is back: what was taken for them before, by a refund that failed later, is restored
	Kept     []Refund
	Orders   []billing.Order    // those that changed
	Returned []billing.Returned // of each charge in the picture, what is with its payer again
	Unknown  []Unknown
	Warnings []string
}

// Refund says that Refunded of the Amount that paid for a grant is back with the payer now, by refunds and disputes.
// After a dispute that was won it may be less than before, or nothing. Its grant is that of an invoice (Key) or that of
// the order that the payment paid for.
type Refund struct {
	Key             string
	PaymentIntentID billing.PaymentIntentID
	Refunded        int64
	Amount          int64
}

// due is how many of a lot's points must have gone back in all: no more than did not expire unused.
func (r Refund) due(l billing.Lot) billing.Points {
	return min(share(l.Granted, r.Refunded, r.Amount), l.Granted-l.Expired)
}

// Decide is pure: the same input gives the same decision, in any order of the picture's lists.
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

// InvoiceKey returns what the grant keys of an invoice begin with.
func InvoiceKey(id billing.InvoiceID) string { return "stripe:invoice:" + string(id) }

// orderKey names what paid for a pack: its page, or, of an automatic order, the payment itself.
func orderKey(o billing.Order) string {
	if o.Automatic {
		return IntentKey(o.PaymentIntentID)
	}
	return CheckoutKey(o.CheckoutID)
}

func subscriptionSource(id billing.SubscriptionID) string { return "subscription:" + string(id) }

// window is the time in which a spend need not ask Stripe first.
func window(s billing.StripeSubscription, in Input) *billing.Window {
	switch s.Status {
	case billing.SubActive, billing.SubTrialing:
		return &billing.Window{From: s.CurrentPeriodStart, Until: endOf(s, s.CurrentPeriodEnd)}
	case billing.SubPastDue:
		paid, grace := s.CurrentPeriodEnd, in.Policy.PastDueGrace
		switch u := firstUnpaid(s, in.Picture.Invoices); {
		case u == nil:
		case u.underWay:
			grace = 0
		default:
			paid = minTime(u.from, paid)
		}
		return &billing.Window{From: minTime(s.CurrentPeriodStart, paid), Until: endOf(s, paid.Add(grace))}
	}
	return nil
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
