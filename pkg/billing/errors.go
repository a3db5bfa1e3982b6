package billing

import (
	"errors"
	"fmt"
	"time"
)

// Code says what kind of refusal an Error is. api/errors.go maps each to a status and a problem type.
type Code string

// The codes. A new one needs a row in api/errors.go and a page under docs/problems.md.
const (
	EInvalid            Code = "validation"          // the request is well-formed but asks for something impossible
	EUnauthorized       Code = "unauthorized"        // no valid credentials
	ENotFound           Code = "not-found"           // not there, or another's
	EConflict           Code = "conflict"            // the state of things does not allow it
	EEmailTaken         Code = "email-taken"         // an account with that email exists
	ESubscriptionExists Code = "subscription-exists" // a live subscription refuses a second one
	EInsufficientPoints Code = "insufficient-points" // fewer points than asked for, on a synced database
	// a change of a subscription waits for a payment that its customer has to make
	EPaymentRequired   Code = "payment-required"
	EKeyReused         Code = "idempotency-key-reused" // the key was first used with another request
	ETooMany           Code = "too-many-requests"      // a budget is used up
	EStripeUnavailable Code = "stripe-unavailable"     // Stripe did not answer in time; try again
	EStripeRefused     Code = "stripe-refused"         // Stripe answered no to a request of ours
	EUnavailable       Code = "unavailable"            // our own database is away; try again
	EInternal          Code = "internal"               // a bug of ours
)

// Error is the one error type that callers look at, with errors.As or CodeOf.
type Error struct {
	Code       Code
	Message    string        // for the person at the other end: no secrets, no internals
	RetryAfter time.Duration // 0: not worth saying
	Fields     []FieldError  // for EInvalid
	Err        error         // the cause, for logs only
}

// FieldError says what is wrong with one part of a request. Pointer is a JSON pointer (RFC 6901) into the body, or
// the name of a header or query parameter.
type FieldError struct {
	Pointer string
	Message string
}

func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.Err)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Message)
}

func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error whose message is for the caller's eyes.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Wrap gives a cause a code and a message for the caller; the cause itself goes to the log alone.
func Wrap(err error, code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Err: err}
}

// CodeOf is the code of the outermost Error in err's chain, "" for nil and EInternal for a foreign error.
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
