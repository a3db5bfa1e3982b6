package billing

import "time"

// Snapshot is the picture of one Stripe customer that a sync fetched: whole objects, never an event's payload. It uses
// Stripe's words.
type Snapshot struct {
	CustomerID    CustomerID
	Deleted       bool // at Stripe, which may then refuse to list its subscriptions, invoices and charges
	Subscriptions []StripeSubscription
	Invoices      []StripeInvoice
	// Of the account's earlier customers: those that waiting events name, or all that Stripe still lists.
	FormerInvoices []StripeInvoice
	Checkouts      []StripeCheckout // of the orders that were open
	Charges        []StripeCharge
	Intents        []StripeIntent // of the automatic orders that were asked for
}

// StripeSubscription is a subscription as Stripe has it now.
type StripeSubscription struct {
	ID                 SubscriptionID
	Status             SubscriptionStatus
	Item               string // catalogue item, from the price's metadata
	Price              PriceID
	Sold               SoldAs
	Quantity           int64
	CurrentPeriodStart time.Time
	CurrentPeriodEnd   time.Time
	CancelAtPeriodEnd  bool
	EndsAt             *time.Time       // the earliest end that is set, from any source; nil for none
	Scheduled          *ScheduledChange // from a schedule that controls it; nil for none
	CollectionPaused   *CollectionPause // nil: invoices are collected
	EndedAt            *time.Time
	Created            time.Time
}

// SoldAs is what a price of ours says in its metadata besides its item.
type SoldAs struct {
	Terms *PriceTerms // nil if it has none
	// When the price of another system became one of ours; nil if it always was. That system delivered what was paid
	// for it before.
	AdoptedAt *time.Time
}

// InvoiceStatus is Stripe's word for the state of an invoice.
type InvoiceStatus string

// Stripe's statuses of an invoice.
const (
	InvoiceDraft         InvoiceStatus = "draft"
	InvoiceOpen          InvoiceStatus = "open"
	InvoicePaid          InvoiceStatus = "paid"
	InvoiceUncollectible InvoiceStatus = "uncollectible"
	InvoiceVoid          InvoiceStatus = "void"
)

// InvoiceReason is why an invoice was made. Stripe calls it the billing reason.
type InvoiceReason string

// The billing reasons of a subscription's first invoice and of a change. There are others, and they need no name here.
const (
	ReasonCreate InvoiceReason = "subscription_create"
	ReasonUpdate InvoiceReason = "subscription_update"
)

// StripeInvoice is an invoice with all its lines.
type StripeInvoice struct {
	ID             InvoiceID
	SubscriptionID SubscriptionID
	Status         InvoiceStatus
	BillingReason  InvoiceReason
	Currency       string
	AmountPaid     int64 // in money, also outside Stripe; what the customer's balance paid is not included
	Total          int64 // after discounts and tax; negative if it credits the customer
	UnderWay       bool  // it is open, and its payment is being processed: a bank debit takes days
	// The customer's balance before and after a finalized invoice. Below zero it is a credit, above zero a debt.
	StartingBalance int64
	EndingBalance   int64
	Created         time.Time
	FinalizedAt     *time.Time
	PaidAt          *time.Time
	Lines           []StripeInvoiceLine
	// When its subscription ended. It is set only in FormerInvoices, whose subscriptions the picture does not show.
	SubscriptionEndedAt *time.Time
}

// Settled reports whether the invoice can no longer change in a way that grants points.
func (i StripeInvoice) Settled() bool { return i.Status == InvoicePaid || i.Status == InvoiceVoid }

// StripeInvoiceLine is one line of an invoice. PeriodStart and PeriodEnd are the period that it pays for.
type StripeInvoiceLine struct {
	ID    string
	Item  string // from the price's metadata; "" for a price that is not ours
	Price PriceID
	SoldAs
	Description   string
	Amount        int64
	Currency      string
	UnitAmount    int64 // the price of one, as old subscribers still pay it; 0 if the price does not say
	UnitCurrency  string
	Interval      Interval // of the price; "" for a one-time price
	IntervalCount int64
	Quantity      int64
	Proration     bool
	PeriodStart   time.Time
	PeriodEnd     time.Time
}

// CheckoutStatus is Stripe's word for the state of a Checkout Session.
type CheckoutStatus string

// Stripe's statuses of a Checkout Session.
const (
	CheckoutOpen     CheckoutStatus = "open"
	CheckoutComplete CheckoutStatus = "complete"
	CheckoutExpired  CheckoutStatus = "expired"
)

// PaymentStatus is Stripe's word for whether a Checkout Session is paid.
type PaymentStatus string

// Stripe's payment statuses of a Checkout Session.
const (
	PaymentPaid        PaymentStatus = "paid"
	PaymentUnpaid      PaymentStatus = "unpaid"
	PaymentNotRequired PaymentStatus = "no_payment_required"
)

// StripeCheckout is a Checkout Session.
type StripeCheckout struct {
	ID              CheckoutID
	URL             string
	Status          CheckoutStatus
	PaymentStatus   PaymentStatus
	PaymentIntentID PaymentIntentID
	PaymentFailed   bool // complete, but the delayed payment has failed
	SubscriptionID  SubscriptionID
	AmountSubtotal  int64 // before discounts and tax
	Currency        string
	ExpiresAt       time.Time
}

// StripeCharge is a charge, read for the money that went back.
type StripeCharge struct {
	ID              string
	PaymentIntentID PaymentIntentID
	InvoiceID       InvoiceID
	Amount          int64
	Currency        string
	Paid            bool // it succeeded, whatever happened to the money later
	AmountRefunded  int64
	AmountDisputed  int64 // what the payer's bank took back and has not given back; an inquiry takes nothing
	Disputed        bool  // there is a dispute, in any state
}

// ObjectType is the type of an object at Stripe, as the object's field `object` says it.
type ObjectType string

// The types of object that belong to a customer and that an event may name.
const (
	ObjectCustomer      ObjectType = "customer"
	ObjectCharge        ObjectType = "charge"
	ObjectDispute       ObjectType = "dispute"
	ObjectRefund        ObjectType = "refund"
	ObjectPaymentIntent ObjectType = "payment_intent"
	ObjectInvoice       ObjectType = "invoice"
	ObjectSubscription  ObjectType = "subscription"
	ObjectCheckout      ObjectType = "checkout.session"
)

// StripeObject names an object at Stripe, as an event does.
type StripeObject struct {
	Type ObjectType
	ID   string
}

// Returned is how much of a charge has gone back to its payer.
type Returned struct {
	ChargeID        string
	PaymentIntentID PaymentIntentID
	Refunded        int64
	Disputed        int64
}

// IntentStatus is Stripe's word for the state of a payment intent.
type IntentStatus string

// Stripe's statuses of a payment intent.
const (
	IntentRequiresMethod       IntentStatus = "requires_payment_method"
	IntentRequiresConfirmation IntentStatus = "requires_confirmation"
	IntentRequiresAction       IntentStatus = "requires_action"
	IntentProcessing           IntentStatus = "processing"
	IntentSucceeded            IntentStatus = "succeeded"
	IntentCanceled             IntentStatus = "canceled"
)

// StripeIntent is a payment intent that an automatic order made.
type StripeIntent struct {
	ID          PaymentIntentID
	OrderID     OrderID
	Status      IntentStatus
	DeclineCode string // why it was not paid; "" while nothing was refused
}

// Payable reports whether the intent could still be paid, although its charge has failed.
func (i StripeIntent) Payable() bool {
	switch i.Status {
	case IntentRequiresMethod, IntentRequiresConfirmation, IntentRequiresAction:
		return true
	}
	return false
}
