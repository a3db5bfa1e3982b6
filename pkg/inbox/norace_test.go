//go:build !race

package inbox_test

// slowdown is 1 without the race detector: the long tests run all of their rounds.
const slowdown = 1
