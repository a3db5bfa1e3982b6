package billing

import "time"

// ChangeKind is what a customer requested for a subscription.
type ChangeKind string

// The requests that a customer can make.
const (
	ChangePlan   ChangeKind = "change" // another plan or quantity
	ChangeCancel ChangeKind = "cancel"
	ChangeResume ChangeKind = "resume" // to continue as before
)

// ChangeStatus is the state of a change. docs/states.md draws it.
type ChangeStatus string

// The states of a change.
const (
	ChangePending    ChangeStatus = "pending"    // Stripe may have been asked
	ChangeDone       ChangeStatus = "done"       // Stripe has done it, or will at the period's end
	ChangeUnpaid     ChangeStatus = "unpaid"     // it waits for an invoice that the customer has to pay
	ChangeProcessing ChangeStatus = "processing" // Stripe has made it, but a bank has not paid its invoice yet
	ChangeInvoiced   ChangeStatus = "invoiced"   // Stripe has made it, and its invoice was sent to the customer
	ChangeFailed     ChangeStatus = "failed"     // Stripe refused it, it was not paid, or another one replaced it
)

// Decided reports whether a change in this state is final.
func (s ChangeStatus) Decided() bool { return s == ChangeDone || s == ChangeFailed }

// Waiting reports whether a change in this state waits for its invoice to be paid.
func (s ChangeStatus) Waiting() bool {
	return s == ChangeUnpaid || s == ChangeProcessing || s == ChangeInvoiced
}

// CancelTime is when a subscription is to end.
type CancelTime string

// When a cancellation takes effect.
const (
	CancelNow         CancelTime = "now"
	CancelAtPeriodEnd CancelTime = "period_end"
)

// SubscriptionChange is a requested change of a subscription. Its row is written before Stripe is asked.
type SubscriptionChange struct {
	ID         ChangeID
	AccountID  AccountID
	Kind       ChangeKind
	Plan       string // requested; "" for a cancellation or a resumption
	Quantity   int64  // requested; 0 for no particular quantity
	Status     ChangeStatus
	Steps      *ChangeSteps    // nil until the requests to Stripe are decided
	Owed       OwedInvoice     // of a change that waits for a payment
	Voided     []VoidedInvoice // by the change, or about to be while it is pending
	Problem    Code            // of a change that failed
	Detail     string          // of a change that failed
	LeaseUntil time.Time       // until then someone may be working on it, and no other change begins
	LookAt     *time.Time      // when a job looks at it next; nil for a decided change
	CreatedAt  time.Time
	EndedAt    *time.Time
}

// ChangeSteps are the requests that a change makes to Stripe. They are saved before the first one and never decided
// again. So any process that continues the change makes the same requests. The order is: Void; then the action; then,
// only after the action is paid, whatever the change replaces is taken back.
type ChangeSteps struct {
	Subscription SubscriptionID
	Void         InvoiceID  `json:",omitempty"` // of an earlier change that waits for payment: it is voided
	Schedule     ScheduleID `json:",omitempty"` // an existing one, for an action to rewrite
	Release      ScheduleID `json:",omitempty"` // a schedule to take back
	Uncancel     bool       `json:",omitempty"` // take back an end with the period
	Undate       bool       `json:",omitempty"` // take back an end at a date
	Unpause      bool       `json:",omitempty"` // take back a pause of the collection
	// When the end that is taken back was decided, in seconds. A later end stays.
	CanceledAt    int64        `json:",omitempty"`
	Action        ChangeAction `json:",omitempty"`
	Item          string       `json:",omitempty"` // si_…
	Price         PriceID      `json:",omitempty"`
	Quantity      int64        `json:",omitempty"`
	PeriodEnd     int64        `json:",omitempty"` // seconds, for an action at the period's end
	ProrationDate int64        `json:",omitempty"` // seconds; 0 for the time at which Stripe is asked
}

// Replaces reports whether a change takes something back once its action is done.
func (s ChangeSteps) Replaces() bool { return s.Release != "" || s.Uncancel || s.Undate || s.Unpause }

// ChangeAction is the last step of a change.
type ChangeAction string

// The last steps that a change can have.
const (
	ActionNone   ChangeAction = ""       // there is nothing after the steps before it
	ActionCharge ChangeAction = "charge" // other items as soon as they are paid, invoiced at once
	// Other items now, invoiced at once and paid later: by bank debit, or by an invoice that is sent.
	ActionInvoice   ChangeAction = "invoice"
	ActionSwap      ChangeAction = "swap"       // other items now, without a charge: a trial
	ActionSchedule  ChangeAction = "schedule"   // other items at the period's end
	ActionCancel    ChangeAction = "cancel"     // at the period's end
	ActionCancelNow ChangeAction = "cancel_now" // at once
	ActionRestart   ChangeAction = "resume"     // a paused subscription bills again
)

// VoidedInvoice is an invoice that was voided, and the amount due on it, in the currency's smallest unit.
type VoidedInvoice struct {
	ID       InvoiceID `json:"id"`
	Amount   int64     `json:"amount"`
	Currency string    `json:"currency"`
}

// OwedInvoice is an unpaid invoice, and the page at Stripe where its customer can pay it.
type OwedInvoice struct {
	ID     InvoiceID
	URL    string
	Status ChangeStatus // of a change that waits for it: unpaid, processing or invoiced
}
