package billing

import "time"

// DeliveryStatus is the state of an outgoing event at one endpoint. docs/states.md draws it.
type DeliveryStatus string

// The states of a delivery.
const (
	DeliveryPending   DeliveryStatus = "pending"   // not accepted yet; NextAt is the time of the next attempt
	DeliveryDelivered DeliveryStatus = "delivered" // the endpoint responded 2xx
	DeliveryFailed    DeliveryStatus = "failed"    // given up after the last attempt; can be sent again on request
	DeliveryMissed    DeliveryStatus = "missed"    // written while the endpoint was disabled; can be sent on request
)

// DeliveryFilter selects deliveries that are not pending, of one endpoint. A test is never selected.
type DeliveryFilter struct {
	Statuses []DeliveryStatus
	Types    []OutgoingType // nil: any
	From, To *time.Time     // when the event was written: not before From, and before To
	After    MessageID      // only those after this one; "" begins at the oldest
}

// Delivery is one outgoing event for one endpoint. The same event has the same id at all endpoints.
type Delivery struct {
	ID          MessageID
	WebhookID   WebhookID
	AccountID   AccountID // "" for a test
	Type        OutgoingType
	Body        string // exactly as it is signed and sent
	Status      DeliveryStatus
	Attempts    int64
	PutOff      int64     // how many responses asked to wait, and so were no attempts
	NextAt      time.Time // by the machine's clock, as for jobs
	LastStatus  int64     // the last attempt's HTTP status, 0 for none
	LastError   string
	CreatedAt   time.Time
	TriedAt     *time.Time
	DeliveredAt *time.Time
}
