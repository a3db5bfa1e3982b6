// Package inbox receives Stripe's events once, durably, and sees to it that each leads to a sync.
//
// An event is a doorbell: it says which customer to look at, and nothing of it is ever applied. Its row and the job that
// answers it are written in one transaction. The table is the truth and the job queue only a means: an event is
// *processed* when a sync that began after its receipt was applied, whichever job or request caused that sync, and a
// sweeper answers events that a lost, dead or failing job left behind. It refuses to know what a sync does.
//
// Many events of one account collapse into one waiting job: a job is unique by account and by the account's last sync
// ticket. As soon as a sync has begun (which takes the next ticket), a new event gets a job of its own. Both
// happen under the account's lock, so an event is either tied to the sync that begins or finds its ticket taken.
package inbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivertype"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/outbox"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// Options are the parts an Inbox works with.
type Options struct {
	DB       *store.DB
	Stripe   *stripegw.Gateway
	Syncer   *reconcile.Syncer
	Secrets  []string // of the webhook endpoint; several while one is rolled
	Livemode bool     // events of the other mode are kept and ignored
	Local    bool     // endpoints of the operator's may be plain http, on this machine or network
	Chores   []Chore  // of the rooms above
	Log      *slog.Logger

	BackfillInterval time.Duration // from one walk over Stripe's list of events to the next; 0: none by itself
}

// Inbox receives events and works their jobs.
type Inbox struct {
	db       *store.DB
	stripe   *stripegw.Gateway
	syncer   *reconcile.Syncer
	secrets  []string
	livemode bool
	log      *slog.Logger
	jobs     *river.Client[*sql.Tx]
	refusals refusals
	lookedAt atomic.Int64       // when a walk of this process over Stripe's list last ended, by the machine's clock
	sweeps   time.Duration      // from one look of the sweeper to the next
	stop     context.CancelFunc // ends the loops, nil before Start
	loops    sync.WaitGroup
}

const (
	maxWorkers = 8
	jobTimeout = 40 * time.Second
	// driftTimeout is for a step of the comparison with Stripe: the comparison of an account may take 5 minutes.
	driftTimeout = 6 * time.Minute
	rescueAfter  = time.Minute // a job whose process died is taken up again after this
	// SQLite has no LISTEN, and on PostgreSQL the queue sends one notice each 100 ms at the most: a job that is inserted just
	// after one, as most of a burst of events are, waits for the next look.
	lookInterval = 100 * time.Millisecond
)

// New answers an Inbox that can receive; Start makes it work as well.
func New(o Options) (*Inbox, error) {
	in := &Inbox{db: o.DB, stripe: o.Stripe, syncer: o.Syncer, secrets: o.Secrets, livemode: o.Livemode, log: o.Log, sweeps: sweepInterval}
	workers := river.NewWorkers()
	river.AddWorker(workers, &syncWorker{db: o.DB, syncer: o.Syncer})
	river.AddWorker(workers, &resolveWorker{inbox: in})
	river.AddWorker(workers, &forgetWorker{inbox: in})
	river.AddWorker(workers, &auditWorker{db: o.DB, log: o.Log})
	river.AddWorker(workers, &driftWorker{db: o.DB, syncer: o.Syncer, log: o.Log})
	river.AddWorker(workers, &holdsWorker{db: o.DB})
	river.AddWorker(workers, &choreWorker{chores: o.Chores})
	river.AddWorker(workers, &lookForDueWorker{inbox: in})
	river.AddWorker(workers, &dueWorker{db: o.DB, syncer: o.Syncer})
	river.AddWorker(workers, &lookForExpiredWorker{inbox: in})
	river.AddWorker(workers, &expireWorker{db: o.DB, syncer: o.Syncer})
	river.AddWorker(workers, &backfillWorker{inbox: in})
	river.AddWorker(workers, &deliverWorker{inbox: in, courier: outbox.NewCourier(o.DB, o.Local, time.Now, o.Log)})
	cfg := &river.Config{
		Queues: map[string]river.QueueConfig{
			river.QueueDefault: {MaxWorkers: maxWorkers}, outgoingQueue: {MaxWorkers: outbox.MaxWebhooks}, // each endpoint has its own
		},
		Workers:              workers,
		Logger:               slog.New(quiet{o.Log.Handler()}),
		JobTimeout:           jobTimeout,
		RescueStuckJobsAfter: rescueAfter,
		MaxAttempts:          maxAttempts, // of the jobs that this client inserts
		RetryPolicy:          backoff{},
		FetchPollInterval:    lookInterval,
		Middleware:           []rivertype.Middleware{&storableErrors{}},
		PeriodicJobs:         append(periodicJobs(o.BackfillInterval), periodicChores(o.Chores)...),
	}
	var err error
	switch in.db.Dialect() {
	case store.Postgres:
		in.jobs, err = river.NewClient(riverdatabasesql.NewWithPgxListener(in.db.SQL(), in.db.Listener().(*pgxpool.Pool)), cfg)
	default:
		in.jobs, err = river.NewClient(riversqlite.New(in.db.SQL()), cfg)
	}
	if err != nil {
		return nil, fmt.Errorf("inbox: job queue: %w", err)
	}
	return in, nil
}

// Start begins to work jobs. Stop ends it.
func (in *Inbox) Start(ctx context.Context) error {
	// The queue lives until Stop, which lets running jobs finish; a context that ends would cut them off.
	if err := in.jobs.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("inbox: start jobs: %w", err)
	}
	ctx, in.stop = context.WithCancel(context.WithoutCancel(ctx))
	in.loops.Go(func() { in.keepSweeping(ctx) })
	in.loops.Go(func() { in.listen(ctx) })
	return nil
}

