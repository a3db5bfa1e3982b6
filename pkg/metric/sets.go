package metric

import "github.com/pointsync/pointsync/pkg/billing"

// Outcome is how a request to spend, hold, capture or release ended.
type Outcome string

// The outcomes of such a request.
const (
	OK          Outcome = "ok"
	Stale       Outcome = "stale"       // done, although Stripe should have been asked first and did not reply
	Replayed    Outcome = "replayed"    // the key had its effect before
	Refused     Outcome = "refused"     // too few points
	Capped      Outcome = "capped"      // more than a cap allows
	Unavailable Outcome = "unavailable" // Stripe or the database did not reply
	Rejected    Outcome = "rejected"    // another 4xx
	Failed      Outcome = "failed"      // a fault of ours, or the caller hung up
)

var outcomes = []Outcome{OK, Stale, Replayed, Refused, Capped, Unavailable, Rejected, Failed}

// OutcomeOf returns the outcome of a request that ended with err.
func OutcomeOf(err error, stale, replayed bool) Outcome {
	switch billing.CodeOf(err) {
	case "":
	case billing.EInsufficientPoints:
		return Refused
	case billing.ERequestCap, billing.EDailyCap:
		return Capped
	case billing.EStripeUnavailable, billing.EUnavailable:
		return Unavailable
	case billing.EInternal:
		return Failed
	default:
		return Rejected
	}
	switch {
	case replayed:
		return Replayed
	case stale:
		return Stale
	}
	return OK
}

// HoldOperation is a request about a hold.
type HoldOperation string

// The requests about holds.
const (
	HoldMade     HoldOperation = "hold"
	HoldCaptured HoldOperation = "capture"
	HoldReleased HoldOperation = "release"
)

var holdOperations = []HoldOperation{HoldMade, HoldCaptured, HoldReleased}

// Skip is why a sync was not begun.
type Skip string

// The reasons why a sync was not begun.
const (
	SkipNoCustomer Skip = "no_customer" // nothing was ever sold to the account
	SkipNoBudget   Skip = "no_budget"   // the account asked too often
	SkipNotNeeded  Skip = "not_needed"  // another sync was faster
)

var skips = []Skip{SkipNoCustomer, SkipNoBudget, SkipNotNeeded}

// WebhookOutcome is what became of a webhook.
type WebhookOutcome string

// What becomes of a webhook.
const (
	WebhookStored    WebhookOutcome = "stored"
	WebhookDuplicate WebhookOutcome = "duplicate" // the event was known
	WebhookIgnored   WebhookOutcome = "ignored"   // stored, and about no account of ours or of the other mode
	WebhookRefused   WebhookOutcome = "refused"   // its signature fits no secret, or it is no event
	WebhookFailed    WebhookOutcome = "failed"    // it could not be stored; Stripe sends it again
)

var webhookOutcomes = []WebhookOutcome{
	WebhookStored, WebhookDuplicate, WebhookIgnored, WebhookRefused, WebhookFailed,
}

// LoginMethod is what a caller logs in with.
type LoginMethod string

// What callers log in with.
const (
	LoginPassword LoginMethod = "password"
	LoginIDToken  LoginMethod = "id_token"
	LoginRefresh  LoginMethod = "refresh_token"
)

var loginMethods = []LoginMethod{LoginPassword, LoginIDToken, LoginRefresh}

// LoginReason is why a login failed. An unknown email is not told from a wrong password, as in the response.
type LoginReason string

// The reasons why a login fails.
const (
	LoginWrong     LoginReason = "wrong"     // not the password, or a token that is not valid or has expired
	LoginUsed      LoginReason = "used"      // an ID token that has opened its login
	LoginThrottled LoginReason = "throttled" // too many attempts
	LoginClosed    LoginReason = "closed"    // the account is disabled or deleted
	LoginOff       LoginReason = "off"       // no one logs in by this method here
	// The issuer or the database did not reply, a fault of ours, or the caller hung up.
	LoginError LoginReason = "unavailable"
)

var loginReasons = []LoginReason{LoginWrong, LoginUsed, LoginThrottled, LoginClosed, LoginOff, LoginError}

// LoginReasonOf returns the reason of a failed login's error.
func LoginReasonOf(err error) LoginReason {
	switch billing.CodeOf(err) {
	case billing.EUnauthorized:
		return LoginWrong
	case billing.EIDTokenUsed:
		return LoginUsed
	case billing.ETooMany:
		return LoginThrottled
	case billing.EAccountClosed:
		return LoginClosed
	case billing.EPasswordLoginOff:
		return LoginOff
	}
	return LoginError
}

// KeyReason is why a request with a service key was refused.
type KeyReason string

// The reasons why a service key is refused.
const (
	KeyUnknown KeyReason = "unknown" // no key has this secret
	KeyRevoked KeyReason = "revoked"
	KeyExpired KeyReason = "expired"
	KeyTooMany KeyReason = "too_many" // too many requests a second
	KeyScope   KeyReason = "scope"    // the key lacks the scope of the operation
)

var keyReasons = []KeyReason{KeyUnknown, KeyRevoked, KeyExpired, KeyTooMany, KeyScope}

// Unknown is a kind of thing at Stripe that the catalogue does not explain.
type Unknown string

// What a sync may find and the catalogue may not explain.
const (
	UnknownSubscription Unknown = "subscription" // a live one, of an item that the catalogue does not have
	UnknownInvoice      Unknown = "invoice"      // a paid one that grants nothing
)

var unknowns = []Unknown{UnknownSubscription, UnknownInvoice}

// The sets below are of billing's types. TestSetsAreWhole compares them with the constants there.
var (
	causes = []billing.SyncCause{
		billing.CauseEvent, billing.CauseSpend, billing.CauseOrder, billing.CauseChange, billing.CauseOperator,
		billing.CauseDue, billing.CauseTopUp, billing.CauseExpiry,
	}
	syncOutcomes = []billing.SyncOutcome{billing.SyncApplied, billing.SyncOutrun, billing.SyncFailed}
	entryKinds   = []billing.EntryKind{
		billing.EntryGrant, billing.EntrySpend, billing.EntryExpire, billing.EntryClawback, billing.EntryRestore,
		billing.EntryRollover, billing.EntryHold, billing.EntryCapture, billing.EntryRelease, billing.EntryCorrection,
	}
	orderStatuses = []billing.OrderStatus{
		billing.OrderPending, billing.OrderPaid, billing.OrderFulfilled, billing.OrderExpired, billing.OrderFailed,
		billing.OrderRefunded,
	}
	topUpReasons = []billing.TopUpReason{
		billing.TopUpDeclined, billing.TopUpAuthentication, billing.TopUpNoMethod, billing.TopUpPriceChanged,
		billing.TopUpPackGone, billing.TopUpDisputed, billing.TopUpRefunded,
	}
)
