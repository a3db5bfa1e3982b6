package reconcile

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/store"
)

const dueLimit = 500 // accounts that one look takes; the next look continues

// LookForDue enqueues a sync of each account whose next points have fallen due. It does not enqueue one twice: not if
// it still waits, and not if it is retried because Stripe does not respond.
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

// dueArgs are the arguments of a sync of an account whose points have fallen due.
type dueArgs struct {
	Account billing.AccountID `json:"account"`
}

// Kind names the job.
func (dueArgs) Kind() string { return "sync_due" }

// syncDue syncs the account, unless another sync already granted what was due.
func (s *Syncer) syncDue(ctx context.Context, args dueArgs) error {
	_, err := s.Sync(ctx, args.Account, billing.CauseDue, grantsAreDue)
	return err
}

// grantsAreDue is the Condition that points which are paid for have fallen due.
func grantsAreDue(_ context.Context, tx *store.Tx, a billing.Account) (bool, error) {
	return a.Sync.NextGrantAt != nil && !a.Sync.NextGrantAt.After(tx.Now), nil
}
