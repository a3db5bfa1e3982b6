package inbox

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

const (
	maxAttempts   = 50 // about three quarters of an hour; then the sweeper begins anew
	maxBackoff    = time.Minute
	sweepInterval = 30 * time.Second
	overdueAfter  = 2 * time.Minute // an event that waits longer has lost its job, or its job keeps failing
	sweepLimit    = 500
	syncsKept     = 30 * 24 * time.Hour
	maxErrorText  = 500
	maxIDText     = 1000 // far above what the gateway lets through: ids of 255 bytes
)

// waiting are the states in which a job still has its effect before it.
var waiting = []rivertype.JobState{
	rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning,
	rivertype.JobStateScheduled, rivertype.JobStateRetryable,
}

// enqueue inserts a job in the transaction of what caused it, unless the same one waits already.
func (in *Inbox) enqueue(ctx context.Context, tx *store.Tx, args river.JobArgs) error {
	_, err := in.jobs.InsertTx(ctx, tx.SQL(), args, &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: waiting}})
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
	why := clip(failure.Error(), maxErrorText)
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
	inbox  *Inbox
	stripe *stripegw.Gateway
}

// Work asks Stripe for the customer and rings for their account.
func (w *resolveWorker) Work(ctx context.Context, job *river.Job[resolveArgs]) error {
	e, err := w.inbox.db.Event(ctx, job.Args.Event)
	if err != nil {
		return err
	}
	customer, err := w.stripe.CustomerOf(ctx, e.ObjectType, e.ObjectID)
	if err != nil && billing.CodeOf(err) != billing.ENotFound {
		return noting(ctx, w.inbox.db, err, func(tx *store.Tx, why string) error { return tx.FailEvent(ctx, e.ID, why) })
	}
	return w.inbox.db.InTx(ctx, func(tx *store.Tx) error {
		a, err := tx.LockAccountByCustomer(ctx, customer)
		if billing.CodeOf(err) == billing.ENotFound {
			return tx.IgnoreEvent(ctx, e.ID, "its customer is not ours")
		}
		if err != nil {
			return err
		}
		return w.inbox.ring(ctx, tx, e.ID, a)
	})
}

type sweepArgs struct{}

func (sweepArgs) Kind() string { return "sweep" }

type sweepWorker struct {
	river.WorkerDefaults[sweepArgs]
	inbox *Inbox
}

// Work sweeps.
func (w *sweepWorker) Work(ctx context.Context, _ *river.Job[sweepArgs]) error {
	return w.inbox.Sweep(ctx)
}

// Sweep rings again for events that wait too long, and drops logins that ran out and syncs of long ago.
func (in *Inbox) Sweep(ctx context.Context) error {
	before := in.db.Now().Add(-overdueAfter)
	accounts, err := in.db.OverdueAccounts(ctx, before, sweepLimit)
	if err != nil {
		return err
	}
	for _, id := range accounts {
		err := in.db.InTx(ctx, func(tx *store.Tx) error {
			a, err := tx.LockAccount(ctx, id)
			if err != nil {
				return err
			}
			// A job without an event behind it would end at once, and take with it an event that had just joined it.
			if pending, err := tx.HasPendingEvents(ctx, id); err != nil || !pending {
				return err
			}
			return in.enqueue(ctx, tx, syncArgs{Account: id, AfterTicket: a.Sync.TicketIssued})
		})
		if err != nil {
			return err
		}
	}
	events, err := in.db.UnroutedEvents(ctx, before, sweepLimit)
	if err != nil {
		return err
	}
	for _, id := range events {
		if err := in.db.InTx(ctx, func(tx *store.Tx) error { return in.enqueue(ctx, tx, resolveArgs{Event: id}) }); err != nil {
			return err
		}
	}
	if n := len(accounts) + len(events); n > 0 {
		in.log.WarnContext(ctx, "events waited too long and were rung for again", "accounts", len(accounts), "unrouted", len(events))
	}
	return in.db.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.DeleteOldSyncs(ctx, tx.Now.Add(-syncsKept), sweepLimit); err != nil {
			return err
		}
		return tx.DeleteOldLogins(ctx)
	})
}

// backoff retries after 1, 2, 4 … seconds, a minute at the most: a sync is cheap, and somebody waits for it.
type backoff struct{}

func (backoff) NextRetry(job *rivertype.JobRow) time.Time {
	wait := min(time.Second<<min(len(job.Errors), 6), maxBackoff)
	return time.Now().Add(wait/2 + rand.N(wait/2+1)) // the queue's clock is the real one, also where ours is moved
}

// clip makes a text one that a column can keep: short, and valid UTF-8 without NUL, which PostgreSQL insists on.
func clip(s string, n int) string {
	s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	if len(s) > n {
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "")
}

// quiet lets only what needs a person through: the queue logs its every start and stop.
type quiet struct{ slog.Handler }

func (q quiet) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && q.Handler.Enabled(ctx, l)
}
