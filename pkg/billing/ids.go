package billing

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"time"
)

// Ids are a prefix that says what they name and 26 letters that sort by the time of their making: 56 bits of
// microseconds, 72 random bits.
type (
	AccountID string // acc_…
	OrderID   string // ord_…
	EntryID   string // ent_…
	LotID     string // lot_…
	ActionID  string // act_…: what an admin did
	HoldID    string // hld_…
	ChangeID  string // chg_…: a change of a subscription that was asked for
	SessionID string // ses_…: a login, not a Stripe Checkout Session
	WebhookID string // whk_…: an endpoint of the operator's
	MessageID string // msg_…: an event on its way to such endpoints
)

// Stripe's ids are kept apart from ours by type.
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

// newID makes the letters of an id. Randomness alone makes it unique; time only makes it sort.
func newID(prefix string, now time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixMicro())<<8)
	rand.Read(b[7:]) // never fails: crypto/rand ends the program first
	return prefix + "_" + crockford.EncodeToString(b[:])
}

func NewAccountID(now time.Time) AccountID { return AccountID(newID("acc", now)) }
func NewOrderID(now time.Time) OrderID     { return OrderID(newID("ord", now)) }
func NewEntryID(now time.Time) EntryID     { return EntryID(newID("ent", now)) }
func NewLotID(now time.Time) LotID         { return LotID(newID("lot", now)) }
func NewActionID(now time.Time) ActionID   { return ActionID(newID("act", now)) }
func NewHoldID(now time.Time) HoldID       { return HoldID(newID("hld", now)) }
func NewChangeID(now time.Time) ChangeID   { return ChangeID(newID("chg", now)) }
func NewSessionID(now time.Time) SessionID { return SessionID(newID("ses", now)) }
func NewWebhookID(now time.Time) WebhookID { return WebhookID(newID("whk", now)) }
func NewMessageID(now time.Time) MessageID { return MessageID(newID("msg", now)) }

// NewTokenID names one access token (the claim jti).
func NewTokenID(now time.Time) string { return newID("tok", now) }

// NewRequestID names one HTTP request.
func NewRequestID(now time.Time) string { return newID("req", now) }
