package billing

import "time"

// Snapshot is the picture of one Stripe customer that a sync fetched: whole objects, never an event's payload.
// Its words are Stripe's.
type Snapshot struct {
	CustomerID    CustomerID
	Deleted       bool // at Stripe: then it has nothing more to show, though it had
	Subscriptions []StripeSubscription
	Invoices      []StripeInvoice
	Checkouts     []StripeCheckout // of the orders that were open
	Charges       []StripeCharge
	Intents       []StripeIntent // of the automatic order that was open
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
	EndsAt             *time.Time       // the earliest end that is set, by whatever; nil for none
	Scheduled          *ScheduledChange // by a schedule that leads it; nil for none
	CollectionPaused   *CollectionPause // nil: invoices are collected
	EndedAt            *time.Time
	Created            time.Time
}

// StripeInvoice is an invoice with all its lines.
type StripeInvoice struct {
	ID             InvoiceID
	SubscriptionID SubscriptionID
	Status         string // draft, open, paid, uncollectible, void
	BillingReason  string
	Currency       string
	AmountPaid     int64 // in money, also past Stripe: what the customer's balance paid is not in it
	Total          int64 // after discounts and tax; negative when it credits the customer
	UnderWay       bool  // it is open, and its payment is being processed: a bank debit takes days
	// The customer's balance before and after a finalized invoice: below zero a credit, above it a debt.
	StartingBalance int64
	EndingBalance   int64
	Created         time.Time
	FinalizedAt     *time.Time
	PaidAt          *time.Time
	Lines           []StripeInvoiceLine
}

// Settled says whether the invoice can change no more in a way that grants points.
func (i StripeInvoice) Settled() bool { return i.Status == "paid" || i.Status == "void" }

// StripeInvoiceLine is one line; Period is what it pays for.
type StripeInvoiceLine struct {
	ID            string
	Item          string      // from the price's metadata, "" for a price that is none of ours
	Terms         *PriceTerms // of the price, nil where it has none
	Description   string
	Amount        int64
	Currency      string
	UnitAmount    int64 // what the price asks for one, as whoever subscribed then still pays it; 0 when it does not say
	UnitCurrency  string
	Interval      string // of the price: day, week, month, year; "" when it is paid once
	IntervalCount int64
	Quantity      int64
	Proration     bool
	PeriodStart   time.Time
	PeriodEnd     time.Time
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
	Currency        string
	Paid            bool // it succeeded, whatever became of the money
	AmountRefunded  int64
	AmountDisputed  int64 // that the payer's bank took back and has not given back; an inquiry takes nothing
	Disputed        bool  // there is a dispute, whatever became of it
}

// StripeObject names an object at Stripe, as an event does.
type StripeObject struct {
	Type string
	ID   string
}

// Returned is what of a charge is with its payer again.
type Returned struct {
	ChargeID        string
	PaymentIntentID PaymentIntentID
	Refunded        int64
	Disputed        int64
}

// StripeIntent is a payment intent that an automatic order made.
type StripeIntent struct {
	ID          PaymentIntentID
	OrderID     OrderID
	Status      string
	DeclineCode string // why it was not paid; "" while nothing was refused
}

// Payable says whether somebody could still pay the intent, though its charge has failed.
func (i StripeIntent) Payable() bool {
	return i.Status == "requires_payment_method" || i.Status == "requires_confirmation" || i.Status == "requires_action"
}
