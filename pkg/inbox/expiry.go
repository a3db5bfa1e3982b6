package inbox

import (
	"context"
	"time"

	"github.com/riverqueue/river"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
)

const (
	// expiryInterval is how long points that ran out may go unnoticed when nobody looks at the account.
	expiryInterval = 20 * time.Second
	expiryLimit    = 2000 // accounts of one look; the next one goes on
)

// onceOnly is for a look that is not tried again: the next one sees what it did not.
var onceOnly = &river.InsertOpts{MaxAttempts: 1}

type lookForExpiredArgs struct{}

func (lookForExpiredArgs) Kind() string { return "look_for_expired" }

type lookForExpiredWorker struct {
	river.WorkerDefaults[lookForExpiredArgs]
	inbox *Inbox
}

// Work ends lots that ran out.
func (w *lookForExpiredWorker) Work(ctx context.Context, _ *river.Job[lookForExpiredArgs]) error {
	return w.inbox.EndLots(ctx)
}

// EndLots ends lots that ran out though nobody looks at their accounts, so that their end is told. An account that fails keeps no other
// one waiting. Any number of replicas may do it at once.
func (in *Inbox) EndLots(ctx context.Context) error {
	accounts, err := in.db.RanOut(ctx, in.db.Now(), expiryLimit)
	if err != nil {
		return err
	}
	failed := 0
	for _, a := range accounts {
		if err := in.endLots(ctx, a); ctx.Err() != nil {
			return ctx.Err()
		} else if err != nil {
			if failed++; failed == 1 { // one tells enough of what may be the same for all
				in.log.WarnContext(ctx, "points of an account ran out and could not be ended", "account", a.ID, "error", err)
			}
		}
	}
	return nil
}

// endLots ends an account's lots that ran out. Where a subscription lives Stripe is asked first, by a job: that no new points have come, or
// no later end, may be for an event that was lost, and a later end is given to those lots only whose end nobody has noticed.
func (in *Inbox) endLots(ctx context.Context, a billing.Account) error {
	if a.Subscription != nil && a.Subscription.Status.Live() {
		return in.db.InTx(ctx, func(tx *store.Tx) error { return in.enqueue(ctx, tx, expireArgs{Account: a.ID}) })
	}
	_, _, err := ledger.Show(ctx, in.db, a.ID)
	return err
}

// expireArgs asks to end an account's lots that ran out, by what Stripe says of its subscription.
type expireArgs struct {
	Account billing.AccountID `json:"account"`
}

func (expireArgs) Kind() string { return "expire" }

type expireWorker struct {
	river.WorkerDefaults[expireArgs]
	db     *store.DB
	syncer *reconcile.Syncer
}

// Work syncs the account and then ends what is still overdue. Where Stripe does not answer it ends nothing: points wait.
func (w *expireWorker) Work(ctx context.Context, job *river.Job[expireArgs]) error {
	a, err := w.db.Account(ctx, job.Args.Account)
	if err != nil || a.NextExpiry == nil || a.NextExpiry.After(w.db.Now()) {
		return err
	}
	if _, err := w.syncer.SyncExpiry(ctx, a.ID); err != nil {
		return err
	}
	return ledger.EndOverdue(ctx, w.db, a.ID)
}
