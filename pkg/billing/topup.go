package billing

import "time"

// TopUpStatus is the state of an automatic top-up. docs/states.md draws it.
type TopUpStatus string

// The states of an automatic top-up.
const (
	TopUpOn        TopUpStatus = "on"
	TopUpOff       TopUpStatus = "off"             // by the customer
	TopUpAttention TopUpStatus = "needs_attention" // stopped, until the customer turns it on again
)

// TopUpReason is why a top-up needs attention.
type TopUpReason string

// The reasons why a top-up needs attention.
const (
	TopUpDeclined       TopUpReason = "declined"                // several charges in a row were declined
	TopUpAuthentication TopUpReason = "authentication_required" // the bank wants the customer to authenticate
	TopUpNoMethod       TopUpReason = "no_payment_method"       // no saved payment method is left
	// The customer agreed to another amount, or to other points.
	TopUpPriceChanged TopUpReason = "price_changed"
	TopUpPackGone     TopUpReason = "pack_gone" // the catalogue no longer has it
	TopUpDisputed     TopUpReason = "disputed"  // a dispute took back money of a payment of the account
	// An automatic order was refunded, or another refund would cause a purchase.
	TopUpRefunded TopUpReason = "refunded"
)

// MaxDeclines is how many charges in a row may be declined.
const MaxDeclines = 3

// TopUp is a customer's instruction to buy a pack whenever the points run low.
type TopUp struct {
	AccountID    AccountID
	Status       TopUpStatus
	Reason       TopUpReason // "" unless it needs attention
	Pack         string
	Quantity     int64
	Points       Points // the points that one top-up brings, as the customer agreed
	Amount       int64  // the price of one top-up, as the customer agreed, in the currency's smallest unit
	Currency     string
	Threshold    Points // a pack is bought when fewer are available
	MonthlyLimit int64  // top-ups in a calendar month (UTC), at most
	Declines     int64  // in a row
	DueAt        time.Time
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// Stopped returns the top-up in the state in which it waits for its customer.
func (t TopUp) Stopped(why TopUpReason) TopUp {
	t.Status, t.Reason = TopUpAttention, why
	return t
}

// After returns the top-up after an order that it made has ended. If the customer turned it off in the meantime, it
// stays off.
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

// MonthOf returns when the calendar month of a time begins, and when the next one begins. Months are in UTC.
func MonthOf(t time.Time) (begin, next time.Time) {
	begin = time.Date(t.UTC().Year(), t.UTC().Month(), 1, 0, 0, 0, 0, time.UTC)
	return begin, begin.AddDate(0, 1, 0)
}
