// Package inbox receives Stripe's events once, durably, and sees to it that each leads to a sync.
//
// An event is a doorbell: it says which customer to look at, and nothing of it is ever applied. Its row and the job
// that answers it are written in one transaction. The table is the truth and the job queue only a means: an event is
// *processed* when a sync that began after its receipt was applied, whichever job or request caused that sync, and a
// sweeper answers events that a lost, dead or failing job left behind. It refuses to know what a sync does.
//
// Many events of one account collapse into one waiting job: a job is unique by account and by the account's last sync
// ticket. As soon as a sync has begun (which takes the next ticket), a new event gets a job of its own. Both
// happen under the account's lock, so an event is either tied to the sync that begins or finds its ticket taken.
package inbox

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
	"sync/atomic"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/jobs"
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
	Jobs     *jobs.Runner
	Log      *slog.Logger

	BackfillInterval time.Duration // from one walk over Stripe's list of events to the next; 0: none by itself
}

// Inbox receives events and does their jobs.
type Inbox struct {
	db       *store.DB
	stripe   *stripegw.Gateway
	syncer   *reconcile.Syncer
	secrets  []string
	livemode bool
	log      *slog.Logger
	jobs     *jobs.Runner
	refusals refusals
	lookedAt atomic.Int64  // when a walk of this process over Stripe's list last ended, by the machine's clock
	sweeps   time.Duration // from one look of the sweeper to the next
}

// New returns an Inbox and registers its jobs.
func New(o Options) *Inbox {
	in := &Inbox{
		db:       o.DB,
		stripe:   o.Stripe,
		syncer:   o.Syncer,
		secrets:  o.Secrets,
		livemode: o.Livemode,
		jobs:     o.Jobs,
		log:      o.Log,
		sweeps:   sweepInterval,
	}
	in.registerJobs(o.BackfillInterval)
	return in
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
		in.log.WarnContext(
			ctx, "an event has another API version than the one pinned; its object is fetched in ours", "event", e.ID,
			"api_version", e.APIVersion,
		)
	}
	return in.Receive(ctx, e)
}

// Receive stores an event and its job; a known event changes nothing. Errors: EUnavailable, upon which Stripe sends
// again.
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
		return true, in.jobs.Enqueue(ctx, tx, resolveArgs{Event: row.ID})
	}
	return true, in.jobs.Enqueue(ctx, tx, syncArgs{Account: account.ID, AfterTicket: account.Sync.TicketIssued})
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
	case e.CustomerID == "" && (e.ObjectType == "dispute" || e.ObjectType == "refund") &&
		askable.MatchString(e.ObjectID):
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
			return in.jobs.Enqueue(ctx, tx, resolveArgs{Event: id})
		}
		return in.ring(ctx, tx, id, a)
	})
}

// ring makes an event pending for an account whose lock the transaction holds.
func (in *Inbox) ring(ctx context.Context, tx *store.Tx, id billing.StripeEventID, a billing.Account) error {
	if err := tx.ReopenEvent(ctx, id, a.ID); err != nil {
		return err
	}
	return in.jobs.Enqueue(ctx, tx, syncArgs{Account: a.ID, AfterTicket: a.Sync.TicketIssued})
}
