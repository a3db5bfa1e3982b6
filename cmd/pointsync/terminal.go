package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
)

// isTerminal reports whether a person watches an output.
func isTerminal(f *os.File) bool {
	return os.Getenv("TERM") != "dumb" && isatty.IsTerminal(f.Fd())
}

// color is a colour of ANSI terminals.
type color string

const (
	green color = "\x1b[32m"
	red   color = "\x1b[31m"
	plain color = "\x1b[0m"
)

// paint returns a word in a colour, if the output is a terminal and NO_COLOR (https://no-color.org) is not set.
func paint(f *os.File, c color, word string) string {
	if os.Getenv("NO_COLOR") != "" || !isTerminal(f) {
		return word
	}
	return string(c) + word + string(plain)
}

// progressEvery is the least time between two steps of a progress that are shown.
const progressEvery = 100 * time.Millisecond

// progress shows on standard error how far a long walk is, in one line that is replaced. It shows nothing if standard
// error is no terminal: a log would fill with it.
type progress struct {
	out   io.Writer // nil: no one watches
	what  string    // such as "%d accounts"
	shown time.Time
}

// newProgress returns the progress of a walk. what has a %d for how many it has come to.
func newProgress(what string) *progress {
	if !isTerminal(os.Stderr) {
		return &progress{}
	}
	return &progress{out: os.Stderr, what: what}
}

// at shows how far the walk is.
func (p *progress) at(n int64) {
	if p.out == nil || time.Since(p.shown) < progressEvery {
		return
	}
	p.shown = time.Now()
	fmt.Fprintf(p.out, "\r\x1b[K"+p.what, n)
}

// end removes the line, before a result is printed.
func (p *progress) end() {
	if p.out != nil && !p.shown.IsZero() {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
