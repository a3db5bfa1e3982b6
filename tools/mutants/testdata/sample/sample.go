// Package sample has mutants of which each comes to a known end.
package sample

// Fee is 3 from an amount of 10 on, and 1 below.
func Fee(amount int) int {
	if amount >= 10 {
		return 3
	}
	return 1
}

// Steps counts down to zero.
func Steps(n int) int {
	steps := 0
	for n > 0 {
		n--
		steps++
	}
	return steps
}

// Sum is called by the tests of another package only.
func Sum(a, b int) int { return a + b }

// Unused is called by no test.
func Unused(a, b bool) bool { return a && b }
