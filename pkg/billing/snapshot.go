package billing

import "time"

// Snapshot is the picture of one Stripe customer that a sync fetched: whole objects, never an event's payload.
// Its words are Stripe's.
type Snapshot struct {
	CustomerID    CustomerID
	Subscriptions []StripeSubscription
	Invoices      []StripeInvoice
	Checkouts     []StripeCheckout // of the orders that were open
	Charges       []StripeCharge
}

// StripeSubscription is a subscription as Stripe has it now.
type StripeSubscription struct {
	ID                 SubscriptionID
	Status             SubscriptionStatus
	Item               string // catalogue item, from the price's metadata
	Quantity           int64
	CurrentPeriodStart time.Time
	CurrentPeriodEnd   time.Time
	CancelAtPeriodEnd  bool
	EndedAt            *time.Time
	Created            time.Time
}

// StripeInvoice is an invoice with all its lines.
type StripeInvoice struct {
	ID             InvoiceID
	SubscriptionID SubscriptionID
	Status         string // draft, open, paid, uncollectible, void
	BillingReason  string
	AmountPaid     int64
	CreditUsed     int64 // what was paid out of the customer's balance, such as a change of plan down had given back
	Created        time.Time
	Lines          []StripeInvoiceLine
}

// Settled says whether the invoice can change no more in a way that grants points.
func (i StripeInvoice) Settled() bool { return i.Status == "paid" || i.Status == "void" }

// StripeInvoiceLine is one line; Period is what it pays for.
type StripeInvoiceLine struct {
	ID          string
	Item        string
	Amount      int64
	Quantity    int64
	Proration   bool
	PeriodStart time.Time
	PeriodEnd   time.Time
}

// StripeCheckout is a Checkout Session.
type StripeCheckout struct {
	ID              CheckoutID
	URL             string
	Status          string // open, complete, expired
	PaymentStatus   string // paid, unpaid, no_payment_required
	PaymentIntentID PaymentIntentID
	PaymentFailed   bool // complete, but the delayed payment has failed
	SubscriptionID  SubscriptionID
	AmountSubtotal  int64 // before discounts and tax
	Currency        string
	ExpiresAt       time.Time
}

// StripeCharge is a charge, for what went back of it.
type StripeCharge struct {
	ID              string
	PaymentIntentID PaymentIntentID
	InvoiceID       InvoiceID
	Amount          int64
	AmountRefunded  int64
}
