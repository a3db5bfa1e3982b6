package billing

import "time"

// InboxEvent is what is stored of a Stripe event: which object to look at, and the progress of that work.
type InboxEvent struct {
	ID          StripeEventID
	Type        string
	APIVersion  string
	Livemode    bool
	ObjectType  ObjectType
	ObjectID    string
	CustomerID  CustomerID
	AccountID   AccountID // "" if the event is ignored
	Status      InboxStatus
	Reason      string // why it was ignored
	Ticket      int64  // the first sync that began after the event was stored; 0: none yet
	Attempts    int64
	LastError   string
	CreatedAt   time.Time // Stripe's
	ReceivedAt  time.Time
	ProcessedAt *time.Time
	Origin      string // the trace in which it was stored, or ""
}

// InboxStatus is the state of an event. docs/states.md draws it.
type InboxStatus string

// The states of an event.
const (
	InboxPending   InboxStatus = "pending"
	InboxProcessed InboxStatus = "processed" // a sync that began after its receipt was applied
	InboxIgnored   InboxStatus = "ignored"   // it belongs to no account of ours
)
