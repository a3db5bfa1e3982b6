package billing

import "time"

// StripeLink says which Stripe account, and which mode of it, the customers of a database belong to. AccountID is ""
// where the key may not read it.
type StripeLink struct {
	AccountID string
	Livemode  bool
}

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
	PaidOrders    int64 // that are paid, and whose points are not granted
	Changes       int64 // of subscriptions, under way
	Events        int64 // that wait for a sync
	TopUps        int64 // that are on
}

// FormerCustomer is a customer that an account had at Stripe before.
type FormerCustomer struct {
	ID      CustomerID
	EndedAt time.Time
}
