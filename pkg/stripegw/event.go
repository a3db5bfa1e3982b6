package stripegw

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

const (
	toleranceSeconds = 300  // the same as in Stripe's libraries
	maxHeaderBytes   = 4096 // Stripe sends about 150
	maxSignatures    = 16   // Stripe sends one for each live secret, two during a rotation
	maxIDBytes       = 255
)

// Event is only a signal: which object of which customer to look at. The rest of the payload is not read on purpose.
// It is as old as the event and has the event's API version.
type Event struct {
	ID         billing.StripeEventID
	Type       string
	APIVersion string
	Livemode   bool
	Created    time.Time
	ObjectType billing.ObjectType
	ObjectID   string             // "" for objects without an id, such as an upcoming invoice
	CustomerID billing.CustomerID // "" if the payload does not name a customer
}

// ErrNoSecretFits is in the error for a body that was signed with none of our secrets.
var ErrNoSecretFits = errors.New("no webhook secret matches the signature")

// Claims returns what an event contains about itself, for a log. No signature was checked.
func Claims(body []byte) (Event, bool) {
	e, err := decodeEvent(body)
	return e, err == nil
}

// ParseEvent checks that Stripe signed the body with one of the secrets, less than five minutes ago or ahead. It then
// reads which object and customer the event is about. It accepts any API version. Errors: EInvalid, with a message
// that names what is wrong; EInternal if a secret is missing, because then nothing would be checked.
//
// It does not use stripe-go's own check. That check accepts signatures dated in the future, a second t= value, and an
// empty secret (seen in v76.25.0, webhook/client.go).
func ParseEvent(body []byte, header string, secrets []string, now time.Time) (Event, error) {
	if len(secrets) == 0 {
		return Event{}, billing.Errorf(billing.EInternal, "no webhook secret is set")
	}
	for _, s := range secrets {
		if s == "" {
			return Event{}, billing.Errorf(billing.EInternal, "a webhook secret is empty")
		}
	}
	sent, err := parseSignature(header)
	if err != nil {
		return Event{}, err
	}
	if !sent.matches(body, secrets) {
		return Event{}, billing.Wrap(
			ErrNoSecretFits, billing.EInvalid, "The Stripe-Signature header has no valid signature for this body.",
		)
	}
	// Stripe's timestamps are whole seconds, so this compares whole seconds.
	if age := now.Unix() - sent.seconds; age > toleranceSeconds || age < -toleranceSeconds {
		return Event{}, billing.Errorf(
			billing.EInvalid, "The timestamp in Stripe-Signature is outside the tolerance of %d seconds.",
			toleranceSeconds,
		)
	}
	return decodeEvent(body)
}

// signature is a parsed Stripe-Signature header: t=…,v1=…[,v1=…][,v0=…].
type signature struct {
	timestamp string // as sent, because it is part of what was signed
	seconds   int64
	v1        [][]byte
}

func parseSignature(header string) (signature, error) {
	var s signature
	if header == "" {
		return s, billing.Errorf(billing.EInvalid, "The Stripe-Signature header is missing.")
	}
	malformed := billing.Errorf(billing.EInvalid, "The Stripe-Signature header is malformed.")
	if len(header) > maxHeaderBytes {
		return s, malformed
	}
	stamps := 0
	for pair := range strings.SplitSeq(header, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok {
			return s, malformed
		}
		switch name {
		case "t":
			stamps++
			s.timestamp = value
		case "v1":
			if mac, err := hex.DecodeString(value); err == nil { // one that is not hex cannot match, another may
				s.v1 = append(s.v1, mac)
			}
		}
	}
	seconds, err := strconv.ParseUint(s.timestamp, 10, 63) // only digits: no sign
	if stamps != 1 || err != nil || len(s.v1) > maxSignatures {
		return s, malformed
	}
	s.seconds = int64(seconds)
	return s, nil
}

// matches compares in constant time, and compares all of them, so the time does not reveal which one matched.
func (s signature) matches(body []byte, secrets []string) bool {
	found := false
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(s.timestamp + "."))
		mac.Write(body)
		want := mac.Sum(nil)
		for _, got := range s.v1 {
			if hmac.Equal(want, got) {
				found = true
			}
		}
	}
	return found
}

// decodeEvent is lenient about everything but the envelope. An event still counts if a later API version changed the
// shape of its object.
func decodeEvent(body []byte) (Event, error) {
	var envelope struct {
		Object     string `json:"object"`
		ID         string `json:"id"`
		Type       string `json:"type"`
		APIVersion string `json:"api_version"`
		Created    int64  `json:"created"`
		Livemode   bool   `json:"livemode"`
		Data       struct {
			Object json.RawMessage `json:"object"`
		} `json:"data"`
	}
	err := json.Unmarshal(body, &envelope)
	if err != nil || envelope.Object != "event" || envelope.Type == "" ||
		envelope.ID == "" || len(envelope.ID) > maxIDBytes || len(envelope.Type) > maxIDBytes {
		return Event{}, billing.Errorf(billing.EInvalid, "The body is not a Stripe event.")
	}
	e := Event{
		ID:         billing.StripeEventID(envelope.ID),
		Type:       envelope.Type,
		APIVersion: envelope.APIVersion,
		Livemode:   envelope.Livemode,
		Created:    at(envelope.Created),
	}
	e.readObject(envelope.Data.Object)
	return e, nil
}

// readObject reads which object an event is about, and whose object it is.
func (e *Event) readObject(raw json.RawMessage) {
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil {
		return
	}
	e.ObjectType, e.ObjectID = billing.ObjectType(text(object["object"])), text(object["id"])
	e.CustomerID = billing.CustomerID(idOf(object["customer"]))
	if e.ObjectType == billing.ObjectCustomer {
		e.CustomerID = billing.CustomerID(e.ObjectID)
	}
}

// text returns a JSON string of a reasonable length, or "".
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil || len(s) > maxIDBytes {
		return ""
	}
	return s
}

// idOf returns the id in a reference. Stripe writes a reference as the id or as the whole object.
func idOf(raw json.RawMessage) string {
	if id := text(raw); id != "" {
		return id
	}
	var expanded struct {
		ID json.RawMessage `json:"id"`
	}
	if json.Unmarshal(raw, &expanded) != nil {
		return ""
	}
	return text(expanded.ID)
}
