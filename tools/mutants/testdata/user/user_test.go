// Package user has a test of the package sample.
package user

import (
	"testing"

	"github.com/pointsync/pointsync/tools/mutants/testdata/sample"
)

func TestSum(t *testing.T) {
	if n := sample.Sum(2, 3); n != 5 {
		t.Errorf("2 + 3 = %d", n)
	}
}
