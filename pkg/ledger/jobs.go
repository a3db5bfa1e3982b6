package ledger

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/store"
)

const (
	// holdsInterval is how long expired holds may keep points if no one reads the account.
	holdsInterval = 10 * time.Second
	holdsBatch    = 100
	maxBatches    = 50 // of one look; the next one continues
)

// RegisterJobs registers the look that releases expired holds.
func RegisterJobs(r *jobs.Runner, db *store.DB) {
	r.Look(jobs.Look{Kind: "release_holds", Every: holdsInterval, Do: func(ctx context.Context) error {
		for range maxBatches {
			n, err := ReleaseDue(ctx, db, holdsBatch)
			if err != nil || n < holdsBatch {
				return err
			}
		}
		return nil
	}})
}
