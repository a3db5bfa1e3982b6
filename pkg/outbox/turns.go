package outbox

import (
	"context"
	"slices"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

const (
	atOnce = 8   // accounts whose events are sent at a time, to one endpoint
	heads  = 500 // accounts in one round
	// glance is how often a job looks for new events while it waits for the endpoint and could send more.
	glance = 250 * time.Millisecond
)

// turns are the attempts of one job at an endpoint. Accounts take turns, so that one with many events does not delay
// the others: a round has the next event of each account, and first come the accounts that were sent nothing yet. At
// most one event of an account is under way, which keeps their order. Those of no account take turns as one.
type turns struct {
	c      *Courier
	hook   billing.Webhook
	end    time.Time                       // nothing is begun after it
	round  []billing.Delivery              // the rest of the round
	busy   map[billing.AccountID]bool      // those with an attempt under way
	served map[billing.AccountID]time.Time // when this job last sent an event of theirs
	ended  chan ended
	over   bool // nothing more can be sent now
	failed error
}

// ended is the result of an attempt.
type ended struct {
	account billing.AccountID
	over    bool
	err     error
}

// deliver makes attempts until nothing is due, the endpoint is gone or paused, or the time is up.
func (c *Courier) deliver(ctx context.Context, w billing.Webhook, end time.Time) error {
	t := turns{
		c: c, hook: w, end: end, busy: map[billing.AccountID]bool{}, served: map[billing.AccountID]time.Time{},
		ended: make(chan ended, atOnce),
	}
	for {
		if t.fill(ctx); len(t.busy) == 0 {
			return t.failed
		}
		t.wait()
	}
}

// fill begins attempts, up to atOnce of them and while there is something to send.
func (t *turns) fill(ctx context.Context) {
	for !t.over && len(t.busy) < atOnce && t.c.now().Before(t.end) {
		d, err := t.next(ctx)
		if err != nil {
			t.fail(err)
		}
		if d == nil {
			return
		}
		t.send(ctx, *d)
	}
}

// wait returns when an attempt has ended, or when it is time to look for new events.
func (t *turns) wait() {
	var look <-chan time.Time
	if !t.over && len(t.busy) < atOnce {
		look = time.After(glance)
	}
	select {
	case e := <-t.ended:
		delete(t.busy, e.account)
		t.over = t.over || e.over
		if e.err != nil {
			t.fail(e.err)
		}
	case <-look:
	}
}

// fail keeps the first error. What is under way may end.
func (t *turns) fail(err error) {
	t.over = true
	if t.failed == nil {
		t.failed = err
	}
}

// send makes an attempt in the background.
func (t *turns) send(ctx context.Context, d billing.Delivery) {
	t.busy[d.AccountID], t.served[d.AccountID] = true, time.Now()
	hook := t.hook
	go func() {
		over, err := t.c.attempt(ctx, hook, d)
		t.ended <- ended{d.AccountID, over, err}
	}()
}

// next returns the delivery whose turn it is, or nil if there is none now. It reads the endpoint each time: in the
// meantime its secret may have been rolled, or it may be gone, disabled or paused.
func (t *turns) next(ctx context.Context) (*billing.Delivery, error) {
	now, err := t.c.db.Webhook(ctx, t.hook.ID)
	if err != nil || now.DisabledAt != nil || now.PausedAt(t.c.now()) {
		return nil, unless(err, billing.ENotFound)
	}
	t.hook = now
	if len(t.round) == 0 {
		if err := t.begin(ctx); err != nil || len(t.round) == 0 {
			return nil, err
		}
	}
	d := t.round[0]
	t.round = t.round[1:]
	return &d, nil
}

// begin reads a new round.
func (t *turns) begin(ctx context.Context) (err error) {
	if t.round, err = t.c.db.DueHeads(ctx, t.hook.ID, t.c.now(), heads); err != nil {
		return err
	}
	t.round = slices.DeleteFunc(t.round, func(d billing.Delivery) bool { return t.busy[d.AccountID] })
	slices.SortStableFunc(t.round, func(a, b billing.Delivery) int {
		return t.served[a.AccountID].Compare(t.served[b.AccountID]) // never served is the zero time
	})
	return nil
}
