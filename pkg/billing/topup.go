package billing

import "time"

// TopUpStatus says whether packs are bought by themselves; docs/states.md draws it.
type TopUpStatus string

// The states of an automatic top-up.
const (
	TopUpOn        TopUpStatus = "on"
	TopUpOff       TopUpStatus = "off"             // by the customer
	TopUpAttention TopUpStatus = "needs_attention" // stopped, until the customer turns it on again
)

// TopUpReason says why a top-up needs attention.
type TopUpReason string

// Why a top-up needs attention.
const (
	TopUpDeclined       TopUpReason = "declined"                // several charges in a row were
	TopUpAuthentication TopUpReason = "authentication_required" // the bank wants to see the customer
	TopUpNoMethod       TopUpReason = "no_payment_method"       // there is none left that is saved
	// the customer agreed to another amount, or to other points
	TopUpPriceChanged TopUpReason = "price_changed"
	TopUpPackGone     TopUpReason = "pack_gone" // the catalogue does not have it any more
	TopUpDisputed     TopUpReason = "disputed"  // a dispute took money of any payment of the account
	// an automatic order was, or another refund would cause a purchase
	TopUpRefunded TopUpReason = "refunded"
)

// MaxDeclines is how many charges in a row may be declined.
const MaxDeclines = 3

// TopUp is a customer's wish to buy a pack whenever the points run low.
type TopUp struct {
	AccountID    AccountID
	Status       TopUpStatus
	Reason       TopUpReason // "" unless it needs attention
	Pack         string
	Quantity     int64
	Points       Points // what one top-up brings, as the customer agreed to it
	Amount       int64  // what one top-up costs, as the customer agreed to it, in the currency's smallest unit
	Currency     string
	Threshold    Points // a pack is bought when fewer are available
	MonthlyLimit int64  // top-ups in a calendar month (UTC), at the most
	Declines     int64  // in a row
	DueAt        time.Time
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// Stopped is the top-up as it waits for its customer.
func (t TopUp) Stopped(why TopUpReason) TopUp {
	t.Status, t.Reason = TopUpAttention, why
	return t
}

// After is the top-up once an order that it made has ended. A customer who turned it off meanwhile has said more than
// the order does.
func (t TopUp) After(o Order) TopUp {
	switch {
	case o.Status == OrderFulfilled:
		t.Declines = 0
	case o.Status != OrderFailed:
	case o.DeclineCode == DeclineAuthentication && t.Status == TopUpOn:
		return t.Stopped(TopUpAuthentication)
	default:
		if t.Declines++; t.Declines >= MaxDeclines && t.Status == TopUpOn {
			return t.Stopped(TopUpDeclined)
		}
	}
	return t
}

// MonthOf is when the calendar month of a time began, and when the next one begins. Months are those of UTC.
func MonthOf(t time.Time) (begin, next time.Time) {
	begin = time.Date(t.UTC().Year(), t.UTC().Month(), 1, 0, 0, 0, 0, time.UTC)
	return begin, begin.AddDate(0, 1, 0)
}
