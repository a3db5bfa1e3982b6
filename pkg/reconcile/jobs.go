package reconcile

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/store"
)

// dueSyncs are the syncs that are due at a time. Their queue is not the queue of events: on the first of a month
// thousands may fall due at once, and a customer who pays in that hour must not wait for them.
var dueSyncs = jobs.Queue{Name: "due", Workers: 4, Poll: 500 * time.Millisecond}

const (
	// How long points that fell due, or expired, may wait when no one looks at the account.
	dueInterval    = 20 * time.Second
	expiryInterval = 20 * time.Second

	forgetInterval = 30 * time.Second
	syncsKept      = 30 * 24 * time.Hour
	forgetLimit    = 500
)

// RegisterJobs registers the syncs that are due at a time, the looks that find them, and the look that deletes old
// syncs.
func (s *Syncer) RegisterJobs(r *jobs.Runner) {
	jobs.Handle(r, dueSyncs, s.syncDue)
	jobs.Handle(r, dueSyncs, s.expire)
	r.Look(jobs.Look{
		Kind: "look_for_due", Every: dueInterval,
		Do: func(ctx context.Context) error { return s.LookForDue(ctx, r) },
	})
	r.Look(jobs.Look{
		Kind: "look_for_expired", Every: expiryInterval,
		Do: func(ctx context.Context) error { return s.LookForExpired(ctx, r) },
	})
	r.Look(jobs.Look{Kind: "forget_syncs", Every: forgetInterval, Do: s.ForgetSyncs})
}

// ForgetSyncs deletes the records of syncs that began more than 30 days ago.
func (s *Syncer) ForgetSyncs(ctx context.Context) error {
	return s.db.InTx(ctx, func(tx *store.Tx) error {
		return tx.DeleteOldSyncs(ctx, tx.Now.Add(-syncsKept), forgetLimit)
	})
}
