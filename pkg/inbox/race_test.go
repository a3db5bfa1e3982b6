//go:build race

package inbox_test

// slowdown divides the rounds of the long tests. The race detector makes each round ten times as slow. It finds
// conflicting accesses even in rounds where they do no harm, so it needs fewer rounds.
const slowdown = 10
