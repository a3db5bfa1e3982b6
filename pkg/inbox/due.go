package inbox

import (
	"context"
	"time"

	"github.com/riverqueue/river"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
)

const (
	// dueInterval is how long points that were paid for may wait past their time when nobody looks at the account.
	dueInterval = 20 * time.Second
	dueLimit    = 500 // of one look; the next one goes on
)

type lookForDueArgs struct{}

func (lookForDueArgs) Kind() string { return "look_for_due" }

type lookForDueWorker struct {
	river.WorkerDefaults[lookForDueArgs]
	inbox *Inbox
}

// Work asks for a sync of each account whose next points have fallen due.
func (w *lookForDueWorker) Work(ctx context.Context, _ *river.Job[lookForDueArgs]) error {
	return w.inbox.RingDue(ctx)
}

// RingDue asks for a sync of each account whose next points have fallen due. One that waits already, or is tried again because Stripe
// does not answer, is not asked for twice.
func (in *Inbox) RingDue(ctx context.Context) error {
	accounts, err := in.db.DueAccounts(ctx, in.db.Now(), dueLimit)
	if err != nil {
		return err
	}
	for _, id := range accounts {
		if err := in.db.InTx(ctx, func(tx *store.Tx) error { return in.enqueue(ctx, tx, dueArgs{Account: id}) }); err != nil {
			return err
		}
	}
	return nil
}

// dueArgs asks for a sync of an account whose points have fallen due.
type dueArgs struct {
	Account billing.AccountID `json:"account"`
}

func (dueArgs) Kind() string { return "sync_due" }

type dueWorker struct {
	river.WorkerDefaults[dueArgs]
	db     *store.DB
	syncer *reconcile.Syncer
}

// Work syncs the account, unless another sync has done so since.
func (w *dueWorker) Work(ctx context.Context, job *river.Job[dueArgs]) error {
	a, err := w.db.Account(ctx, job.Args.Account)
	if err != nil || a.Sync.NextGrantAt == nil || a.Sync.NextGrantAt.After(w.db.Now()) {
		return err
	}
	_, err = w.syncer.SyncDue(ctx, a.ID)
	return err
}
