// Package broken fails its own test.
package broken

// Larger reports whether a is larger than b.
func Larger(a, b int) bool { return a < b }
