package billing

import (
	"fmt"
	"io"
	"log/slog"
	"time"
)

// OutgoingType names what an endpoint of the operator's is told; docs/events.md says when each is written.
type OutgoingType string

// The types of event.
const (
	OutPointsGranted       OutgoingType = "points.granted"
	OutPointsSpent         OutgoingType = "points.spent" // a spend, and what was captured of a hold
	OutPointsExpired       OutgoingType = "points.expired"
	OutPointsClawedBack    OutgoingType = "points.clawed_back"
	OutPointsRestored      OutgoingType = "points.restored"
	OutPointsCorrected     OutgoingType = "points.corrected"
	OutPointsLow           OutgoingType = "points.low"
	OutSubscriptionChanged OutgoingType = "subscription.changed"
	OutOrderFulfilled      OutgoingType = "order.fulfilled"
	OutOrderRefunded       OutgoingType = "order.refunded"
	OutOrderFailed         OutgoingType = "order.failed"
	OutTopUpAttention      OutgoingType = "top_up.needs_attention"
	OutTest                OutgoingType = "webhook.test" // on demand, to one endpoint
)

// OutgoingTypes are all types that an endpoint can ask for. A test is sent to whoever asks for the test.
var OutgoingTypes = []OutgoingType{
	OutPointsGranted, OutPointsSpent, OutPointsExpired, OutPointsClawedBack, OutPointsRestored, OutPointsCorrected,
	OutPointsLow,
	OutSubscriptionChanged, OutOrderFulfilled, OutOrderRefunded, OutOrderFailed, OutTopUpAttention,
}

// SigningSecret signs what is sent to an endpoint: whsec_ and base64. It prints as its presence alone.
type SigningSecret string

func (s SigningSecret) String() string {
	if s == "" {
		return "[not set]"
	}
	return "[set]"
}

// Format keeps every verb of fmt from showing what String hides.
func (s SigningSecret) Format(out fmt.State, _ rune) { _, _ = io.WriteString(out, s.String()) }

// LogValue keeps it out of structured logs.
func (s SigningSecret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText keeps it out of JSON.
func (s SigningSecret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Reveal answers the secret itself.
func (s SigningSecret) Reveal() string { return string(s) }

// Webhook is an endpoint of the operator's that wants to be told.
type Webhook struct {
	ID          WebhookID
	URL         string
	Types       []OutgoingType // nil: all of them, also those that are invented later
	Secret      SigningSecret
	OldSecret   SigningSecret // signs as well until OldUntil
	OldUntil    *time.Time
	Round       int64 // grows whenever a job begins to deliver, so that a job asked for later is another one
	Delivered   int64 // how many events were, ever
	Failed      int64 // how many were given up, ever
	CreatedAt   time.Time
	DisabledAt  *time.Time
	DisabledWhy string
}

// DeliveryStatus says how far an outgoing event has come at one endpoint; docs/states.md draws it.
type DeliveryStatus string

// The states of a delivery.
const (
	DeliveryPending   DeliveryStatus = "pending"   // not accepted yet; NextAt says when it is tried next
	DeliveryDelivered DeliveryStatus = "delivered" // the endpoint answered 2xx
	DeliveryFailed    DeliveryStatus = "failed"    // given up after the last attempt; can be sent again on demand
)

// Delivery is one outgoing event on its way to one endpoint. The same event has the same id at all endpoints.
type Delivery struct {
	ID          MessageID
	WebhookID   WebhookID
	AccountID   AccountID // "" for a test
	Type        OutgoingType
	Body        string // just as it is signed and sent
	Status      DeliveryStatus
	Attempts    int64
	NextAt      time.Time // of the machine's clock, as jobs are
	LastStatus  int64     // the last attempt's HTTP status, 0 for none
	LastError   string
	CreatedAt   time.Time
	TriedAt     *time.Time
	DeliveredAt *time.Time
}