// Stop lets running jobs finish until ctx ends, then cuts them off; what was cut off is taken up again later.
func (in *Inbox) Stop(ctx context.Context) error {
	if in.stop != nil {
		in.stop() // what this cuts off, another look takes up
		in.loops.Wait()
	}
	if err := in.jobs.Stop(ctx); err != nil {
		return in.jobs.StopAndCancel(context.WithoutCancel(ctx))
	}
	return nil
}

// Accept checks that Stripe sent the body, and receives its event. Errors: EInvalid, EUnavailable.
func (in *Inbox) Accept(ctx context.Context, body []byte, signature string) error {
	e, err := stripegw.ParseEvent(body, signature, in.secrets, in.db.Now())
	if errors.Is(err, stripegw.ErrNoSecretFits) {
		in.noteRefusal(ctx, body)
	}
	if err != nil {
		return err
	}
	if e.APIVersion != stripegw.APIVersion {
		in.log.WarnContext(ctx, "an event has another API version than the one pinned; its object is fetched in ours", "event", e.ID, "api_version", e.APIVersion)
	}
	return in.Receive(ctx, e)
}

// Receive stores an event and its job; a known event changes nothing. Errors: EUnavailable, upon which Stripe sends again.
func (in *Inbox) Receive(ctx context.Context, e stripegw.Event) error {
	return in.db.InTx(ctx, func(tx *store.Tx) error {
		_, err := in.receive(ctx, tx, e)
		return err
	})
}

// receive is Receive within a transaction, and says whether the event is new.
func (in *Inbox) receive(ctx context.Context, tx *store.Tx, e stripegw.Event) (isNew bool, err error) {
	row := toRowEvent(e, tx.Now)
	account, err := in.route(ctx, tx, &row)
	if err != nil {
		return false, err
	}
	isNew, err = tx.InsertEvent(ctx, row)
	switch {
	case err != nil || !isNew || row.Status == billing.InboxIgnored:
		return isNew, err
	case row.AccountID == "":
		return true, in.enqueue(ctx, tx, resolveArgs{Event: row.ID})
	}
	return true, in.enqueue(ctx, tx, syncArgs{Account: account.ID, AfterTicket: account.Sync.TicketIssued})
}

// toRowEvent is what is kept of an event, made so that the database can keep it: an odd text or time must not make
// Stripe send the event again for three days.
func toRowEvent(e stripegw.Event, now time.Time) billing.InboxEvent {
	created := e.Created
	if year := created.Year(); year < 1970 || year > 9999 {
		created = now
	}
	return billing.InboxEvent{
		ID: storableID(e.ID), Type: storableID(e.Type), APIVersion: storableID(e.APIVersion),
		Livemode: e.Livemode, ObjectType: storableID(e.ObjectType), ObjectID: storableID(e.ObjectID),
		CustomerID: storableID(e.CustomerID), Status: billing.InboxPending, CreatedAt: created, ReceivedAt: now,
	}
}

func storableID[T ~string](id T) T { return T(billing.Storable(string(id), maxIDText)) }

// askable is an id as Stripe makes them. Another, "..", say, would make a path of its own and a job that never ends.
var askable = regexp.MustCompile(`^[A-Za-z0-9_]+$`)

// route finds the account that an event concerns and locks it, or says why there is none.
func (in *Inbox) route(ctx context.Context, tx *store.Tx, e *billing.InboxEvent) (billing.Account, error) {
	ignore := func(why string) (billing.Account, error) {
		e.Status, e.Reason = billing.InboxIgnored, why
		return billing.Account{}, nil
	}
	switch {
	case e.Livemode != in.livemode:
		return ignore("it is of the other mode (live or test) than the server's key")
	case e.CustomerID == "" && (e.ObjectType == "dispute" || e.ObjectType == "refund") && askable.MatchString(e.ObjectID):
		return billing.Account{}, nil // Stripe must be asked whose it is, which is a job's work
	case e.CustomerID == "":
		return ignore("it names no customer")
	}
	a, err := tx.LockAccountByCustomer(ctx, e.CustomerID)
	if billing.CodeOf(err) == billing.ENotFound {
		return ignore("its customer is not ours")
	}
	e.AccountID = a.ID
	return a, err
}

// Replay makes a stored event pending again and rings for it, whatever became of it before.
// Errors: ENotFound, EConflict when it still concerns no account.
func (in *Inbox) Replay(ctx context.Context, id billing.StripeEventID) error {
	return in.db.InTx(ctx, func(tx *store.Tx) error {
		e, err := tx.Event(ctx, id)
		if err != nil {
			return err
		}
		e.Status = billing.InboxPending
		a, err := in.route(ctx, tx, &e)
		if err != nil {
			return err
		}
		if e.Status == billing.InboxIgnored {
			return billing.Errorf(billing.EConflict, "This event cannot be replayed: %s.", e.Reason)
		}
		if a.ID == "" {
			return in.enqueue(ctx, tx, resolveArgs{Event: id})
		}
		return in.ring(ctx, tx, id, a)
	})
}

// ring makes an event pending for an account whose lock the transaction holds.
func (in *Inbox) ring(ctx context.Context, tx *store.Tx, id billing.StripeEventID, a billing.Account) error {
	if err := tx.ReopenEvent(ctx, id, a.ID); err != nil {
		return err
	}
	return in.enqueue(ctx, tx, syncArgs{Account: a.ID, AfterTicket: a.Sync.TicketIssued})
}
