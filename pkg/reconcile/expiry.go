package reconcile

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
)

const expiryLimit = 2000 // accounts of one look; the next one goes on

// LookForExpired ends lots that ran out though no one looks at their accounts, so that their end is told. An account
// that fails keeps no other one waiting. Any number of replicas may do it at once.
func (s *Syncer) LookForExpired(ctx context.Context, r *jobs.Runner) error {
	accounts, err := s.db.RanOut(ctx, s.db.Now(), expiryLimit)
	if err != nil {
		return err
	}
	failed := 0
	for _, a := range accounts {
		if err := s.endLots(ctx, r, a); ctx.Err() != nil {
			return ctx.Err()
		} else if err != nil {
			if failed++; failed == 1 { // one tells enough of what may be the same for all
				s.log.WarnContext(
					ctx, "points of an account ran out and could not be ended", "account", a.ID, "error", err,
				)
			}
		}
	}
	return nil
}

// endLots ends an account's lots that ran out. Where a subscription lives Stripe is asked first, by a job: that no new
// points have come, or no later end, may be for an event that was lost, and a later end is given to those lots only
// whose end nobody has noticed.
func (s *Syncer) endLots(ctx context.Context, r *jobs.Runner, a billing.Account) error {
	if a.Subscription != nil && a.Subscription.Status.Live() {
		return s.db.InTx(ctx, func(tx *store.Tx) error { return r.Enqueue(ctx, tx, expireArgs{Account: a.ID}) })
	}
	_, _, err := ledger.Show(ctx, s.db, a.ID)
	return err
}

// expireArgs asks to end an account's lots that ran out, by what Stripe says of its subscription.
type expireArgs struct {
	Account billing.AccountID `json:"account"`
}

// Kind names the job.
func (expireArgs) Kind() string { return "expire" }

// expire syncs the account and then ends what is still overdue. Where Stripe does not answer it ends nothing: points
// wait.
func (s *Syncer) expire(ctx context.Context, args expireArgs) error {
	a, err := s.db.Account(ctx, args.Account)
	if err != nil || a.NextExpiry == nil || a.NextExpiry.After(s.db.Now()) {
		return err
	}
	if _, err := s.Sync(ctx, a.ID, billing.CauseExpiry); err != nil {
		return err
	}
	return ledger.EndOverdue(ctx, s.db, a.ID)
}
