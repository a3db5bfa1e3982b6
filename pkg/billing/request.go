package billing

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Request names one request of an account, so that a repeat of it is recognized.
type Request struct {
	Account   AccountID
	Operation Operation
	Key       string // the caller's Idempotency-Key, or "" for none: then each repeat is a new request
	Hash      string // RequestHash of everything in which two requests can differ
}

// Operation is a kind of request that has its own key space: one key may be used once in each.
type Operation string

// The operations. A spend and a hold are not among them: their keys are those of the entries that they make.
const (
	OperationCheckout Operation = "checkout"
	OperationChange   Operation = "subscription_change" // a change, a cancellation or a resumption
	OperationAdmin    Operation = "admin"               // what admins do to the account
)

// RequestHash distinguishes requests that use the same Idempotency-Key. Its parts are all values in which two requests
// can differ: numbers, texts, times of this age, and maps, which are written in key order.
func RequestHash(parts ...any) string {
	b, err := json.Marshal(parts)
	if err != nil {
		panic("billing: hash a request: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// KeyReused returns the error for a request whose key belongs to another request.
func KeyReused() *Error {
	return Errorf(
		EKeyReused, "This Idempotency-Key was first used with another request. Use a new key for a new request.",
	)
}

// Invalid returns the error for one invalid part of a request's body. pointer is as in FieldError.
func Invalid(pointer, format string, args ...any) *Error {
	message := fmt.Sprintf(format, args...)
	return &Error{Code: EInvalid, Message: "The request is not valid: " + pointer[1:] + " " + message + ".",
		Fields: []FieldError{{Pointer: pointer, Message: message}}}
}
