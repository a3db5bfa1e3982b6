//go:build !race

package reconcile_test

// slowdown is explained in race_test.go.
const slowdown = 1
