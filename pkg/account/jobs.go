package account

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/store"
)

// forgetInterval is how long an expired login, or a count of attempts that is back at zero, may stay in the database.
const forgetInterval = 30 * time.Second

// clocksDiffer bounds how far the clocks of two servers are apart.
const clocksDiffer = 5 * time.Minute

// RegisterJobs registers the jobs that delete expired logins and forgotten attempts, and those that send mail.
func (s *Service) RegisterJobs(r *jobs.Runner) {
	s.registerMail(r)
	r.Look(jobs.Look{Kind: "forget_logins", Every: forgetInterval, Do: func(ctx context.Context) error {
		return s.db.InTx(ctx, func(tx *store.Tx) error { return tx.DeleteOldLogins(ctx) })
	}})
	r.Look(jobs.Look{Kind: "forget_exchanged_tokens", Every: forgetInterval, Do: s.forgetExchangedTokens})
	r.Look(jobs.Look{Kind: "forget_attempts", Every: forgetInterval, Do: func(ctx context.Context) error {
		return s.db.InTx(ctx, func(tx *store.Tx) error { return tx.DeleteOldAttempts(ctx) })
	}})
}

// forgetExchangedTokens deletes ID tokens that no server accepts any more.
func (s *Service) forgetExchangedTokens(ctx context.Context) error {
	return s.db.InTx(ctx, func(tx *store.Tx) error {
		return tx.DeleteExchangedTokens(ctx, s.issuers.Now().Add(-clocksDiffer))
	})
}
