package store

import (
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

const (
	// briefWait is how long a batch waits for a row that someone else holds. Other transactions of an account take a
	// few milliseconds, so they are waited for. Skipping every locked row at once would starve an account that is busy.
	briefWait = 50 * time.Millisecond
	// heldFor is how long an account counts as held after the last wait for it was in vain. So a peer that keeps a row
	// for minutes delays the batches of others once, and not at every request.
	heldFor = 10 * time.Second
	// asideTurn is how long an account is waited for at a time, once a wait for it was in vain, or if others may need
	// its connection. Then others that wait aside get their turn.
	asideTurn = 200 * time.Millisecond
)

// setAside takes moves out of the lane whose rows others hold.
func (l *lane) setAside(held []*queued) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, q := range held {
		l.remember(q)
		a := l.asides[q.Account]
		if a == nil {
			l.makeRoom()
			a = &aside{}
			l.asides[q.Account] = a
		}
		a.waiting = append(a.waiting, q)
		l.startAside(q.Account, a)
	}
	// What came since waits behind them.
	rest := l.waiting[:0]
	for _, q := range l.waiting {
		if a := l.asides[q.Account]; a != nil && a.running {
			a.waiting = append(a.waiting, q)
		} else {
			rest = append(rest, q)
		}
	}
	l.waiting = rest
}

// makeRoom forgets an account that counts as held, if there are too many of them.
func (l *lane) makeRoom() {
	if len(l.asides) < maxHeld {
		return
	}
	for id, a := range l.asides {
		if !a.running {
			delete(l.asides, id)
			return
		}
	}
}

func (l *lane) startAside(id billing.AccountID, a *aside) {
	if !a.running {
		a.running = true
		l.drained.Go(func() { l.loopAside(id, a) })
	}
}

// loopAside waits for the row of an account, and makes all that wait for it together. A move that has waited for
// maxHeldWait is refused. As soon as the row was there, the account is one of all again.
func (l *lane) loopAside(id billing.AccountID, a *aside) {
	for {
		oldest, ok := l.oldestAside(id, a)
		if !ok {
			return
		}
		patience := time.NewTimer(maxHeldWait - time.Since(oldest))
		select {
		case l.slots <- struct{}{}:
			patience.Stop()
		case <-patience.C:
			l.refuseLate(a, time.Now())
			continue
		}
		batch, most := l.takeAside(a)
		held, committed := l.make(batch, max(time.Millisecond, min(most, maxHeldWait-time.Since(oldest))))
		<-l.slots
		l.endAside(a, held, committed)
	}
}

// oldestAside returns since when the first move waits. If none does, the loop ends.
func (l *lane) oldestAside(id billing.AccountID, a *aside) (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(a.waiting) > 0 {
		return a.waiting[0].since, true
	}
	a.running = false
	if !time.Now().Before(a.until) {
		delete(l.asides, id)
	}
	return time.Time{}, false
}

// takeAside returns the moves of the next batch, and how long it may wait for the row.
func (l *lane) takeAside(a *aside) (batch []*queued, most time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	most = maxHeldWait
	if !a.until.IsZero() || len(l.slots) == maxAside {
		most = asideTurn
	}
	n := min(len(a.waiting), maxBatch)
	batch = a.waiting[:n:n]
	a.waiting = a.waiting[n:]
	for _, q := range batch {
		l.forget(q)
	}
	return batch, most
}

// endAside notes whether the row was there. Moves that waited in vain go on waiting if they have time left. If all
// callers have gone, or the batch failed, the account counts as held as long as before.
func (l *lane) endAside(a *aside, held []*queued, committed bool) {
	l.mu.Lock()
	if len(held) == 0 && committed {
		a.until = time.Time{}
	} else if len(held) > 0 {
		a.until = time.Now().Add(heldFor)
		for _, q := range held {
			l.remember(q)
		}
		a.waiting = append(held, a.waiting...)
	}
	l.mu.Unlock()
	if len(held) > 0 {
		l.refuseLate(a, time.Now())
	}
}

// refuseLate refuses the moves that have waited too long by now.
func (l *lane) refuseLate(a *aside, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var rest []*queued
	for _, q := range a.waiting {
		if now.Sub(q.since) < maxHeldWait-10*time.Millisecond {
			rest = append(rest, q)
			continue
		}
		l.forget(q)
		q.done <- busy("Another change of this account takes long. Try again.")
	}
	a.waiting = rest
	a.until = now.Add(heldFor)
}
