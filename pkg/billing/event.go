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
}

// InboxStatus is the state of an event. docs/states.md draws it.
type InboxStatus string

// The states of an event.
const (
	InboxPending   InboxStatus = "pending"
	InboxProcessed InboxStatus = "processed" // a sync that began after its receipt was applied
	InboxIgnored   InboxStatus = "ignored"   // it belongs to no account of ours
)

// EventWalk is the cursor of the walk over Stripe's own list of events. The list has the newest first.
type EventWalk struct {
	SeenUntil *time.Time // every event made before this was offered to the inbox; nil: never read
	Since     *time.Time // the running walk goes back to here; nil: no walk is running
	Until     *time.Time // when the running walk began
	After     StripeEventID
	LookedAt  *time.Time // when the last complete walk ended
	Found     int64      // events that no webhook had brought, in total

	Refused   int64      // webhooks that matched none of our secrets, in total
	RefusedAt *time.Time // when the last of them was counted; nil if there was none
}
