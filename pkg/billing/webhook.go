package billing

import (
	"fmt"
	"io"
	"log/slog"
	"time"
)

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
	OldSecrets  []OldSecret // oldest first; may hold some that have ended
	Round       int64       // grows whenever a job begins to deliver, so that a job requested later differs from it
	Delivered   int64       // how many events were delivered, in total
	Failed      int64       // how many were given up, in total
	CreatedAt   time.Time
	PausedUntil *time.Time // nothing is sent before, by the machine's clock; may be past
	DisabledAt  *time.Time
	DisabledWhy string
}

// OldSecret is a secret that was rolled. It signs as well until its own time, by the machine's clock.
type OldSecret struct {
	Secret SigningSecret
	Until  time.Time
}

// OldSecretsAt returns the old secrets that still sign at a time, oldest first.
func (w Webhook) OldSecretsAt(now time.Time) (sign []OldSecret) {
	for _, s := range w.OldSecrets {
		if now.Before(s.Until) {
			sign = append(sign, s)
		}
	}
	return sign
}

// PausedAt reports whether the endpoint has asked to be sent nothing at a time.
func (w Webhook) PausedAt(now time.Time) bool {
	return w.PausedUntil != nil && now.Before(*w.PausedUntil)
}
