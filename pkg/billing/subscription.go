package billing

import "time"

// SubscriptionStatus is Stripe's word for the state of a subscription.
type SubscriptionStatus string

// Stripe's statuses of a subscription.
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

// Live reports whether a subscription in this state prevents a second one. Such a subscription bills, or will bill
// again without a new checkout.
func (s SubscriptionStatus) Live() bool {
	switch s {
	case SubTrialing, SubActive, SubPastDue, SubUnpaid, SubPaused:
		return true
	}
	return false
}

// Subscription is what the database and the token contain about the account's subscription.
type Subscription struct {
	ID                 SubscriptionID
	Plan               string // the catalogue's id, "" for a price that is not in the catalogue
	Quantity           int64  // seats
	Status             SubscriptionStatus
	CurrentPeriodStart time.Time
	CurrentPeriodEnd   time.Time
	CancelAtPeriodEnd  bool             // it ends with the current period, however that was set
	EndsAt             *time.Time       // when it ends, however that was set; nil: it continues
	Scheduled          *ScheduledChange // nil: it continues as it is
	CollectionPaused   *CollectionPause // nil: invoices are collected
	Window             *Window          // nil: no access
}

// CollectionPause is a pause of the collection of a subscription's invoices. The subscription stays active.
type CollectionPause struct {
	Until *time.Time // when collection resumes; nil: when a person resumes it
}

// ScheduledChange is what a subscription will be from a given time.
type ScheduledChange struct {
	Plan     string // the catalogue's id, "" for a price that is not in the catalogue
	Quantity int64
	At       time.Time
}

// Equal compares two subscriptions, of which either may be nil.
func (s *Subscription) Equal(other *Subscription) bool {
	if s == nil || other == nil {
		return s == other
	}
	x, y := *s, *other
	x.Window, y.Window, x.Scheduled, y.Scheduled = nil, nil, nil, nil
	x.EndsAt, y.EndsAt, x.CollectionPaused, y.CollectionPaused = nil, nil, nil, nil
	// Times are UTC and whole seconds on both sides.
	return x == y && same(s.Window, other.Window) && same(
		s.Scheduled, other.Scheduled,
	) && SameTime(s.EndsAt, other.EndsAt) &&
		s.CollectionPaused.Equal(other.CollectionPaused)
}

// Equal compares two pauses, of which either may be nil.
func (p *CollectionPause) Equal(other *CollectionPause) bool {
	if p == nil || other == nil {
		return p == other
	}
	return SameTime(p.Until, other.Until)
}

func same[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// Window is the time in which a spend need not ask Stripe first.
type Window struct {
	From  time.Time
	Until time.Time
}

// Contains reports whether t is inside the window. From belongs to the window, Until does not.
func (w *Window) Contains(t time.Time) bool {
	return w != nil && !t.Before(w.From) && t.Before(w.Until)
}
