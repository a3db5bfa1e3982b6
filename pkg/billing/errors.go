package billing

import (
	"errors"
	"fmt"
	"time"
)

// Code is the kind of an Error. api/errors.go maps each code to a status and a problem type.
type Code string

// The codes. A new one needs a row in api/errors.go and a section in docs/problems.md.
const (
	EInvalid            Code = "validation"          // the request is well-formed but asks for something impossible
	EUnauthorized       Code = "unauthorized"        // no valid credentials
	EIDTokenUsed        Code = "id-token-used"       // the ID token has opened its login
	EForbidden          Code = "forbidden"           // valid credentials that do not allow this operation
	EAccountClosed      Code = "account-closed"      // the account is disabled, or deleted
	ELoginTooOld        Code = "login-too-old"       // what was asked needs a login that has just begun
	EActionRequired     Code = "action-required"     // the operator lets users spend only on actions
	ERequestCap         Code = "request-cap"         // more points than one request of the account may take
	EDailyCap           Code = "daily-cap"           // more points than the account may spend today
	ENotFound           Code = "not-found"           // does not exist, or belongs to another account
	EConflict           Code = "conflict"            // the current state does not allow it
	EEmailTaken         Code = "email-taken"         // an account with that email exists
	ESubscriptionExists Code = "subscription-exists" // a live subscription prevents a second one
	EInsufficientPoints Code = "insufficient-points" // fewer points than requested, on a synced database
	// A change of a subscription waits for a payment that its customer has to make.
	EPaymentRequired   Code = "payment-required"
	EKeyReused         Code = "idempotency-key-reused" // the key was first used with another request
	ETooMany           Code = "too-many-requests"      // a budget is used up
	EStripeUnavailable Code = "stripe-unavailable"     // Stripe did not respond in time; try again
	EStripeRefused     Code = "stripe-refused"         // Stripe refused a request of ours
	EUnavailable       Code = "unavailable"            // our own database is not available; try again
	EIssuerUnavailable Code = "issuer-unavailable"     // an issuer of ID tokens did not respond in time; try again
	EPasswordLoginOff  Code = "password-login-off"     // the operator lets no one log in with a password
	EInternal          Code = "internal"               // a bug of ours
)

// Error is the only error type that callers examine, with errors.As or CodeOf.
type Error struct {
	Code       Code
	Message    string        // for the person who sent the request: no secrets, no internals
	RetryAfter time.Duration // 0: no useful value
	Fields     []FieldError  // for EInvalid
	Err        error         // the cause, for logs only
}

// FieldError describes what is wrong with one part of a request. Pointer is a JSON pointer (RFC 6901) into the body,
// or the name of a header or query parameter.
type FieldError struct {
	Pointer string
	Message string
}

// Error returns the code, the message and the cause, for logs.
func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.Err)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Message)
}

// Unwrap returns the cause, or nil.
func (e *Error) Unwrap() error { return e.Err }

// Errorf returns an Error whose message is for the caller.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Wrap gives a cause a code and a message for the caller. The cause itself goes only to the log.
func Wrap(err error, code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Err: err}
}

// CodeOf returns the code of the outermost Error in err's chain. It returns "" for nil and EInternal for any other
// error.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return EInternal
}
