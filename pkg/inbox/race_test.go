//go:build race

package inbox_test

// slowdown divides the rounds of the long tests: the race detector makes each ten times as slow, and looks at accesses
// rather than at luck, so it needs fewer.
const slowdown = 10
