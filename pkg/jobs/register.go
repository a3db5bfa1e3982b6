package jobs

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/riverqueue/river"
)

// Handle registers the handler of a kind of job, and its queue. A job that fails is retried, with jobAttempts attempts
// at most. do may return Again. Handle panics if a kind is registered twice or a queue has two sizes, because that is a
// mistake of the program.
func Handle[A Args](r *Runner, q Queue, do func(ctx context.Context, args A) error) {
	var args A
	r.addQueue(q)
	r.queueOf[args.Kind()] = q.Name
	river.AddWorker(r.workers, &worker[A]{do: do})
}

// worker is a handler in the form that River wants.
type worker[A Args] struct {
	river.WorkerDefaults[A]
	do      func(ctx context.Context, args A) error
	timeout time.Duration // 0 means jobTimeout
}

// Work does the job.
func (w *worker[A]) Work(ctx context.Context, job *river.Job[A]) error { return w.do(ctx, job.Args) }

// Timeout returns how long the job may take.
func (w *worker[A]) Timeout(*river.Job[A]) time.Duration { return w.timeout }

// Again returns an error that puts a job back for that long. It does not count as a failure.
func Again(after time.Duration) error { return river.JobSnooze(after) }

// Look is work that comes back every so often. One replica at a time, the leader, decides when.
//
// Unless it is Alone, a look that fails is not retried: the next look, which comes soon, finds what it did not do.
// While one hangs, the next ones start beside it, so it must be able to run several times at once.
type Look struct {
	Kind  string
	Every time.Duration
	Do    func(context.Context) error // may return Again

	Alone   bool          // one at a time in all replicas; one that fails is retried after growing pauses
	Later   bool          // the first one starts after Every, not at once
	Timeout time.Duration // 0 means 40 s
}

// Look registers a look.
func (r *Runner) Look(l Look) {
	if l.Timeout == 0 {
		l.Timeout = jobTimeout
	}
	q := r.queues[looks]
	q.FetchPollInterval = looksPoll
	q.MaxWorkers += l.workers()
	r.queues[looks] = q
	args := lookArgs{kind: l.Kind}
	r.queueOf[l.Kind] = looks
	do := func(ctx context.Context, _ lookArgs) error { return l.Do(ctx) }
	river.AddWorkerArgs(r.workers, args, &worker[lookArgs]{do: do, timeout: l.Timeout})
	opts := &river.InsertOpts{Queue: looks, MaxAttempts: 1}
	if l.Alone {
		opts.MaxAttempts, opts.UniqueOpts = walkAttempts, river.UniqueOpts{ByState: waiting}
	}
	insert := func() (river.JobArgs, *river.InsertOpts) { return args, opts }
	when := &river.PeriodicJobOpts{RunOnStart: !l.Later}
	r.periodic = append(r.periodic, river.NewPeriodicJob(river.PeriodicInterval(l.Every), insert, when))
}

const (
	looks = "looks"
	// looksPoll is how long a look that is due may wait until a replica sees it.
	looksPoll = 500 * time.Millisecond
)

// workers returns how many runs of a look can be under way at once. For example, a look that hangs for its 40 s and
// comes every 10 s has 4 runs under way when the fifth begins.
func (l Look) workers() int {
	if l.Alone {
		return 1
	}
	return int(l.Timeout/l.Every) + 1
}

// lookArgs are the arguments of a look, which has none.
type lookArgs struct{ kind string }

// Kind returns the look's kind.
func (a lookArgs) Kind() string { return a.kind }

// Loop registers work that each replica does by itself from Start to Stop, which ends its context. A loop needs no
// leader: after a leader dies, the queue takes a while to elect a new one.
func (r *Runner) Loop(do func(ctx context.Context)) { r.loops = append(r.loops, do) }

// Kinds returns the kinds of job that are registered.
func (r *Runner) Kinds() []string { return slices.Sorted(maps.Keys(r.queueOf)) }

func (r *Runner) addQueue(q Queue) {
	if known, ok := r.queues[q.Name]; ok && known.MaxWorkers != q.Workers {
		panic(fmt.Sprintf("jobs: the queue %s has %d and %d workers", q.Name, known.MaxWorkers, q.Workers))
	}
	r.queues[q.Name] = river.QueueConfig{MaxWorkers: q.Workers, FetchPollInterval: q.Poll}
}
