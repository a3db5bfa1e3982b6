package billing

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"time"
)

// Our ids are a prefix that says what the id names, and 26 letters that sort by the time of creation (56 bits of
// microseconds, 72 random bits).

type (
	// AccountID names an account: acc_…
	AccountID string
	// OrderID names an order: ord_…
	OrderID string
	// EntryID names an entry: ent_…
	EntryID string
	// LotID names a lot: lot_…
	LotID string
	// ActionID names what an admin did: act_…
	ActionID string
	// HoldID names a hold: hld_…
	HoldID string
	// KeyID names a service key, not an Idempotency-Key: key_…
	KeyID string
	// ChangeID names a requested change of a subscription: chg_…
	ChangeID string
	// SessionID names a login, not a Stripe Checkout Session: ses_…
	SessionID string
	// WebhookID names an endpoint of the operator's: whk_…
	WebhookID string
	// MessageID names an event on its way to such endpoints: msg_…
	MessageID string
)

// Each of Stripe's ids has its own type too, so that no one can confuse it with one of ours.

type (
	// CustomerID names a customer at Stripe: cus_…
	CustomerID string
	// CheckoutID names a Checkout Session: cs_…
	CheckoutID string
	// SubscriptionID names a subscription: sub_…
	SubscriptionID string
	// InvoiceID names an invoice: in_…
	InvoiceID string
	// StripeEventID names an event of Stripe's: evt_…
	StripeEventID string
	// PriceID names a price: price_…
	PriceID string
	// PaymentIntentID names a payment intent: pi_…
	PaymentIntentID string
	// ScheduleID names a subscription schedule: sub_sched_…
	ScheduleID string
	// PromotionCodeID names a promotion code: promo_…
	PromotionCodeID string
	// PaymentMethodID names a payment method: pm_…
	PaymentMethodID string
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

// keyPrefix begins the ids of service keys. An AdminID that begins with it is a key.
const keyPrefix = "key"

// NewKeyID returns a new id of a service key.
func NewKeyID(now time.Time) KeyID { return KeyID(newID(keyPrefix, now)) }

// NewWebhookID returns a new id of a webhook endpoint.
func NewWebhookID(now time.Time) WebhookID { return WebhookID(newID("whk", now)) }

// NewMessageID returns a new id of an outgoing event.
func NewMessageID(now time.Time) MessageID { return MessageID(newID("msg", now)) }

// NewTokenID returns a new id of an access token (the claim jti).
func NewTokenID(now time.Time) string { return newID("tok", now) }

// NewRequestID returns a new id of an HTTP request.
func NewRequestID(now time.Time) string { return newID("req", now) }
