package sample

import "testing"

// TestFee leaves out the edge.
func TestFee(t *testing.T) {
	if low, high := Fee(5), Fee(20); low != 1 || high != 3 {
		t.Errorf("the fees of 5 and 20 are %d and %d, not 1 and 3", low, high)
	}
}

func TestSteps(t *testing.T) {
	if n := Steps(3); n != 3 {
		t.Errorf("%d steps from 3", n)
	}
}
