// Package inbox owns the events received from Stripe. It stores each event once, durably, and ensures that each leads
// to a sync.
//
// An event is like a doorbell: it says which customer to look at, and nothing else in it is ever applied. Its row and
// its job are written in one transaction. The table is the truth, and the job queue only a means. An event is
// *processed* as soon as a sync that began after its receipt was applied, no matter which job or request caused that
// sync. A sweeper handles the events that a lost, dead or failing job left behind. The package refuses to know what a
// sync does.
//
// Many events of one account share one waiting job, because a job is unique by its account and the account's last sync
// ticket. A sync takes the next ticket when it begins. After that a new event gets a new job. Storing an event and
// taking a ticket both happen under the account's lock. So no event is missed: the sync that begins covers it, or its
// new job does.
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
	"github.com/pointsync/pointsync/pkg/metric"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/stripegw"
	"github.com/pointsync/pointsync/pkg/trace"
)

// Options are the parts that an Inbox works with.
type Options struct {
	DB       *store.DB
	Stripe   *stripegw.Gateway
	Syncer   *reconcile.Syncer
	Secrets  []string // of the webhook endpoint; several while one is being rolled
	Livemode bool     // events of the other mode are kept and ignored
	Jobs     *jobs.Runner
	Metrics  *metric.Metrics
	Log      *slog.Logger

	BackfillInterval time.Duration    // between two walks over Stripe's list of events; 0: no walks
	Seen             func(events int) // is called after each page of a walk; nil: no one is told
}

// Inbox receives events and runs their jobs.
type Inbox struct {
	db       *store.DB
	stripe   *stripegw.Gateway
	syncer   *reconcile.Syncer
	secrets  []string
	livemode bool
	log      *slog.Logger
	jobs     *jobs.Runner
	metrics  *metric.Metrics
	refusals refusals
	sweeps   time.Duration // the pause between two looks of the sweeper
	seen     func(events int)

	// When this process last ended a walk over Stripe's list, and last received an event, by the machine's clock.
	lookedAt, receivedAt atomic.Int64
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
		metrics:  o.Metrics,
		sweeps:   sweepInterval,
		seen:     o.Seen,
	}
	in.registerJobs(o.BackfillInterval)
	return in
}

// Accept checks that Stripe sent the body, and receives its event. Errors: EInvalid, EUnavailable.
func (in *Inbox) Accept(ctx context.Context, body []byte, signature string) error {
	outcome, err := in.accept(ctx, body, signature)
	in.metrics.Webhook(outcome)
	return err
}

func (in *Inbox) accept(ctx context.Context, body []byte, signature string) (metric.WebhookOutcome, error) {
	e, err := stripegw.ParseEvent(body, signature, in.secrets, in.db.Now())
	if errors.Is(err, stripegw.ErrNoSecretFits) {
		in.noteRefusal(ctx, body)
	}
	if err != nil {
		return metric.WebhookRefused, err
	}
	if e.APIVersion != stripegw.APIVersion {
		in.log.WarnContext(
			ctx, "an event has another API version than the one pinned; its object is fetched in ours", "event", e.ID,
			"api_version", e.APIVersion,
		)
	}
	status, isNew, err := in.keep(ctx, e)
	switch {
	case err != nil:
		return metric.WebhookFailed, err
	case !isNew:
		return metric.WebhookDuplicate, nil
	case status == billing.InboxIgnored:
		return metric.WebhookIgnored, nil
	}
	return metric.WebhookStored, nil
}

// keep stores an event and its job, and reports whether the event is new. An event that is known already changes
// nothing. Errors: EUnavailable, after which Stripe sends the event again.
func (in *Inbox) keep(ctx context.Context, e stripegw.Event) (status billing.InboxStatus, isNew bool, err error) {
	in.receivedAt.Store(time.Now().UnixNano())
	err = in.db.InTx(ctx, func(tx *store.Tx) (err error) {
		status, isNew, err = in.receive(ctx, tx, e)
		return err
	})
	return status, isNew, err
}

// receive is keep within a transaction.
func (in *Inbox) receive(
	ctx context.Context, tx *store.Tx, e stripegw.Event,
) (status billing.InboxStatus, isNew bool, err error) {
	row := toRowEvent(e, tx.Now)
	row.Origin = trace.Carry(ctx)
	account, err := in.route(ctx, tx, &row)
	if err != nil {
		return row.Status, false, err
	}
	isNew, err = tx.InsertEvent(ctx, row)
	switch {
	case err != nil || !isNew || row.Status == billing.InboxIgnored:
		return row.Status, isNew, err
	case row.AccountID == "":
		return row.Status, true, in.jobs.Enqueue(ctx, tx, resolveArgs{Event: row.ID})
	}
	sync := syncArgs{Account: account.ID, AfterTicket: account.Sync.TicketIssued}
	return row.Status, true, in.jobs.Enqueue(ctx, tx, sync)
}

// toRowEvent returns what is kept of an event, in a form that the database can store. Stripe would send the event again
// for three days if an odd text or time made it fail.
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

// askable matches ids as Stripe makes them. Another id, such as "..", would change the path of the request, and its job
// would never end.
var askable = regexp.MustCompile(`^[A-Za-z0-9_]+$`)

// route finds and locks the account of an event, or marks the event as ignored and says why.
func (in *Inbox) route(ctx context.Context, tx *store.Tx, e *billing.InboxEvent) (billing.Account, error) {
	ignore := func(why string) (billing.Account, error) {
		e.Status, e.Reason = billing.InboxIgnored, why
		return billing.Account{}, nil
	}
	switch {
	case e.Livemode != in.livemode:
		return ignore("it is of the other mode (live or test) than the server's key")
	case e.CustomerID == "" && (e.ObjectType == billing.ObjectDispute || e.ObjectType == billing.ObjectRefund) &&
		askable.MatchString(e.ObjectID):
		return billing.Account{}, nil // a job must ask Stripe whose it is
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

// Replay makes a stored event pending again, enqueues its job, and records who asked for it and why. It does so
// whatever happened to the event before. Errors: EInvalid (no reason), ENotFound, and EConflict if it still concerns no
// account.
func (in *Inbox) Replay(ctx context.Context, id billing.StripeEventID, by billing.AdminID, why string) error {
	if err := billing.NeedReason(why); err != nil {
		return err
	}
	return in.db.InTx(ctx, func(tx *store.Tx) error {
		e, err := tx.Event(ctx, id)
		if billing.CodeOf(err) == billing.ENotFound {
			return billing.Errorf(billing.ENotFound, "No such event.")
		}
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
		if err := tx.InsertAdminAction(ctx, billing.AdminAction{
			ID: billing.NewActionID(tx.Now), AccountID: a.ID, Subject: string(id), AdminID: by,
			Action: billing.ActionReplay, Reason: why, CreatedAt: tx.Now,
		}); err != nil {
			return err
		}
		if a.ID == "" {
			return in.jobs.Enqueue(ctx, tx, resolveArgs{Event: id})
		}
		return in.ring(ctx, tx, id, a)
	})
}

// ring makes an event pending and enqueues a sync of its account. The transaction holds the account's lock.
func (in *Inbox) ring(ctx context.Context, tx *store.Tx, id billing.StripeEventID, a billing.Account) error {
	if err := tx.ReopenEvent(ctx, id, a.ID); err != nil {
		return err
	}
	return in.jobs.Enqueue(ctx, tx, syncArgs{Account: a.ID, AfterTicket: a.Sync.TicketIssued})
}
