package billing

import "time"

// StripeLink is the Stripe account, and its mode, that the customers of a database belong to. AccountID is "" if the
// key may not read it.
type StripeLink struct {
	AccountID string
	Livemode  bool
}

// String returns the account and its mode, as errors and logs show them.
func (l StripeLink) String() string {
	mode := "test mode"
	if l.Livemode {
		mode = "live mode"
	}
	if l.AccountID == "" {
		return mode
	}
	return l.AccountID + " in " + mode
}

// Unlinked counts what changes when a database is untied from its Stripe account.
type Unlinked struct {
	Customers     int64
	Subscriptions int64
	Orders        int64 // that wait for their payment
	PaidOrders    int64 // that are paid, but whose points are not granted
	Changes       int64 // of subscriptions, not decided yet
	Events        int64 // that wait for a sync
	TopUps        int64 // that are on
}

// FormerCustomer is a customer that an account had at Stripe before.
type FormerCustomer struct {
	ID      CustomerID
	EndedAt time.Time
}
