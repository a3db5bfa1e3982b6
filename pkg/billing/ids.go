package billing

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"time"
)

// Our ids: a prefix that says what the id names, and 26 letters that sort by the time of creation (56 bits of
// microseconds, 72 random bits).
type (
	AccountID string // acc_…
	OrderID   string // ord_…
	EntryID   string // ent_…
	LotID     string // lot_…
	ActionID  string // act_…: what an admin did
	HoldID    string // hld_…
	KeyID     string // key_…: a service key, not an Idempotency-Key
	ChangeID  string // chg_…: a requested change of a subscription
	SessionID string // ses_…: a login, not a Stripe Checkout Session
	WebhookID string // whk_…: an endpoint of the operator's
	MessageID string // msg_…: an event on its way to such endpoints
)

// Stripe's ids. Each has its own type, so that no one can confuse it with one of ours.
type (
	CustomerID      string // cus_…
	CheckoutID      string // cs_…
	SubscriptionID  string // sub_…
	InvoiceID       string // in_…
	StripeEventID   string // evt_…
	PriceID         string // price_…
	PaymentIntentID string // pi_…
	ScheduleID      string // sub_sched_…
	PromotionCodeID string // promo_…
	PaymentMethodID string // pm_…
)

var crockford = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// newID returns an id. Only the random part makes it unique. The time only makes it sort.
func newID(prefix string, now time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixMicro())<<8)
	rand.Read(b[7:]) // never fails: on an error, crypto/rand ends the program
	return prefix + "_" + crockford.EncodeToString(b[:])
}

// NewAccountID returns a new id of an account.
func NewAccountID(now time.Time) AccountID { return AccountID(newID("acc", now)) }

// NewOrderID returns a new id of an order.
func NewOrderID(now time.Time) OrderID { return OrderID(newID("ord", now)) }

// NewEntryID returns a new id of an entry.
func NewEntryID(now time.Time) EntryID { return EntryID(newID("ent", now)) }

// NewLotID returns a new id of a lot.
func NewLotID(now time.Time) LotID { return LotID(newID("lot", now)) }

// NewActionID returns a new id of an admin's action.
func NewActionID(now time.Time) ActionID { return ActionID(newID("act", now)) }

// NewHoldID returns a new id of a hold.
func NewHoldID(now time.Time) HoldID { return HoldID(newID("hld", now)) }

// NewChangeID returns a new id of a change of a subscription.
func NewChangeID(now time.Time) ChangeID { return ChangeID(newID("chg", now)) }

// NewSessionID returns a new id of a login.
func NewSessionID(now time.Time) SessionID { return SessionID(newID("ses", now)) }

// NewKeyID returns a new id of a service key.
func NewKeyID(now time.Time) KeyID { return KeyID(newID("key", now)) }

// NewWebhookID returns a new id of a webhook endpoint.
func NewWebhookID(now time.Time) WebhookID { return WebhookID(newID("whk", now)) }

// NewMessageID returns a new id of an outgoing event.
func NewMessageID(now time.Time) MessageID { return MessageID(newID("msg", now)) }

// NewTokenID returns a new id of an access token (the claim jti).
func NewTokenID(now time.Time) string { return newID("tok", now) }

// NewRequestID returns a new id of an HTTP request.
func NewRequestID(now time.Time) string { return newID("req", now) }
