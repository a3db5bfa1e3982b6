package billing

import (
	"fmt"
	"io"
	"log/slog"
	"time"
)

// OutgoingType names an event for the operator's endpoints. docs/events.md says when each is written.
type OutgoingType string

// The types of event.
const (
	OutPointsGranted       OutgoingType = "points.granted"
	OutPointsSpent         OutgoingType = "points.spent" // a spend, or the captured points of a hold
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
	OutTest                OutgoingType = "webhook.test" // on request, to one endpoint
)

// OutgoingTypes are all types that an endpoint can subscribe to. A test goes only to the endpoint that it is requested
// for.
var OutgoingTypes = []OutgoingType{
	OutPointsGranted, OutPointsSpent, OutPointsExpired, OutPointsClawedBack, OutPointsRestored, OutPointsCorrected,
	OutPointsLow,
	OutSubscriptionChanged, OutOrderFulfilled, OutOrderRefunded, OutOrderFailed, OutTopUpAttention,
}

// SigningSecret signs the events for an endpoint: whsec_ and base64. It prints only whether it is set.
type SigningSecret string

// String returns "[set]" or "[not set]".
func (s SigningSecret) String() string {
	if s == "" {
		return "[not set]"
	}
	return "[set]"
}

// Format keeps all verbs of fmt from showing what String hides.
func (s SigningSecret) Format(out fmt.State, _ rune) { _, _ = io.WriteString(out, s.String()) }

// LogValue keeps the secret out of structured logs.
func (s SigningSecret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText keeps the secret out of JSON.
func (s SigningSecret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Reveal returns the secret itself.
func (s SigningSecret) Reveal() string { return string(s) }

// Webhook is an endpoint of the operator's that receives events.
type Webhook struct {
	ID          WebhookID
	URL         string
	Types       []OutgoingType // nil: all of them, also those that are added later
	Secret      SigningSecret
	OldSecret   SigningSecret // also signs until OldUntil
	OldUntil    *time.Time
	Round       int64 // grows whenever a job begins to deliver, so that a job requested later differs from it
	Delivered   int64 // how many events were delivered, in total
	Failed      int64 // how many were given up, in total
	CreatedAt   time.Time
	DisabledAt  *time.Time
	DisabledWhy string
}

// DeliveryStatus is the state of an outgoing event at one endpoint. docs/states.md draws it.
type DeliveryStatus string

// The states of a delivery.
const (
	DeliveryPending   DeliveryStatus = "pending"   // not accepted yet; NextAt is the time of the next attempt
	DeliveryDelivered DeliveryStatus = "delivered" // the endpoint responded 2xx
	DeliveryFailed    DeliveryStatus = "failed"    // given up after the last attempt; can be sent again on request
)

// Delivery is one outgoing event for one endpoint. The same event has the same id at all endpoints.
type Delivery struct {
	ID          MessageID
	WebhookID   WebhookID
	AccountID   AccountID // "" for a test
	Type        OutgoingType
	Body        string // exactly as it is signed and sent
	Status      DeliveryStatus
	Attempts    int64
	NextAt      time.Time // by the machine's clock, as for jobs
	LastStatus  int64     // the last attempt's HTTP status, 0 for none
	LastError   string
	CreatedAt   time.Time
	TriedAt     *time.Time
	DeliveredAt *time.Time
}
