package inbox

import (
	"context"
	"time"

	"github.com/riverqueue/river"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/outbox"
	"github.com/pointsync/pointsync/pkg/store"
)

const (
	// outgoingQueue is a queue of its own: an endpoint that does not answer keeps no sync waiting.
	outgoingQueue = "outgoing"
	// busyPause is how long a job waits for the one before it at the same endpoint.
	busyPause = time.Second
	// callPause bounds how often one process asks for jobs: what is written meanwhile is delivered by the job that follows.
	callPause = 100 * time.Millisecond
)

// deliverArgs asks to deliver what is due at an endpoint: after a round that has begun, or at a time.
type deliverArgs struct {
	Webhook billing.WebhookID `json:"webhook"`
	Round   int64             `json:"round"`
	At      int64             `json:"at"` // in microseconds since 1970; 0: now
}

func (deliverArgs) Kind() string { return "deliver" }

func (deliverArgs) InsertOpts() river.InsertOpts { return river.InsertOpts{Queue: outgoingQueue} }

type deliverWorker struct {
	river.WorkerDefaults[deliverArgs]
	inbox   *Inbox
	courier *outbox.Courier
}

// Work delivers for a while, and asks for a job at the time when something is due next.
func (w *deliverWorker) Work(ctx context.Context, job *river.Job[deliverArgs]) error {
	next, busy, err := w.courier.Run(ctx, job.Args.Webhook)
	if busy {
		return river.JobSnooze(busyPause)
	}
	if err != nil || next == nil {
		return err
	}
	at := max(next.UnixMicro(), time.Now().UnixMicro()) // not 0, which is this job: it is not over yet
	return w.inbox.db.InTx(ctx, func(tx *store.Tx) error {
		return w.inbox.enqueueAt(ctx, tx, deliverArgs{Webhook: job.Args.Webhook, At: at}, time.UnixMicro(at))
	})
}

// callCouriers asks for a job at each endpoint where something is due, unless one waits that has not begun.
func (in *Inbox) callCouriers(ctx context.Context) error {
	hooks, err := in.db.DueWebhooks(ctx, time.Now()) // jobs are due by the machine's clock, wherever the product's stands
	if err != nil || len(hooks) == 0 {
		return err
	}
	return in.db.InTx(ctx, func(tx *store.Tx) error {
		for _, w := range hooks {
			if err := in.enqueue(ctx, tx, deliverArgs{Webhook: w.ID, Round: w.Round}); err != nil {
				return err
			}
		}
		return nil
	})
}

// listen asks for jobs as soon as outgoing events were committed here. The sweeper does for those that another program wrote, or
// whose process died in between.
func (in *Inbox) listen(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-in.db.Told():
		}
		if err := in.callCouriers(ctx); err != nil && ctx.Err() == nil {
			in.log.WarnContext(ctx, "outgoing events wait for the sweeper", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(callPause):
		}
	}
}
