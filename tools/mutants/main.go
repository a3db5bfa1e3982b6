// Command mutants breaks a package in many small ways, one at a time, and reports which of them its tests do not
// notice: a boundary moved, a condition negated, plus for minus, a statement left out.
//
// All mutants are compiled into one test binary, each behind a switch, so that trying one costs a run and no build. A
// first pass records which test reaches which switch. Then only those tests try a mutant, the quickest first, on
// SQLite. The unbroken package must pass them all first. Otherwise the results would mean nothing.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

type options struct {
	root    string
	pkg     string
	every   int           // try every n-th mutant
	slow    time.Duration // leave out tests that take longer
	workers int
	only    string // a regular expression for file:line
	run     string // a regular expression for the names of tests
	with    string // further packages whose tests are run as well
	out     io.Writer
}

func main() {
	o := options{out: os.Stdout}
	flag.StringVar(&o.root, "root", ".", "the module's folder")
	flag.IntVar(&o.every, "every", 1, "try every n-th mutant only")
	flag.DurationVar(&o.slow, "slow", 20*time.Second, "leave out tests that take longer than this")
	flag.IntVar(&o.workers, "workers", max(2, runtime.NumCPU()), "how many mutants to try at a time")
	flag.StringVar(&o.only, "only", "", "try the mutants whose file:line this expression matches")
	flag.StringVar(
		&o.run, "run", "", "run the tests whose names this expression matches; what others see then counts as alive",
	)
	flag.StringVar(
		&o.with, "with", "", "run the tests of these packages as well, separated by commas: ./pkg/checkout,./pkg/inbox",
	)
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: mutants [flags] ./pkg/NAME")
		os.Exit(2)
	}
	o.pkg = flag.Arg(0)
	if _, err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run tries the mutants of a package and prints a report, which it returns as well.
func run(o options) (report, error) {
	root, err := filepath.Abs(o.root)
	if err != nil {
		return report{}, err
	}
	o.root = root
	work, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return report{}, err
	}
	defer os.RemoveAll(work)
	p, err := load(o.root, o.pkg)
	if err != nil {
		return report{}, err
	}
	mutants, err := p.mutate(work)
	if err != nil {
		return report{}, err
	}
	// If the run is interrupted, the mutants tried so far are reported.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	l := &lab{options: o, ctx: ctx, work: work, mutants: mutants}
	for _, step := range []func() error{l.build, l.trace, l.control} {
		if err := step(); err != nil {
			return report{}, err
		}
	}
	l.try()
	return l.report(), nil
}
