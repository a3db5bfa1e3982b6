// Package conformance compares the sandbox with material that its authors did not write. One part is Stripe's own
// OpenAPI document and fixtures of API 2023-10-16. Another is Stripe's own mock server; the module stripe-mock contains
// both. The last part is the tests of Stripe's own SDK for Go. The package owns what that material says and the
// scenarios that are compared with it. It refuses to know how the sandbox works, and uses only its HTTP interface.
//
// Its invariant: whatever the sandbox does that Stripe's material does not allow is on a list here, with a reason.
//
// It is part of the tools module, so that the 14 MB of Stripe's document are not part of the shipped program.
package conformance
