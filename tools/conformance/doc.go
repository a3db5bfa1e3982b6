// Package conformance holds the sandbox against material that its authors did not write: Stripe's own OpenAPI document
// and fixtures of API 2023-10-16 and Stripe's own mock server, both from the module stripe-mock, and the tests of
// Stripe's own SDK for Go. It owns what those say and the scenarios that are held against it; it refuses to know how
// the sandbox works, and sees it over HTTP only.
//
// Its invariant: whatever the sandbox does that Stripe's material does not allow stands on a list here, with a reason.
//
// It lives in the tools module, so that the 14 MB of Stripe's document never come near the shipped program.
package conformance
