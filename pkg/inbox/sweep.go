package inbox

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
)

const (
	// sweepInterval and overdueAfter together are what keeps the promise of a minute: an event that nobody answers is
	// seen after both at the latest, and what is left of the minute is for the sync itself.
	sweepInterval = 10 * time.Second
	overdueAfter  = 15 * time.Second
	sweepLimit    = 500
	// of one replica: a Stripe that is away, and comes back to a long queue, is asked by no more at once
	sweepWorkers = 4
)

// keepSweeping is a loop of each replica's own. It needs no leader and no job: the queue elects its leader anew a while
// after one died, takes up what a dead process left running after a minute, and until then that job's place is taken.
func (in *Inbox) keepSweeping(ctx context.Context) {
	for ctx.Err() == nil {
		if err := in.Sweep(ctx); err != nil && ctx.Err() == nil {
			in.log.WarnContext(ctx, "the search for events that wait too long failed", "error", err)
		}
		pause := time.NewTimer(in.sweeps - rand.N(in.sweeps/5)) // replicas that began together do not stay so
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
		}
	}
}

// Sweep answers events that have waited too long, whatever became of their jobs: it syncs their accounts, unless a sync
// for an event has begun meanwhile, and asks again whose those are that do not say so. Any number of replicas may sweep
// at once.
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
		if err != nil && failed.Add(1) == 1 { // one tells enough of a Stripe that is away
			in.log.WarnContext(ctx, "an event that waited too long is still not answered", what, id, "error", err)
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
	_ = looks.Wait() // each has told its own failure
	if len(accounts)+len(events) > 0 {
		in.log.WarnContext(
			ctx, "events waited too long and were looked at again", "accounts", len(accounts), "unrouted", len(events),
			"failed", failed.Load(),
		)
	}
	return nil
}

// answer syncs an account for its events that wait.
func (in *Inbox) answer(ctx context.Context, id billing.AccountID, since time.Time) error {
	_, err := in.syncer.Sync(ctx, id, billing.CauseEvent, reconcile.EventWaits(since))
	if err == nil {
		return nil
	}
	return noting(ctx, in.db, err, func(tx *store.Tx, why string) error { return tx.FailEvents(ctx, id, why) })
}

// resolveAgain asks whose an event is, unless another replica has begun to.
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
