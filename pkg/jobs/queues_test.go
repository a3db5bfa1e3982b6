package jobs_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves that jobs of one queue delay neither a look nor a job of another queue. The queue has 2 workers, both hang, 38
// more jobs wait for them, and the look comes twice.
func TestQueuesWaitForNoOther(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		began, looked, done := make(chan struct{}, 40), make(chan struct{}, 100), make(chan struct{}, 1)
		jobs.Handle(
			w.runner, jobs.Queue{Name: "slow", Workers: 2},
			func(ctx context.Context, _ work) error { return hang(began)(ctx) },
		)
		jobs.Handle(w.runner, jobs.Queue{Name: "quick", Workers: 1}, func(context.Context, other) error {
			done <- struct{}{}
			return nil
		})
		w.runner.Look(jobs.Look{Kind: "look", Every: time.Second, Later: true, Do: signal(looked)})
		for n := range 40 {
			w.enqueue(work{fmt.Sprint(n)})
		}
		w.start()
		storetest.Next(w.t, began)
		storetest.Next(w.t, began)
		w.enqueue(other{})
		storetest.Next(w.t, done)
		storetest.Next(w.t, looked)
		storetest.Next(w.t, looked)
		if n := len(began); n != 0 {
			t.Errorf("%d more jobs began than there are workers", n)
		}
	})
}

// Proves that looks that hang delay no other look, however many of them there are. A look that is Alone hangs once. Any
// other look is started again in parallel when its time comes, because the next one must notice what the hanging one
// does not.
func TestLooksWaitForNoLook(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		alone, beside, looked := make(chan struct{}, 100), make(chan struct{}, 100), make(chan struct{}, 100)
		for n := range 3 {
			w.runner.Look(jobs.Look{Kind: fmt.Sprint("alone_", n), Every: time.Second, Alone: true, Do: hang(alone)})
		}
		w.runner.Look(jobs.Look{Kind: "beside", Every: time.Second, Timeout: 5 * time.Second, Do: hang(beside)})
		w.runner.Look(jobs.Look{Kind: "look", Every: time.Second, Later: true, Do: signal(looked)})
		w.start()
		for range 3 {
			storetest.Next(w.t, alone)
		}
		for range 3 {
			storetest.Next(w.t, beside)
			storetest.Next(w.t, looked)
		}
		if n := len(alone); n != 0 {
			t.Errorf("looks that are alone were begun %d times more", n)
		}
	})
}

// Proves that a look with Later set does not start with the server. A look that fails is started again at its next
// time.
func TestLookAgain(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		order := make(chan string, 100)
		look := func(kind string, later bool) jobs.Look {
			return jobs.Look{Kind: kind, Every: 2 * time.Second, Later: later, Do: func(context.Context) error {
				order <- kind
				return fmt.Errorf("%s fails", kind)
			}}
		}
		w.runner.Look(look("at_once", false))
		w.runner.Look(look("later", true))
		w.start()
		if first, second := storetest.Next(w.t, order), storetest.Next(w.t, order); first != "at_once" ||
			second == first && storetest.Next(w.t, order) == first {
			t.Errorf("first %s, then %s", first, second)
		}
		storetest.WaitFor(w.t, "each was begun twice", func() bool { return len(order) >= 2 })
		if n := w.count("SELECT count(*) FROM river_job WHERE attempt > 1"); n != 0 {
			t.Errorf("%d looks were tried again by themselves", n)
		}
	})
}

// Proves that a mistake in the wiring is reported at once: two handlers for one kind, two sizes of one queue.
func TestRegisterTwice(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		quick := jobs.Queue{Name: "quick", Workers: 1}
		jobs.Handle(w.runner, quick, func(context.Context, work) error { return nil })
		for what, register := range map[string]func(){
			"Kind": func() { jobs.Handle(w.runner, quick, func(context.Context, work) error { return nil }) },
			"Queue": func() {
				jobs.Handle(
					w.runner, jobs.Queue{Name: "quick", Workers: 2}, func(context.Context, other) error { return nil },
				)
			},
			"Look": func() { w.runner.Look(jobs.Look{Kind: "work", Every: time.Second}) },
		} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s: registered twice", what)
					}
				}()
				register()
			}()
		}
	})
}
