package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// rollOver gives so many points of the chosen lots a new end, those of the lot that would end last before the others, and ends
// the rest. They stay in their lots, so a refund finds them where it looks first. What is held of a lot that lives on lives on
// with it and does not count. The caller saves the account.
func rollOver(ctx context.Context, tx *store.Tx, a billing.Account, lots []billing.Lot, limit billing.Points, until *time.Time, which func(billing.Lot) bool) (billing.Account, error) {
	for i := len(lots) - 1; i >= 0; i-- {
		l := lots[i]
		if !which(l) || l.EndedAt != nil || l.Remaining+l.Held == 0 {
			continue
		}
		if limit == 0 {
			var err error
			if a, err = endLots(ctx, tx, a, lots[i:i+1], "replaced by the next period", which); err != nil {
				return a, err
			}
			continue
		}
		kept := min(limit, l.Remaining)
		limit -= kept
		lots[i].Remaining, lots[i].ExpiresAt = kept, until
		lots[i].Expired += l.Remaining - kept
		if err := tx.SaveLot(ctx, lots[i]); err != nil {
			return a, err
		}
		if gone := l.Remaining - kept; gone > 0 {
			a.Available -= gone
			a.Version++
			if err := appendEntry(ctx, tx, a, billing.EntryExpire, -gone, "more than goes over into the next period", l.ID); err != nil {
				return a, err
			}
		}
		if kept > 0 {
			a.Version++
			if err := appendEntry(ctx, tx, a, billing.EntryRollover, 0, fmt.Sprintf("%d points go over into the next period", kept), l.ID); err != nil {
				return a, err
			}
		}
	}
	return a, nil
}
