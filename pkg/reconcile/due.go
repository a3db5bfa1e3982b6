package reconcile

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/store"
)

const dueLimit = 500 // accounts of one look; the next one goes on

// LookForDue enqueues a sync of each account whose next points have fallen due. One that waits already, or is tried
// again because Stripe does not answer, is not enqueued twice.
func (s *Syncer) LookForDue(ctx context.Context, r *jobs.Runner) error {
	accounts, err := s.db.DueAccounts(ctx, s.db.Now(), dueLimit)
	if err != nil {
		return err
	}
	for _, id := range accounts {
		if err := s.db.InTx(
			ctx, func(tx *store.Tx) error { return r.Enqueue(ctx, tx, dueArgs{Account: id}) },
		); err != nil {
			return err
		}
	}
	return nil
}

// dueArgs asks for a sync of an account whose points have fallen due.
type dueArgs struct {
	Account billing.AccountID `json:"account"`
}

// Kind names the job.
func (dueArgs) Kind() string { return "sync_due" }

// syncDue syncs the account, unless another sync has granted what was due.
func (s *Syncer) syncDue(ctx context.Context, args dueArgs) error {
	_, err := s.Sync(ctx, args.Account, billing.CauseDue, grantsAreDue)
	return err
}

// grantsAreDue is the condition that points which were paid for have fallen due.
func grantsAreDue(_ context.Context, tx *store.Tx, a billing.Account) (bool, error) {
	return a.Sync.NextGrantAt != nil && !a.Sync.NextGrantAt.After(tx.Now), nil
}
