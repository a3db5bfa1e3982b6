package ledger_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves that the points of an expired hold come back even if no one reads the account. Of 10 points 7 are held for a
// minute, and a minute later 10 are available.
func TestHoldsComeBack(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		ctx := t.Context()
		b.grant("pack", 10, never)
		_, err := ledger.Hold(ctx, b.db, b.id, ledger.HoldRequest{Amount: 7, TTL: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		b.wantBalance(billing.Balance{Available: 3, Held: 7})
		b.clock.Advance(time.Minute)
		runner, err := jobs.New(b.db, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		ledger.RegisterJobs(runner, b.db)
		if err := runner.Start(ctx); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := runner.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		}()
		storetest.WaitFor(t, "the points are back", func() bool {
			a, err := b.db.Account(ctx, b.id)
			return err == nil && a.Balance == billing.Balance{Available: 10}
		})
		if err := ledger.Audit(ctx, b.db, b.id); err != nil {
			t.Error(err)
		}
	})
}
