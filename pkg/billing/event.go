package billing

import "time"

// InboxEvent is what is kept of an event of Stripe's: which object to look at, and how far the looking has come.
type InboxEvent struct {
	ID          StripeEventID
	Type        string
	APIVersion  string
	Livemode    bool
	ObjectType  string
	ObjectID    string
	CustomerID  CustomerID
	AccountID   AccountID // "" when the event is ignored
	Status      InboxStatus
	Reason      string // why it was ignored
	Ticket      int64  // the first sync that began after the event was stored; 0: none yet
	Attempts    int64
	LastError   string
	CreatedAt   time.Time // Stripe's
	ReceivedAt  time.Time
	ProcessedAt *time.Time
}

// InboxStatus says how far an event has come; docs/states.md draws it.
type InboxStatus string

// The states of an event.
const (
	InboxPending   InboxStatus = "pending"
	InboxProcessed InboxStatus = "processed" // a sync that began after its receipt was applied
	InboxIgnored   InboxStatus = "ignored"   // it concerns no account of ours
)

// EventWalk is how far the walk over Stripe's own list of events has come. The list has the newest first.
type EventWalk struct {
	SeenUntil *time.Time // every event made before this was offered to the inbox; nil: never looked
	Since     *time.Time // the walk under way goes back to here; nil: none is
	Until     *time.Time // and this is when it began
	After     StripeEventID
	LookedAt  *time.Time // when the last whole walk ended
	Found     int64      // events that no webhook had brought, ever

	Refused   int64      // webhooks that fitted none of our secrets, ever
	RefusedAt *time.Time // when the last of them was counted, nil when there was none
}
