package reconcile

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
)

const expiryLimit = 2000 // accounts that one look takes; the next look continues

// LookForExpired expires lots that ran out although no one looks at their accounts, so that an event reports it. If one
// account fails, the others do not wait for it. Any number of replicas may run it at once.
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
			if failed++; failed == 1 { // one is enough: the cause may be the same for all
				s.log.WarnContext(
					ctx, "points of an account ran out and could not be ended", "account", a.ID, "error", err,
				)
			}
		}
	}
	return nil
}

// endLots expires an account's lots that ran out. If the account has a live subscription, a job asks Stripe first. New
// points, or a later expiry, may be missing only because an event was lost. And a lot can get a later expiry only until
// its end is recorded.
func (s *Syncer) endLots(ctx context.Context, r *jobs.Runner, a billing.Account) error {
	if a.Subscription != nil && a.Subscription.Status.Live() {
		return s.db.InTx(ctx, func(tx *store.Tx) error { return r.Enqueue(ctx, tx, expireArgs{Account: a.ID}) })
	}
	_, _, err := ledger.Show(ctx, s.db, a.ID)
	return err
}

// expireArgs are the arguments of the job that expires an account's lots that ran out, by asking Stripe about the
// subscription.
type expireArgs struct {
	Account billing.AccountID `json:"account"`
}

// Kind names the job.
func (expireArgs) Kind() string { return "expire" }

// expire syncs the account, which expires what had run out when the picture began. It ends nothing by itself: Stripe
// may have given points a later end after that. If Stripe does not respond, points wait.
func (s *Syncer) expire(ctx context.Context, args expireArgs) error {
	a, err := s.db.Account(ctx, args.Account)
	if err != nil || a.NextExpiry == nil || a.NextExpiry.After(s.db.Now()) {
		return err
	}
	_, err = s.Sync(ctx, a.ID, billing.CauseExpiry)
	return err
}
