package broken

import "testing"

func TestLarger(t *testing.T) {
	if !Larger(2, 1) {
		t.Error("2 is not larger than 1")
	}
}
