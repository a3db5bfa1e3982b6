package reconcile

import "sync"

// flights lets requests that want the same sync share it. A request may join a flight until its ticket is taken: only
// then has the picture begun after the request. One that comes later waits for the next flight, so that no picture
// older than a payment refuses what was paid for. For each key one flight is under way and one waits, at the most.
type flights struct {
	mu   sync.Mutex
	last map[string]*flight // of each key the one that began last, while it is not done
}

// flight is one sync, and what came of it once done is closed.
type flight struct {
	departed bool // its ticket is taken; guarded by flights.mu
	done     chan struct{}
	outcome  Outcome
	err      error
}

// join returns the outcome of a sync whose ticket was taken after the call began. run syncs, and calls depart as soon
// as it has its ticket, or knows that it gets none. A flight that waited for one which failed fails with it: Stripe
// does not answer just now, and nobody waits twice for that.
func (fs *flights) join(key string, run func(depart func()) (Outcome, error)) (Outcome, error) {
	fs.mu.Lock()
	before := fs.last[key]
	if before != nil && !before.departed {
		fs.mu.Unlock()
		<-before.done
		return before.outcome, before.err
	}
	f := &flight{done: make(chan struct{}), outcome: Failed} // Failed is also what others see of a run that panics
	if fs.last == nil {
		fs.last = map[string]*flight{}
	}
	fs.last[key] = f
	fs.mu.Unlock()
	defer fs.finish(key, f)
	if before != nil {
		if <-before.done; before.outcome == Failed {
			f.err = before.err
			return f.outcome, f.err
		}
	}
	f.outcome, f.err = run(func() { fs.depart(f) })
	return f.outcome, f.err
}

func (fs *flights) depart(f *flight) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f.departed = true
}

func (fs *flights) finish(key string, f *flight) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.last[key] == f {
		delete(fs.last, key)
	}
	close(f.done)
}
