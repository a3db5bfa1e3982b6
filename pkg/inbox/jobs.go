package inbox

import (
	"context"
	"fmt"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/store"
)

// events is the queue of what events ask for: Stripe is asked, and somebody who has just paid waits. Its name is that
// of River's own.
var events = jobs.Queue{Name: "default", Workers: 8}

const (
	maxErrorText = 500
	maxIDText    = 1000 // far above what the gateway lets through: ids of 255 bytes
)

// registerJobs registers what events ask for, the sweeper, and the walk over Stripe's list of events where it has an
// interval.
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

// syncArgs asks for a sync of an account that begins after the given ticket.
type syncArgs struct {
	Account     billing.AccountID `json:"account"`
	AfterTicket int64             `json:"after_ticket"`
}

// Kind names the job.
func (syncArgs) Kind() string { return "sync" }

// sync syncs the account unless another sync has answered its events already.
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

// resolveArgs asks whose an event is that does not say so itself.
type resolveArgs struct {
	Event billing.StripeEventID `json:"event"`
}

// Kind names the job.
func (resolveArgs) Kind() string { return "resolve" }

// resolve asks Stripe whose an event is and rings for their account.
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

// noting writes a job's failure down on its events and answers it, so that the job is tried again.
func noting(ctx context.Context, db *store.DB, failure error, note func(tx *store.Tx, why string) error) error {
	why := billing.Storable(failure.Error(), maxErrorText)
	if err := db.InTx(ctx, func(tx *store.Tx) error { return note(tx, why) }); err != nil {
		return fmt.Errorf("%w (and could not note it: %w)", failure, err)
	}
	return failure
}
