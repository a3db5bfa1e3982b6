package outbox

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

const (
	atOnce = 8   // accounts whose events are sent at a time, to one endpoint
	heads  = 500 // accounts in one round; more than atOnce, so a full round never has only busy ones
	// maxServed limits the accounts that a rotation remembers between jobs.
	maxServed = 10_000
	// glance is how often a job looks for new events while it waits for the endpoint and could send more.
	glance = 250 * time.Millisecond
)

// turns are the attempts of one job at an endpoint. Accounts take turns, so that one with many events does not delay
// the others: a round has the next event of each account, and first come the accounts that were sent nothing yet. At
// most one event of an account is under way, which keeps their order. Those of no account take turns as one.
type turns struct {
	c     *Courier
	hook  billing.Webhook
	end   time.Time                  // nothing is begun after it
	round []billing.Delivery         // the rest of the round
	busy  map[billing.AccountID]bool // those with an attempt under way
	rotation
	ended  chan ended
	over   bool // nothing more can be sent now
	failed error
}

// rotation is whose turn it is at an endpoint. A process keeps it from job to job: a job at a slow endpoint ends before
// all accounts had their turn, and the next one continues.
type rotation struct {
	served map[billing.AccountID]time.Time // when an event of theirs was last sent
	after  billing.AccountID               // the last account of a full round; "": the next begins at the first
}

// takeRotation returns an endpoint's rotation for one job alone: if its lease expires, another job may run beside it.
func (c *Courier) takeRotation(id billing.WebhookID) rotation {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.rotations[id]
	delete(c.rotations, id)
	if r.served == nil || len(r.served) > maxServed {
		r.served = map[billing.AccountID]time.Time{}
	}
	return r
}

func (c *Courier) keepRotation(id billing.WebhookID, r rotation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rotations[id] = r
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
		c: c, hook: w, end: end, busy: map[billing.AccountID]bool{}, rotation: c.takeRotation(w.ID),
		ended: make(chan ended, atOnce),
	}
	for {
		if t.fill(ctx); len(t.busy) == 0 {
			c.keepRotation(w.ID, t.rotation)
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
	for again := true; again && len(t.round) == 0; {
		again = t.after != "" // if nothing is due for the accounts after it, begin at the first
		if t.round, err = t.c.db.DueHeads(ctx, t.hook.ID, t.c.now(), t.after, t.c.heads); err != nil {
			return err
		}
		t.after = ""
		if len(t.round) == t.c.heads {
			t.after = slices.MaxFunc(t.round, func(a, b billing.Delivery) int {
				return strings.Compare(string(a.AccountID), string(b.AccountID))
			}).AccountID
		}
		t.round = slices.DeleteFunc(t.round, func(d billing.Delivery) bool { return t.busy[d.AccountID] })
	}
	slices.SortStableFunc(t.round, func(a, b billing.Delivery) int {
		return t.served[a.AccountID].Compare(t.served[b.AccountID]) // never served is the zero time
	})
	return nil
}
