package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func try(t *testing.T, o options) (string, error) {
	t.Helper()
	var out bytes.Buffer
	o.root, o.every, o.slow, o.workers, o.out = ".", 1, time.Minute, 2, &out
	_, err := run(o)
	return out.String(), err
}

// TestSample compares the tool's report on a package with the known results of its mutants. Fee is tested only below
// and above its edge. So of its two mutants the one with the moved edge survives, and no test reaches the place where
// it matters. Of the four of Steps, the one with n++ for n-- never reaches zero. Sum and Unused have one mutant each,
// and no test of the package reaches either.
func TestSample(t *testing.T) {
	t.Parallel()
	out, err := try(t, options{pkg: "./testdata/sample"})
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"sample.go:6: >= with the other edge (0 tests reach it)\n",
		"hangs: sample.go:16: -- is the other one\n",
		"sample.go:23: + is the other one (0 tests reach it)\n",
		"sample.go:26: && is the other one (0 tests reach it)\n",
		"./testdata/sample: 5 of 8 mutants killed (62.5 %; 1 of them hang) by 2 tests\n",
	} {
		if !strings.Contains(out, line) {
			t.Errorf("no line %q in\n%s", line, out)
		}
	}
	if n := strings.Count(out, "\n"); n != 5 {
		t.Errorf("%d lines, not 5:\n%s", n, out)
	}
}

// TestWith tries one mutant with the tests of another package. The mutant turns a sum into a difference, and 2 - 3 is
// not 5.
func TestWith(t *testing.T) {
	t.Parallel()
	out, err := try(t, options{pkg: "./testdata/sample", only: ":23$", with: "./testdata/user"})
	if err != nil {
		t.Fatal(err)
	}
	if out != "./testdata/sample: 1 of 1 mutants killed (100.0 %; 0 of them hang) by 3 tests\n" {
		t.Error(out)
	}
}

// TestRun leaves out TestFee, the only test that reaches Fee.
func TestRun(t *testing.T) {
	t.Parallel()
	out, err := try(t, options{pkg: "./testdata/sample", only: ":6$", run: "Steps"})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(out, "./testdata/sample: 0 of 2 mutants killed (0.0 %; 0 of them hang) by 1 tests\n") {
		t.Error(out)
	}
}

// TestBroken proves that nothing is tried if the unbroken package fails. Otherwise every mutant would count as killed.
func TestBroken(t *testing.T) {
	t.Parallel()
	out, err := try(t, options{pkg: "./testdata/broken"})
	if err == nil || !strings.Contains(
		err.Error(), "the unbroken package fails its tests",
	) || !strings.Contains(err.Error(), "TestLarger") {
		t.Errorf("error %v", err)
	}
	if out != "" {
		t.Errorf("printed all the same: %s", out)
	}
}
