package inbox

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
)

const (
	// sweepInterval and overdueAfter together keep the promise of one minute. An event that no job handles is seen
	// after both at the latest, and the rest of the minute is for the sync itself.
	sweepInterval = 10 * time.Second
	overdueAfter  = 15 * time.Second
	sweepLimit    = 500
	// of one replica: when Stripe was down and comes back to a long queue, no more workers than this ask it at once
	sweepWorkers = 4
)

// keepSweeping is a loop that each replica runs by itself. It needs no leader and no job. When a leader dies, the queue
// takes a while to elect a new one. It takes up what a dead process left running only after a minute, and until then no
// other job can take that job's place.
func (in *Inbox) keepSweeping(ctx context.Context) {
	for ctx.Err() == nil {
		if err := in.Sweep(ctx); err != nil && ctx.Err() == nil {
			in.log.WarnContext(ctx, "the search for events that wait too long failed", "error", err)
		}
		_ = jobs.Pause(ctx, in.sweeps-rand.N(in.sweeps/5)) // random, so replicas that began together drift apart
	}
}

// Sweep handles events that have waited too long, whatever happened to their jobs. It syncs their accounts, unless a
// sync for an event has begun in the meantime. For events that do not name a customer, it asks Stripe again whose they
// are. Any number of replicas may sweep at once.
func (in *Inbox) Sweep(ctx context.Context) error {
	since := in.db.Now().Add(-overdueAfter)
	accounts, err := in.db.OverdueAccounts(ctx, since, sweepLimit)
	if err != nil {
		return err
	}
	events, err := in.db.UnroutedEvents(ctx, since, sweepLimit)
	if err != nil {
		return err
	}
	var failed atomic.Int64
	note := func(err error, what string, id any) {
		if err != nil && failed.Add(1) == 1 { // one is enough if Stripe is down
			in.log.WarnContext(ctx, "an event that waited too long is still not processed", what, id, "error", err)
		}
	}
	var looks errgroup.Group
	looks.SetLimit(sweepWorkers)
	look := func(what string, id any, do func() error) {
		looks.Go(func() error {
			if ctx.Err() == nil {
				note(do(), what, id)
			}
			return nil
		})
	}
	for _, id := range accounts {
		look("account", id, func() error { return in.answer(ctx, id, since) })
	}
	for _, id := range events {
		look("event", id, func() error { return in.resolveAgain(ctx, id, since) })
	}
	_ = looks.Wait() // each has logged its own failure
	if len(accounts)+len(events) > 0 {
		in.log.WarnContext(
			ctx, "events waited too long and were looked at again", "accounts", len(accounts), "unrouted", len(events),
			"failed", failed.Load(),
		)
	}
	return nil
}

// answer syncs an account for its waiting events.
func (in *Inbox) answer(ctx context.Context, id billing.AccountID, since time.Time) error {
	_, err := in.syncer.Sync(ctx, id, billing.CauseEvent, reconcile.EventWaits(since))
	if err == nil {
		return nil
	}
	return noting(ctx, in.db, err, func(tx *store.Tx, why string) error { return tx.FailEvents(ctx, id, why) })
}

// resolveAgain asks Stripe whose an event is, unless another replica has begun to ask.
func (in *Inbox) resolveAgain(ctx context.Context, id billing.StripeEventID, since time.Time) error {
	mine := false
	err := in.db.InTx(ctx, func(tx *store.Tx) (err error) {
		mine, err = tx.TryEvent(ctx, id, since)
		return err
	})
	if err != nil || !mine {
		return err
	}
	return in.resolve(ctx, id)
}
