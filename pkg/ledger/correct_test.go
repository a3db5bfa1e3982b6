package ledger_test

import (
	"context"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
)

// correct requests a correction and returns the error.
func (b *book) correct(n billing.Points) error {
	b.t.Helper()
	err := b.write(func(ctx context.Context, tx *store.Tx, a billing.Account) error {
		_, err := ledger.Correct(ctx, tx, a, n, "by mistake", billing.Actor{})
		return err
	})
	b.tick()
	return err
}

// Proves that a correction takes points as a spend would: soonest expiry first, and no expired ones. A correction of
// more points than there are, or of less than one, changes nothing and makes no debt.
func TestCorrect(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.grant("pack", 10, never)
		b.grant("month", 10, time.Hour)
		b.spend(4)
		if err := b.correct(8); err != nil {
			t.Error(err)
		}
		b.wantLots("pack 8")
		b.grant("day", 5, time.Hour)
		b.clock.Advance(2 * time.Hour)
		for n, code := range map[billing.Points]billing.Code{
			9: billing.EConflict, 0: billing.EInvalid, -1: billing.EInvalid, billing.MaxPoints + 1: billing.EInvalid,
		} {
			if err := b.correct(n); billing.CodeOf(err) != code {
				t.Errorf("%d: got %v, want %s", n, err, code)
			}
		}
		if err := b.correct(8); err != nil {
			t.Error(err)
		}
		b.wantBalance(billing.Balance{})
		b.wantEntries(
			"grant 10 -> 10", "grant 10 -> 20", "spend -4 -> 16", "correction -8 -> 8", "grant 5 -> 13",
			"expire -5 -> 8", "correction -8 -> 0",
		)
	})
}
