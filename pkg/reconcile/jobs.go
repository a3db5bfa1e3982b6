package reconcile

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/store"
)

// dueSyncs are the syncs that time asks for. Their queue is not that of events: on the first of a month thousands may
// fall due at once, and whoever pays in that hour waits for none of them.
var dueSyncs = jobs.Queue{Name: "due", Workers: 4, Poll: 500 * time.Millisecond}

const (
	// How long points that fell due, or ran out, may wait when no one looks at the account.
	dueInterval    = 20 * time.Second
	expiryInterval = 20 * time.Second

	forgetInterval = 30 * time.Second
	syncsKept      = 30 * 24 * time.Hour
	forgetLimit    = 500
)

// RegisterJobs registers the syncs that time asks for, the looks that find them, and the one that forgets syncs of long
// ago.
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

// ForgetSyncs drops the notes of syncs that began more than 30 days ago.
func (s *Syncer) ForgetSyncs(ctx context.Context) error {
	return s.db.InTx(ctx, func(tx *store.Tx) error {
		return tx.DeleteOldSyncs(ctx, tx.Now.Add(-syncsKept), forgetLimit)
	})
}
