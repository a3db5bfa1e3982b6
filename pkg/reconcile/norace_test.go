//go:build !race

package reconcile_test

// slowdown is 1 without the race detector: the long tests run all of their rounds.
const slowdown = 1
