package reconcile

import "sync"

// flights lets requests that want the same sync share it. A request may join a flight until the flight's ticket is
// taken, because only then does the picture begin after the request. A later request waits for the next flight. So a
// picture older than a payment never refuses what was paid for. For each key, at most one flight is under way and one
// waits.
type flights struct {
	mu   sync.Mutex
	last map[string]*flight // for each key the flight that began last, until it is done
}

// flight is one sync, and its result once done is closed.
type flight struct {
	departed bool // its ticket is taken; guarded by flights.mu
	done     chan struct{}
	outcome  Outcome
	err      error
}

// join returns the outcome of a sync whose ticket was taken after the call began. run syncs, and calls depart as soon
// as it has its ticket or knows that it gets none. A flight that waited for a failed one fails too: Stripe does not
// answer now, and no one waits twice for that.
func (fs *flights) join(key string, run func(depart func()) (Outcome, error)) (Outcome, error) {
	fs.mu.Lock()
	before := fs.last[key]
	if before != nil && !before.departed {
		fs.mu.Unlock()
		<-before.done
		return before.outcome, before.err
	}
	f := &flight{done: make(chan struct{}), outcome: Failed} // others see Failed too if run panics
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
