package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// lab is where mutants are tried.
type lab struct {
	options
	ctx     context.Context
	work    string
	mutants []mutant
	suites  []suite
	tests   []test
	mu      sync.Mutex
	found   report
}

// report contains the switches of the mutants that were tried, by result.
type report struct {
	killed, hung, alive []int
}

// test is one test, with the mutants that it reaches.
type test struct {
	suite   int
	name    string
	took    time.Duration
	reaches map[int]bool
}

// build compiles the tests of the package, and of the packages that help, with all mutants in.
func (l *lab) build() error {
	pkgs := []string{l.pkg}
	if l.with != "" {
		pkgs = append(pkgs, strings.Split(l.with, ",")...)
	}
	for n, pkg := range pkgs {
		s := suite{
			pkg: pkg, dir: filepath.Join(l.root, pkg), binary: filepath.Join(l.work, fmt.Sprintf("suite%d.test", n)),
		}
		if err := s.build(l.root, filepath.Join(l.work, "overlay.json")); err != nil {
			return err
		}
		l.suites = append(l.suites, s)
	}
	return nil
}

// trace runs each test alone without a mutant, and records what it reaches. A test that takes long is left out. A test
// that fails ends the run.
func (l *lab) trace() error {
	for n := range l.suites {
		if err := l.traceSuite(n); err != nil {
			return err
		}
	}
	slices.SortFunc(l.tests, func(a, b test) int { return cmp.Compare(a.took, b.took) })
	return nil
}

func (l *lab) traceSuite(n int) error {
	names, err := l.suites[n].list(l.run)
	if err != nil {
		return err
	}
	var failures []string
	l.each(len(names), func(i int) {
		path := filepath.Join(l.work, fmt.Sprintf("trace%d-%s", n, names[i]))
		began := time.Now()
		verdict, output := l.suites[n].run(l.slow, names[i:i+1], "MUTANT_TRACE="+path)
		t := test{suite: n, name: names[i], took: time.Since(began), reaches: reached(path)}
		l.mu.Lock()
		defer l.mu.Unlock()
		switch {
		case verdict == failed:
			failures = append(failures, fmt.Sprintf("%s: %s\n%s", l.suites[n].pkg, names[i], tail(output)))
		case verdict == hung:
			fmt.Fprintf(l.out, "left out, for it takes longer than %s: %s\n", l.slow, names[i])
		case len(t.reaches) > 0:
			l.tests = append(l.tests, t)
		}
	})
	if len(failures) > 0 {
		return fmt.Errorf(
			"the unbroken package fails its tests, so they cannot detect a mutant:\n%s", strings.Join(failures, "\n"),
		)
	}
	return nil
}

// reached returns the switches that a test recorded. If it reaches none, there is no file.
func reached(path string) map[int]bool {
	text, _ := os.ReadFile(path)
	ids := map[int]bool{}
	for _, field := range strings.Fields(string(text)) {
		if id, err := strconv.Atoi(field); err == nil {
			ids[id] = true
		}
	}
	return ids
}

// control runs all tests together without a mutant. It does so once for each worker, all at the same time, just as
// mutants are tried.
func (l *lab) control() error {
	everything := map[int]bool{}
	for _, t := range l.tests {
		for id := range t.reaches {
			everything[id] = true
		}
	}
	var failures []string
	l.each(l.workers, func(int) {
		for _, batch := range l.batches(everything) {
			if verdict, output := l.suites[batch.suite].run(batch.limit, batch.names); verdict != passed {
				l.mu.Lock()
				failures = append(failures, tail(output))
				l.mu.Unlock()
			}
		}
	})
	if len(failures) > 0 {
		return fmt.Errorf(
			"the unbroken package fails its tests when they run together, so they cannot detect a mutant:\n%s",
			failures[0],
		)
	}
	return nil
}

// each calls f for 0 to n-1, several at a time.
func (l *lab) each(n int, f func(int)) {
	next, all := make(chan int), sync.WaitGroup{}
	for range l.workers {
		all.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		if l.ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	all.Wait()
}

// quickest is the number of a suite's tests that a mutant is first tried with.
const quickest = 4

// batch is a set of tests of one suite that run together.
type batch struct {
	suite int
	names []string
	limit time.Duration
}

// batches returns the tests that reach one of some mutants: first a few quick ones of each suite, and then the others.
func (l *lab) batches(ids map[int]bool) []batch {
	var all []batch
	for n := range l.suites {
		first, rest := batch{suite: n, limit: 5 * time.Second}, batch{suite: n, limit: 5 * time.Second}
		for _, t := range l.tests {
			if t.suite != n || !t.reachesAny(ids) {
				continue
			}
			b := &rest
			if len(first.names) < quickest {
				b = &first
			}
			b.names = append(b.names, t.name)
			b.limit += 3 * t.took
		}
		for _, b := range []batch{first, rest} {
			if len(b.names) > 0 {
				all = append(all, b)
			}
		}
	}
	return all
}

func (t test) reachesAny(ids map[int]bool) bool {
	for id := range ids {
		if t.reaches[id] {
			return true
		}
	}
	return false
}

// try switches each mutant on, one at a time, and records the result.
func (l *lab) try() {
	fmt.Fprintf(os.Stderr, "%d mutants, %d tests\n", len(l.mutants)-1, len(l.tests))
	only := regexp.MustCompile(l.only)
	l.each(len(l.mutants), func(id int) {
		m := l.mutants[id]
		if id == 0 || id%l.every != 0 || !only.MatchString(fmt.Sprintf("%s:%d", m.file, m.line)) {
			return
		}
		tests := 0
		verdict := passed
		for _, b := range l.batches(map[int]bool{id: true}) {
			tests += len(b.names)
			if verdict = l.tryWith(b, id); verdict != passed {
				break
			}
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		switch verdict {
		case failed:
			l.found.killed = append(l.found.killed, id)
		case hung:
			l.found.hung = append(l.found.hung, id)
			fmt.Fprintf(l.out, "hangs: %s:%d: %s\n", m.file, m.line, m.what)
		case passed:
			l.found.alive = append(l.found.alive, id)
			fmt.Fprintf(l.out, "%s:%d: %s (%d tests reach it)\n", m.file, m.line, m.what, tests)
		}
	})
}

// tryWith runs tests on a mutant. Because a machine may be busy, the tests hang only if the unbroken package passes
// them in the same time right afterwards.
func (l *lab) tryWith(b batch, id int) verdict {
	for range 3 {
		verdict, _ := l.suites[b.suite].run(b.limit, b.names, "MUTANT="+strconv.Itoa(id))
		if verdict != hung {
			return verdict
		}
		if control, _ := l.suites[b.suite].run(b.limit, b.names); control == passed {
			return hung
		}
		b.limit *= 2
	}
	return passed // no proof that the tests notice it
}

func (l *lab) report() report {
	if l.ctx.Err() != nil {
		fmt.Fprintln(l.out, "stopped early")
	}
	dead, hung := len(l.found.killed)+len(l.found.hung), len(l.found.hung)
	tried := dead + len(l.found.alive)
	fmt.Fprintf(l.out, "%s: %d of %d mutants killed (%.1f %%; %d of them hang) by %d tests\n",
		l.pkg, dead, tried, 100*float64(dead)/float64(max(1, tried)), hung, len(l.tests))
	return l.found
}
