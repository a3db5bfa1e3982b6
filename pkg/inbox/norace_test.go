//go:build !race

package inbox_test

// slowdown is explained in race_test.go.
const slowdown = 1
