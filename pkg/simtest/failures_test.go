package simtest

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
)

const (
	maxReasons     = 3 // of a simulation
	maxReasonLines = 4
	maxReasonChars = 300 // of a line
)

// failures keeps why simulations failed. The log of a run has thousands of lines, and often only its end is shown: the
// reasons are printed again there.
type failures struct {
	mu      sync.Mutex
	names   []string // of the tests that failed, in that order
	reasons map[string][]string
}

// ofRun are the failures of this process.
var ofRun failures

func (f *failures) add(name, reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.reasons == nil {
		f.reasons = map[string][]string{}
	}
	if !slices.Contains(f.names, name) {
		f.names = append(f.names, name)
	}
	f.reasons[name] = append(f.reasons[name], reason)
}

// print writes the beginning of the first reasons of each simulation that failed.
func (f *failures) print(out io.Writer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.names) > 0 {
		fmt.Fprintf(out, "\n%d failed, and these are the first reasons of each (the story is above):\n", len(f.names))
	}
	for _, name := range f.names {
		fmt.Fprintf(out, "%s\n", name)
		reasons := f.reasons[name]
		for _, reason := range reasons[:min(len(reasons), maxReasons)] {
			reason, _, _ = strings.Cut(reason, storyBegins)
			lines := strings.Split(strings.TrimSpace(reason), "\n")
			for _, line := range lines[:min(len(lines), maxReasonLines)] {
				fmt.Fprintf(out, "  %.*s\n", maxReasonChars, line)
			}
		}
		if more := len(reasons) - maxReasons; more > 0 {
			fmt.Fprintf(out, "  and %d more\n", more)
		}
	}
}

// kept is a test whose failures are kept too.
type kept struct {
	testing.TB
	in *failures
}

func (k kept) Errorf(format string, args ...any) {
	k.TB.Helper()
	k.in.add(k.Name(), fmt.Sprintf(format, args...))
	k.TB.Errorf(format, args...)
}

func (k kept) Fatalf(format string, args ...any) {
	k.TB.Helper()
	k.in.add(k.Name(), fmt.Sprintf(format, args...))
	k.TB.Fatalf(format, args...)
}

func (k kept) Error(args ...any) {
	k.TB.Helper()
	k.Errorf("%s", strings.TrimSpace(fmt.Sprintln(args...)))
}

func (k kept) Fatal(args ...any) {
	k.TB.Helper()
	k.Fatalf("%s", strings.TrimSpace(fmt.Sprintln(args...)))
}

// pretended is a test that only seems to fail.
type pretended struct {
	testing.TB
	name string
	said *[]string
}

func (p pretended) Name() string { return p.name }
func (p pretended) Helper()      {}
func (p pretended) Errorf(format string, args ...any) {
	*p.said = append(*p.said, fmt.Sprintf(format, args...))
}
func (p pretended) Fatalf(format string, args ...any) { p.Errorf(format, args...) }

// TestFailuresComeLast proves that the end of a run names each simulation that failed, with the beginning of its first
// reasons, and that the test itself is told everything.
func TestFailuresComeLast(t *testing.T) {
	t.Parallel()
	var f failures
	var out strings.Builder
	if f.print(&out); out.Len() > 0 {
		t.Errorf("nothing failed, and yet: %s", &out)
	}
	var said []string
	first := kept{pretended{t, "seed=1", &said}, &f}
	second := kept{pretended{t, "seed=2", &said}, &f}
	first.Errorf("%d rules were broken\na\nb\nc\nd", 4)
	first.Errorf("a rule was broken\n%s\nc\nd", storyBegins)
	second.Fatal("no", "server")
	first.Fatalf("the third, %s", strings.Repeat("x", 1000))
	first.Error(io.EOF)
	first.Error("the fifth")
	f.print(&out)
	want := "\n2 failed, and these are the first reasons of each (the story is above):\n" +
		"seed=1\n  4 rules were broken\n  a\n  b\n  c\n  a rule was broken\n  the third, " + strings.Repeat("x", 300-11) +
		"\n  and 2 more\nseed=2\n  no server\n"
	if out.String() != want {
		t.Errorf("got %s\nwant %s", &out, want)
	}
	if len(said) != 6 || !strings.HasSuffix(said[0], "\nd") || len(said[3]) < 1000 || said[4] != "EOF" {
		t.Errorf("the tests were told %q", said)
	}
}
