package inbox

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
)

const (
	maxAttempts     = 50 // of jobs for which nobody else would try again
	firstTries      = 6  // of a job that answers an event: about half a minute, then the sweeper goes on
	maxBackoff      = time.Minute
	maxErrorText    = 500
	maxJobErrorText = 10_000
	maxIDText       = 1000 // far above what the gateway lets through: ids of 255 bytes
)

// waiting are the states in which a job still has its effect before it.
var waiting = []rivertype.JobState{
	rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning,
	rivertype.JobStateScheduled, rivertype.JobStateRetryable,
}

// enqueue inserts a job in the transaction of what caused it, unless the same one waits already.
func (in *Inbox) enqueue(ctx context.Context, tx *store.Tx, args river.JobArgs) error {
	return in.enqueueAt(ctx, tx, args, time.Time{})
}

// enqueueAt is enqueue for a job that waits until a time.
func (in *Inbox) enqueueAt(ctx context.Context, tx *store.Tx, args river.JobArgs, at time.Time) error {
	_, err := in.jobs.InsertTx(ctx, tx.SQL(), args, &river.InsertOpts{
		MaxAttempts: firstTries, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: waiting}, ScheduledAt: at,
	})
	if err != nil {
		return fmt.Errorf("inbox: insert job: %w", err)
	}
	return nil
}

// syncArgs asks for a sync of an account that begins after the given ticket.
type syncArgs struct {
	Account     billing.AccountID `json:"account"`
	AfterTicket int64             `json:"after_ticket"`
}

func (syncArgs) Kind() string { return "sync" }

type syncWorker struct {
	river.WorkerDefaults[syncArgs]
	db     *store.DB
	syncer *reconcile.Syncer
}

// Work syncs the account unless another sync has answered its events already.
func (w *syncWorker) Work(ctx context.Context, job *river.Job[syncArgs]) error {
	pending, err := w.db.HasPendingEvents(ctx, job.Args.Account)
	if err != nil || !pending {
		return err
	}
	if _, err = w.syncer.Sync(ctx, job.Args.Account); err == nil {
		return nil
	}
	return noting(ctx, w.db, err, func(tx *store.Tx, why string) error { return tx.FailEvents(ctx, job.Args.Account, why) })
}

// noting writes a job's failure down on its events and answers it, so that the job is tried again.
func noting(ctx context.Context, db *store.DB, failure error, note func(tx *store.Tx, why string) error) error {
	why := billing.Storable(failure.Error(), maxErrorText)
	if err := db.InTx(ctx, func(tx *store.Tx) error { return note(tx, why) }); err != nil {
		return fmt.Errorf("%w (and could not note it: %w)", failure, err)
	}
	return failure
}

// resolveArgs asks whose an event is that does not say so itself.
type resolveArgs struct {
	Event billing.StripeEventID `json:"event"`
}

func (resolveArgs) Kind() string { return "resolve" }

type resolveWorker struct {
	river.WorkerDefaults[resolveArgs]
	inbox *Inbox
}

// Work asks Stripe for the customer and rings for their account.
func (w *resolveWorker) Work(ctx context.Context, job *river.Job[resolveArgs]) error {
	return w.inbox.resolve(ctx, job.Args.Event)
}

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

// backoff retries after 1, 2, 4 … seconds, a minute at the most: a sync is cheap, and somebody waits for it.
type backoff struct{}

func (backoff) NextRetry(job *rivertype.JobRow) time.Time {
	wait := min(time.Second<<min(len(job.Errors), 6), maxBackoff)
	return time.Now().Add(wait/2 + rand.N(wait/2+1)) // the queue's clock is the real one, also where ours is moved
}

// storableErrors lets the queue keep what a job failed with: its column refuses an error with a NUL in it, and the job would stay
// *running* until it is rescued.
type storableErrors struct{ river.MiddlewareDefaults }

func (*storableErrors) Work(ctx context.Context, _ *rivertype.JobRow, work func(context.Context) error) error {
	err := work(ctx)
	if err == nil {
		return nil
	}
	if text := billing.Storable(err.Error(), maxJobErrorText); text != err.Error() {
		return storableError{text, err}
	}
	return err
}

type storableError struct {
	text  string
	cause error
}

func (e storableError) Error() string { return e.text }
func (e storableError) Unwrap() error { return e.cause }

// quiet lets only what needs a person through: the queue logs its every start and stop.
type quiet struct{ slog.Handler }

func (q quiet) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && q.Handler.Enabled(ctx, l)
}
