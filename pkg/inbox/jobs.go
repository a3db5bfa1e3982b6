package inbox

import (
	"context"
	"fmt"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/store"
)

// events is the queue of the jobs that events cause: they ask Stripe, while someone who has just paid waits. Its name
// is that of River's default queue.
var events = jobs.Queue{Name: "default", Workers: 8}

const (
	maxErrorText = 500
	maxIDText    = 1000 // far above the ids of 255 bytes that the gateway lets through
)

// registerJobs registers the jobs that events cause, the sweeper, and, if it has an interval, the walk over Stripe's
// list of events.
func (in *Inbox) registerJobs(backfillInterval time.Duration) {
	jobs.Handle(in.jobs, events, in.sync)
	jobs.Handle(
		in.jobs, events, func(ctx context.Context, args resolveArgs) error { return in.resolve(ctx, args.Event) },
	)
	in.jobs.Loop(in.keepSweeping)
	if backfillInterval > 0 {
		in.jobs.Look(jobs.Look{Kind: "backfill", Every: backfillInterval, Alone: true, Do: in.backfill})
	}
}

// syncArgs are the arguments of a sync of an account that begins after the given ticket.
type syncArgs struct {
	Account     billing.AccountID `json:"account"`
	AfterTicket int64             `json:"after_ticket"`
}

// Kind names the job.
func (syncArgs) Kind() string { return "sync" }

// sync syncs the account, unless another sync has handled its events already.
func (in *Inbox) sync(ctx context.Context, args syncArgs) error {
	pending, err := in.db.HasPendingEvents(ctx, args.Account)
	if err != nil || !pending {
		return err
	}
	if _, err = in.syncer.Sync(ctx, args.Account, billing.CauseEvent); err == nil {
		return nil
	}
	return noting(
		ctx, in.db, err, func(tx *store.Tx, why string) error { return tx.FailEvents(ctx, args.Account, why) },
	)
}

// resolveArgs are the arguments of a job that asks Stripe whose an event is, if the event does not say so.
type resolveArgs struct {
	Event billing.StripeEventID `json:"event"`
}

// Kind names the job.
func (resolveArgs) Kind() string { return "resolve" }

// resolve asks Stripe whose an event is, and enqueues a sync of that account.
func (in *Inbox) resolve(ctx context.Context, id billing.StripeEventID) error {
	e, err := in.db.Event(ctx, id)
	if err != nil {
		return err
	}
	customer, err := in.stripe.CustomerOf(ctx, e.ObjectType, e.ObjectID)
	if err != nil && billing.CodeOf(err) != billing.ENotFound {
		return noting(ctx, in.db, err, func(tx *store.Tx, why string) error { return tx.FailEvent(ctx, e.ID, why) })
	}
	return in.db.InTx(ctx, func(tx *store.Tx) error {
		a, err := tx.LockAccountByCustomer(ctx, customer)
		if billing.CodeOf(err) == billing.ENotFound {
			return tx.IgnoreEvent(ctx, e.ID, "its customer is not ours")
		}
		if err != nil {
			return err
		}
		return in.ring(ctx, tx, e.ID, a)
	})
}

// noting records a job's failure on its events and returns it, so that the job is retried.
func noting(ctx context.Context, db *store.DB, failure error, note func(tx *store.Tx, why string) error) error {
	why := billing.Storable(failure.Error(), maxErrorText)
	if err := db.InTx(ctx, func(tx *store.Tx) error { return note(tx, why) }); err != nil {
		return fmt.Errorf("%w (and could not note it: %w)", failure, err)
	}
	return failure
}
