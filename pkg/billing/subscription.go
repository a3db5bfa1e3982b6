package billing

import "time"

// SubscriptionStatus is Stripe's word for the state of a subscription.
type SubscriptionStatus string

const (
	SubIncomplete        SubscriptionStatus = "incomplete"
	SubIncompleteExpired SubscriptionStatus = "incomplete_expired"
	SubTrialing          SubscriptionStatus = "trialing"
	SubActive            SubscriptionStatus = "active"
	SubPastDue           SubscriptionStatus = "past_due"
	SubCanceled          SubscriptionStatus = "canceled"
	SubUnpaid            SubscriptionStatus = "unpaid"
	SubPaused            SubscriptionStatus = "paused"
)

// Live says whether a subscription in this state refuses a second one: it bills, or will again without a new checkout.
func (s SubscriptionStatus) Live() bool {
	switch s {
	case SubTrialing, SubActive, SubPastDue, SubUnpaid, SubPaused:
		return true
	}
	return false
}

// Subscription is what the database and the token say of the account's subscription.
type Subscription struct {
	ID                 SubscriptionID
	Plan               string // the catalogue's id, "" for a price the catalogue does not know
	Status             SubscriptionStatus
	CurrentPeriodStart time.Time
	CurrentPeriodEnd   time.Time
	CancelAtPeriodEnd  bool
	Window             *Window // nil: no access
}

// Window is the time in which a spend need not ask Stripe first.
type Window struct {
	From  time.Time
	Until time.Time
}

// Contains says whether t is inside: From belongs to the window, Until does not.
func (w *Window) Contains(t time.Time) bool {
	return w != nil && !t.Before(w.From) && t.Before(w.Until)
}
