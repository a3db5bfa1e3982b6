// Package billing owns the nouns that all packages share: accounts, orders, points, lots, entries, the subscription
// and its access window, and the picture of a Stripe customer that a sync works from. It also owns the error codes
// that the API turns into problems.
//
// It imports the standard library only and does nothing: no storage, no HTTP, no clock.
package billing

import "time"

// SameTime compares times that may be absent.
func SameTime(a, b *time.Time) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b)
}
