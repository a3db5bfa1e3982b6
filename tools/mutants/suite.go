package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"
)

// suite is the tests of one package, compiled with all mutants in.
type suite struct {
	pkg, dir, binary string
	flags            []string // for this suite, in addition to those of package testing
}

// verdict is the result of a run.
type verdict int

const (
	passed verdict = iota
	failed
	hung // timed out
)

// build compiles the suite. Random tests then store no failures in the package, because those would be failures of
// mutants.
func (s *suite) build(root, overlay string) error {
	c := exec.Command("go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", s.binary, s.pkg)
	c.Dir = root
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("the mutants do not build: %w\n%s", err, out)
	}
	if usage, _ := exec.Command(s.binary, "-help").CombinedOutput(); strings.Contains(
		string(usage), "-rapid.nofailfile",
	) {
		s.flags = []string{"-rapid.nofailfile"}
	}
	return nil
}

// list returns the names of the suite's tests that an expression matches.
func (s suite) list(only string) ([]string, error) {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return nil, err
	}
	c := exec.Command(s.binary, "-test.list", "^(Test|Fuzz)")
	c.Dir = s.dir
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("list the tests of %s: %w", s.pkg, err)
	}
	return slices.DeleteFunc(
		strings.Fields(string(out)), func(name string) bool { return !wanted.MatchString(name) },
	), nil
}

// run runs tests in their short form on SQLite, and returns what they printed as well.
func (s suite) run(limit time.Duration, names []string, env ...string) (verdict, string) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	c := exec.CommandContext(ctx, s.binary, append([]string{
		"-test.short", "-test.failfast", "-test.run", "^(" + strings.Join(names, "|") + ")$", "-test.skip",
		".*/^postgres$",
	}, s.flags...)...)
	c.Dir, c.Env = s.dir, append(os.Environ(), env...)
	c.WaitDelay = time.Second
	out, err := c.CombinedOutput()
	switch {
	case err == nil:
		return passed, string(out)
	case ctx.Err() != nil:
		return hung, string(out)
	}
	return failed, string(out)
}

// tail returns the end of a test's output.
func tail(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}
