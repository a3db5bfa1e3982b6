package ledger_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
)

// Proves the limits of what may be requested. There are too few points for the largest amount, but the amount is
// valid. A hold may last one second, or the longest time. No metadata and empty metadata are the same request.
func TestEdges(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.grant("pack", 10, never)
		if err := b.correct(billing.MaxPoints); billing.CodeOf(err) != billing.EConflict {
			t.Errorf("a correction of the most points: %v", err)
		}
		if err := b.correct(1); err != nil {
			t.Errorf("a correction of one point: %v", err)
		}
		ask := func(r ledger.HoldRequest) (ledger.Held, error) {
			return ledger.Hold(context.Background(), b.db, b.id, r)
		}
		if _, err := ask(
			ledger.HoldRequest{Amount: billing.MaxPoints, TTL: time.Hour},
		); billing.CodeOf(err) != billing.EInsufficientPoints {
			t.Errorf("a hold of the most points: %v", err)
		}
		for _, ttl := range []time.Duration{time.Second, ledger.MaxHoldTTL} {
			if _, err := ask(ledger.HoldRequest{Amount: 1, TTL: ttl}); err != nil {
				t.Errorf("a hold of %s: %v", ttl, err)
			}
		}
		first, err := ask(ledger.HoldRequest{Amount: 1, TTL: time.Hour, Key: "k", Metadata: map[string]string{}})
		if err != nil || first.Hold.Metadata != nil {
			t.Errorf("empty metadata: %+v, %v", first.Hold, err)
		}
		if again, err := ask(ledger.HoldRequest{Amount: 1, TTL: time.Hour, Key: "k"}); err != nil || !again.Replayed {
			t.Errorf("without metadata under the same key: replayed %v, %v", again.Replayed, err)
		}
		if _, err := ledger.ReadHold(
			context.Background(), b.db, "acc_nobody", first.Hold.ID,
		); billing.CodeOf(err) != billing.ENotFound {
			t.Errorf("a hold of an account that is not there: %v", err)
		}
	})
}

// Proves that an account has at most 1,000 active holds. The next one is refused with a time to retry, and a hold that
// ended makes room.
func TestManyHolds(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.grant("pack", 10, never)
		mine := b.hold(1, time.Hour)
		err := b.write(func(ctx context.Context, tx *store.Tx, a billing.Account) error {
			for range 999 {
				h := billing.Hold{
					ID:        billing.NewHoldID(tx.Now),
					AccountID: a.ID,
					Amount:    1,
					Status:    billing.HoldActive,
					ExpiresAt: tx.Now.Add(time.Hour),
					CreatedAt: tx.Now,
				}
				if err := tx.InsertHold(ctx, h, nil); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = ledger.Hold(context.Background(), b.db, b.id, ledger.HoldRequest{Amount: 1, TTL: time.Hour})
		var e *billing.Error
		if !errors.As(err, &e) || e.Code != billing.ETooMany || e.RetryAfter != time.Minute {
			t.Errorf("hold 1,001: %v", err)
		}
		if _, err := ledger.Release(
			context.Background(), b.db, b.id, ledger.ReleaseRequest{Hold: mine.ID},
		); err != nil {
			t.Fatal(err)
		}
		if _, err := ledger.Hold(
			context.Background(), b.db, b.id, ledger.HoldRequest{Amount: 1, TTL: time.Hour},
		); err != nil {
			t.Errorf("after one has ended: %v", err)
		}
	})
}

// Proves that a restoration does not move the account's next expiry: its other points expire in an hour, the restored
// ones in two.
func TestRestoreKeepsNextExpiry(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.grant("later", 10, 2*time.Hour)
		b.grant("sooner", 5, time.Hour)
		end := b.stored().NextExpiry
		b.clawback("later", 10)
		b.restore("later", 0)
		if got := b.stored().NextExpiry; got == nil || !got.Equal(*end) {
			t.Errorf("the next look is at %v, want %v", got, end)
		}
		b.clawback("sooner", 5)
		later := b.stored().NextExpiry
		b.restore("sooner", 0)
		if got := b.stored().NextExpiry; later == nil || !later.After(*end) || got == nil || !got.Equal(*end) {
			t.Errorf("the next look is at %v, and before at %v, want %v", got, later, end)
		}
	})
}
