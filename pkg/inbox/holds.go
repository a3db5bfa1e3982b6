package inbox

import (
	"context"
	"time"

	"github.com/riverqueue/river"

	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
)

const (
	// holdsInterval is how long held points may wait past their time when nobody looks at the account.
	holdsInterval = 10 * time.Second
	holdsBatch    = 100
	maxBatches    = 50 // of one job; the next one goes on
)

type holdsArgs struct{}

func (holdsArgs) Kind() string { return "release_holds" }

type holdsWorker struct {
	river.WorkerDefaults[holdsArgs]
	db *store.DB
}

// Work gives back the points of holds whose time is over.
func (w *holdsWorker) Work(ctx context.Context, _ *river.Job[holdsArgs]) error {
	for range maxBatches {
		n, err := ledger.ReleaseDue(ctx, w.db, holdsBatch)
		if err != nil || n < holdsBatch {
			return err
		}
	}
	return nil
}
