package billing

import "time"

// ChangeKind is what a customer asked for a subscription.
type ChangeKind string

// What a customer can ask for.
const (
	ChangePlan   ChangeKind = "change" // another plan or quantity
	ChangeCancel ChangeKind = "cancel"
	ChangeResume ChangeKind = "resume" // to go on as it was
)

// ChangeStatus is how far a change has come; docs/states.md draws it.
type ChangeStatus string

// The states of a change.
const (
	ChangePending    ChangeStatus = "pending"    // Stripe may have been asked
	ChangeDone       ChangeStatus = "done"       // Stripe has done it, or will at the period's end
	ChangeUnpaid     ChangeStatus = "unpaid"     // it waits for an invoice that the customer has to pay
	ChangeProcessing ChangeStatus = "processing" // Stripe has made it, and a bank has not yet paid its invoice
	ChangeInvoiced   ChangeStatus = "invoiced"   // Stripe has made it, and its invoice was sent to the customer
	ChangeFailed     ChangeStatus = "failed"     // Stripe refused it, it was not paid, or another one took its place
)

// Decided reports whether nothing more becomes of a change in this state.
func (s ChangeStatus) Decided() bool { return s == ChangeDone || s == ChangeFailed }

// Waiting reports whether a change in this state waits for its invoice to be paid.
func (s ChangeStatus) Waiting() bool {
	return s == ChangeUnpaid || s == ChangeProcessing || s == ChangeInvoiced
}

// CancelTime is when a subscription shall end.
type CancelTime string

// When a cancellation takes effect.
const (
	CancelNow         CancelTime = "now"
	CancelAtPeriodEnd CancelTime = "period_end"
)

// SubscriptionChange is a change of a subscription that was asked for. Its row stands before Stripe is asked.
type SubscriptionChange struct {
	ID          ChangeID
	AccountID   AccountID
	Kind        ChangeKind
	Plan        string // wanted; "" for a cancellation or its undoing
	Quantity    int64  // wanted; 0 for none in particular
	Key         string // the caller's Idempotency-Key, "" for none
	RequestHash string
	Status      ChangeStatus
	Steps       *ChangeSteps    // nil until it is decided what Stripe will be asked
	Owed        OwedInvoice     // of one that waits for a payment
	Voided      []VoidedInvoice // by it, or about to be while it is pending
	Problem     Code            // of one that failed
	Detail      string          // of one that failed
	LeaseUntil  time.Time       // until then somebody may be at work on it, and no other change begins
	LookAt      *time.Time      // when a job looks at it next; nil for one that is decided
	CreatedAt   time.Time
	EndedAt     *time.Time
}

// ChangeSteps are the requests that a change makes of Stripe. They are written down before the first one and never
// decided again, so that whoever takes a change up asks for the same. The order: Void; then the action; and only when
// that is paid what it replaces is taken back.
type ChangeSteps struct {
	Subscription SubscriptionID
	Void         InvoiceID  `json:",omitempty"` // of an earlier change that waits for its payment: it is given up
	Schedule     ScheduleID `json:",omitempty"` // that is there, for an action to rewrite
	Release      ScheduleID `json:",omitempty"` // a schedule is taken back
	Uncancel     bool       `json:",omitempty"` // an end with the period is taken back
	Undate       bool       `json:",omitempty"` // an end at a date is taken back
	Unpause      bool       `json:",omitempty"` // a pause of the collection is taken back
	// when the end was decided that is taken back, in seconds: a later one stays
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
	ActionNone   ChangeAction = ""       // the steps before it were all
	ActionCharge ChangeAction = "charge" // other items as soon as they are paid, invoiced at once
	// other items now, invoiced at once and paid later: by bank debit, or by an invoice that is sent
	ActionInvoice   ChangeAction = "invoice"
	ActionSwap      ChangeAction = "swap"       // other items now, at no charge: a trial
	ActionSchedule  ChangeAction = "schedule"   // other items at the period's end
	ActionCancel    ChangeAction = "cancel"     // at the period's end
	ActionCancelNow ChangeAction = "cancel_now" // at once
	ActionRestart   ChangeAction = "resume"     // a paused subscription bills again
)

// VoidedInvoice is an invoice that was given up, and what was due on it, in the currency's smallest unit.
type VoidedInvoice struct {
	ID       InvoiceID `json:"id"`
	Amount   int64     `json:"amount"`
	Currency string    `json:"currency"`
}

// OwedInvoice is an invoice that is not paid, and the page at Stripe where its customer can pay it.
type OwedInvoice struct {
	ID     InvoiceID
	URL    string
	Status ChangeStatus // of a change that waits for it: unpaid, processing or invoiced
}
