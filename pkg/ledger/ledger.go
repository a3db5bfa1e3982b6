// Package ledger owns points: entries, which are the movements of an account's points, and lots, which are points that
// were granted together and expire together. Entries are appended and never changed. For each account, available + held
// - debt is the sum of its entries, and none of the three is ever below zero. The package does not know Stripe, orders
// or plans. All that it knows about the reason of a grant is its key, which names the business fact.
//
// A spend is one conditional update of the account's row and one appended entry. It touches no lot. Lots are settled
// lazily: the spends since the last settlement (`unsettled`) are allocated to the lots in burn order when a lot is
// added, expires, is clawed back or is shown. Between two settlements the set of lots does not change, so the late
// allocation is exact. Once the next expiry has come, a spend settles first, so expired points are never spent.
//
// If a subscription is live, only a sync ends the lots of its periods. Such a lot is overdue when it has expired and no
// sync has looked at it since. It is shown, but no spend or hold takes points from it.
//
// A hold takes its points out of the lots at once, in burn order. It keeps them, even if the lots end in the meantime.
// Points that it gives back pay debt first. The others return to the lots that they came from. If such a lot has ended,
// its points expire.
//
// Functions that take a *store.Tx expect an account that was locked and read in that transaction. They return the
// account with their changes.
package ledger

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// Expire gives lots the period and the expiry that change returns for them. The new expiry may be later or earlier, or
// already past. Expire then ends the lots that had expired at asOf, even overdue ones. Only a sync calls it, with what
// Stripe said, and asOf is how new that is. Lots that expired since asOf are left to the next sync, because a renewal
// may have given them another expiry. Points spent until now were spent from these lots. A lot that passed its old
// expiry unnoticed stays usable until the new one.
func Expire(
	ctx context.Context, tx *store.Tx, a billing.Account, asOf time.Time, change func(billing.Lot) billing.Lot,
) (billing.Account, error) {
	a, lots, err := allocated(ctx, tx, a)
	if err != nil {
		return a, err
	}
	for i, l := range lots {
		if l.EndedAt != nil || l.Remaining+l.Held == 0 {
			continue
		}
		to := change(l)
		if billing.SameTime(l.ExpiresAt, to.ExpiresAt) && samePeriod(l.Period, to.Period) {
			continue
		}
		lots[i].ExpiresAt, lots[i].Period = to.ExpiresAt, to.Period
		if err := tx.SaveLot(ctx, lots[i]); err != nil {
			return a, err
		}
	}
	if a, err = passTime(ctx, tx, a, lots, ranOut(asOf)); err != nil {
		return a, err
	}
	return a, tx.SavePoints(ctx, a)
}

func samePeriod(a, b *billing.Period) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Start.Equal(b.Start) && a.End.Equal(b.End) && a.Inner == b.Inner
}

func appendEntry(
	ctx context.Context, tx *store.Tx, a billing.Account, kind billing.EntryKind, amount billing.Points, why string,
	lot billing.LotID,
) error {
	return tx.AppendEntry(ctx, billing.Entry{
		ID:           billing.NewEntryID(tx.Now),
		AccountID:    a.ID,
		Kind:         kind,
		Amount:       amount,
		BalanceAfter: a.Total(),
		Seq:          a.Version,
		Description:  why, LotID: lot, CreatedAt: tx.Now,
	})
}
