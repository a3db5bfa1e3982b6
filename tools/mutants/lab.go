package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
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
	ctx               context.Context
	dir, work, binary string
	mutants           []mutant
	tests             []test
	mu                sync.Mutex
	killed, tried     map[int]bool
}

// test is one test of the package, and which mutants it reaches.
type test struct {
	name    string
	took    time.Duration
	reaches map[int]bool
}

func (l *lab) build() error {
	build := exec.Command("go", "test", "-c", "-vet=off", "-overlay", filepath.Join(l.work, "overlay.json"), "-o", l.binary, l.pkg)
	build.Dir = l.root
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("the mutants do not build: %w\n%s", err, out)
	}
	return nil
}

// run runs tests of the binary on SQLite and reports whether all passed.
func (l *lab) run(limit time.Duration, names []string, env ...string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	c := exec.CommandContext(ctx, l.binary, "-test.short", "-test.failfast", "-test.run", "^("+strings.Join(names, "|")+")$",
		"-test.skip", ".*/^postgres$", "-test.timeout", limit.String())
	c.Dir, c.Env = l.dir, append(os.Environ(), env...)
	c.WaitDelay = time.Second
	return c.Run() == nil
}

// trace runs each test alone, and notes what it reaches. A test that fails or takes long is left out.
func (l *lab) trace() error {
	list := exec.Command(l.binary, "-test.list", "^(Test|Fuzz)")
	list.Dir = l.dir
	out, err := list.Output()
	if err != nil {
		return err
	}
	names := strings.Fields(string(out))
	found := make([]*test, len(names))
	l.each(len(names), func(n int) {
		path := filepath.Join(l.work, "trace-"+names[n])
		began := time.Now()
		if !l.run(l.slow, names[n:n+1], "MUTANT_TRACE="+path) {
			fmt.Printf("left out, for it fails or takes longer than %s: %s\n", l.slow, names[n])
			return
		}
		t := &test{name: names[n], took: time.Since(began), reaches: map[int]bool{}}
		text, _ := os.ReadFile(path) // absent where it reaches none
		for _, id := range strings.Fields(string(text)) {
			if number, err := strconv.Atoi(id); err == nil {
				t.reaches[number] = true
			}
		}
		found[n] = t
	})
	for _, t := range found {
		if t != nil {
			l.tests = append(l.tests, *t)
		}
	}
	slices.SortFunc(l.tests, func(a, b test) int { return cmp.Compare(a.took, b.took) })
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

// quickest is how many tests a mutant is first tried with.
const quickest = 4

// try switches each mutant on, and notes which ones make a test fail. One that makes them hang is seen as well.
func (l *lab) try() {
	l.killed, l.tried = map[int]bool{}, map[int]bool{}
	only := regexp.MustCompile(l.only)
	l.each(len(l.mutants), func(id int) {
		if m := l.mutants[id]; id == 0 || id%l.every != 0 || !only.MatchString(fmt.Sprintf("%s:%d", m.file, m.line)) {
			return
		}
		var names []string
		limit := 15 * time.Second
		for _, t := range l.tests {
			if t.reaches[id] {
				names = append(names, t.name)
				limit += 2 * t.took
			}
		}
		env := "MUTANT=" + strconv.Itoa(id)
		first := names[:min(len(names), quickest)]
		rest := names[len(first):]
		dead := len(first) > 0 && !l.run(limit, first, env) || len(rest) > 0 && !l.run(limit, rest, env)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.tried[id], l.killed[id] = true, dead
		if !dead {
			m := l.mutants[id]
			fmt.Printf("%s:%d: %s (%d tests reach it)\n", m.file, m.line, m.what, len(names))
		}
	})
}

func (l *lab) report() {
	dead := 0
	for _, killed := range l.killed {
		if killed {
			dead++
		}
	}
	if l.ctx.Err() != nil {
		fmt.Println("stopped early")
	}
	fmt.Printf("%s: %d of %d mutants killed (%.1f %%) by %d tests\n", l.pkg, dead, len(l.tried), 100*float64(dead)/float64(max(1, len(l.tried))), len(l.tests))
}
