package ledger_test

import (
	"context"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
)

// Proves that a statement of Stripe's ends only the lots that had expired at the time of the statement. A lot of 10
// points expires at noon, and it is one o'clock each time. As of 11:59 it stays. As of noon or of 12:01 it ends. A lot
// that is moved to two o'clock as of 12:01 stays, and a lot that is moved to 11 o'clock as of 11:59 ends.
func TestExpireAsOf(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		word, moved time.Duration // relative to noon
		want        billing.Points
	}{
		"Before": {-time.Minute, 0, 10}, "At": {0, 0, 0}, "After": {time.Minute, 0, 0},
		"Later": {time.Minute, 2 * time.Hour, 10}, "Earlier": {-time.Minute, -time.Hour, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachBook(t, func(t *testing.T, b *book) {
				noon := b.clock.Now().Add(time.Hour)
				b.grantFrom("subscription", billing.Grant{Key: "in_1", Amount: 10}, time.Hour)
				b.clock.Advance(noon.Add(time.Hour).Sub(b.clock.Now()))
				var got billing.Points
				b.tell(func(ctx context.Context, tx *store.Tx, a billing.Account) error {
					a, err := ledger.Expire(ctx, tx, a, noon.Add(c.word), func(l billing.Lot) billing.Lot {
						l.ExpiresAt = new(noon.Add(c.moved))
						return l
					})
					got = a.Available
					return err
				})
				if got != c.want {
					t.Errorf("%d points are left, want %d", got, c.want)
				}
			})
		})
	}
}
