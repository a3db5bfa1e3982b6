package outbox

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/store"
)

// deliveries is a queue with a worker for each endpoint, so an endpoint that does not reply does not delay the others.
var deliveries = jobs.Queue{Name: "outgoing", Workers: MaxWebhooks}

const (
	// busyPause is how long a job waits for an earlier job at the same endpoint.
	busyPause = time.Second
	// callPause limits how often one process enqueues jobs. What is written in the meantime is delivered by the next
	// job.
	callPause = 100 * time.Millisecond
	// sweepInterval is how long a delivery waits if its job was lost.
	sweepInterval = 10 * time.Second

	forgetInterval = 30 * time.Second
	forgetLimit    = 500
)

// RegisterJobs registers the deliveries, the loop that enqueues them, and the look that deletes old ones.
func (c *Courier) RegisterJobs(r *jobs.Runner) {
	jobs.Handle(
		r, deliveries, func(ctx context.Context, args deliverArgs) error { return c.work(ctx, r, args.Webhook) },
	)
	r.Loop(func(ctx context.Context) { c.keepCalling(ctx, r) })
	r.Look(jobs.Look{Kind: "forget_deliveries", Every: forgetInterval, Do: func(ctx context.Context) error {
		return Sweep(ctx, c.db, forgetLimit)
	}})
}

// deliverArgs are the arguments of a job that delivers what is due at an endpoint: after a round that has begun, or at
// a time.
type deliverArgs struct {
	Webhook billing.WebhookID `json:"webhook"`
	Round   int64             `json:"round"`
	At      int64             `json:"at"` // in microseconds since 1970; 0 means now
}

// Kind names the job.
func (deliverArgs) Kind() string { return "deliver" }

// work delivers for a while, and enqueues a job for the time when the next delivery is due.
func (c *Courier) work(ctx context.Context, r *jobs.Runner, id billing.WebhookID) error {
	next, busy, err := c.Run(ctx, id)
	if busy {
		return jobs.Again(busyPause)
	}
	if err != nil || next == nil {
		return err
	}
	at := max(next.UnixMicro(), time.Now().UnixMicro()) // not 0: that is this job, which is still running
	return c.db.InTx(ctx, func(tx *store.Tx) error {
		return r.EnqueueAt(ctx, tx, deliverArgs{Webhook: id, At: at}, time.UnixMicro(at))
	})
}

// Call enqueues a job for each endpoint where something is due, unless a job waits there that has not begun. Each has
// its own transaction: enqueueing locks the job that waits, and the queue locks many finished jobs in any order. If one
// cannot be enqueued, the others are.
func (c *Courier) Call(ctx context.Context, r *jobs.Runner) error {
	// jobs are due by the machine's clock, whatever the product's clock shows
	hooks, err := c.db.DueWebhooks(ctx, time.Now())
	if err != nil || len(hooks) == 0 {
		return err
	}
	var errs []error
	for _, w := range hooks {
		if err := c.db.InTx(ctx, func(tx *store.Tx) error {
			return r.Enqueue(ctx, tx, deliverArgs{Webhook: w.ID, Round: w.Round})
		}); err != nil {
			errs = append(errs, fmt.Errorf("enqueue for endpoint %s: %w", w.ID, err))
		}
	}
	return errors.Join(errs...)
}

// keepCalling enqueues jobs as soon as outgoing events are committed here. It also does so after every pause, for
// events that another program wrote or whose job was lost. The pauses are random, so that replicas which began together
// drift apart.
func (c *Courier) keepCalling(ctx context.Context, r *jobs.Runner) {
	for ctx.Err() == nil {
		if err := c.Call(ctx, r); err != nil && ctx.Err() == nil {
			c.log.WarnContext(ctx, "outgoing events wait for the next look", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-c.db.Written():
		case <-time.After(c.sweeps - rand.N(c.sweeps/5)):
		}
		select {
		case <-ctx.Done():
		case <-time.After(callPause):
		}
	}
}
