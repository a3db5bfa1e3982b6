// Package ledger owns points. Entries are appended and never changed; available + held - debt of an account is the sum
// of its entries, and none of the three is ever below zero. It does not know Stripe, orders or plans: a grant's key names
// the business fact behind it, and that is all it wants to know of it.
//
// A spend is one conditional update of the account's row and one appended entry; it touches no lot. Lots are settled
// lazily: the spends since the last settlement (`unsettled`) are allocated to them in burn order when a lot is added,
// runs out, is clawed back or is shown. Between two settlements the set of lots does not change, so the late allocation
// is exact. A spend never passes the next expiry without settling first, so points that ran out are never spent.
//
// A hold takes its points out of the lots at once, in burn order, and keeps them whatever becomes of the lots meanwhile. What
// it gives back pays debt first, then returns to where it came from; where that lot has ended, it expires.
//
// Functions that take a *store.Tx expect the account as it was locked in that transaction, and answer it as they left it.
package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// Grant adds a lot, once for each key: ok is false, and nothing changes, when the key granted before. Debt is paid first.
func Grant(ctx context.Context, tx *store.Tx, a billing.Account, g billing.Grant) (_ billing.Account, ok bool, err error) {
	if g.Amount < 0 || g.Amount > billing.MaxPoints || g.Key == "" {
		return a, false, fmt.Errorf("ledger: a grant of %d points under key %q is out of bounds", g.Amount, g.Key)
	}
	if _, exists, err := tx.LotByGrant(ctx, g.Key); err != nil || exists {
		return a, false, err
	}
	a, lots, err := settle(ctx, tx, a)
	if err != nil {
		return a, false, err
	}
	var later billing.Lot
	var late bool
	if g.Next != "" {
		if later, late, err = tx.LotByGrant(ctx, g.Next); err != nil {
			return a, false, err
		}
	}
	if g.Replaces && !late && (g.ExpiresAt == nil || g.ExpiresAt.After(tx.Now)) { // a late payment of a period long over ends no newer one
		if a, err = rollOver(ctx, tx, a, lots, g.Rollover, g.ExpiresAt, func(l billing.Lot) bool { return l.Source == g.Source }); err != nil {
			return a, false, err
		}
	}
	pays := min(a.Debt, g.Amount)
	lot := billing.Lot{
		ID: billing.NewLotID(tx.Now), AccountID: a.ID, GrantKey: g.Key, Source: g.Source, Granted: g.Amount,
		Remaining: g.Amount - pays, ExpiresAt: g.ExpiresAt, CreatedAt: tx.Now,
	}
	if err := tx.InsertLot(ctx, lot); err != nil {
		return a, false, err
	}
	a.Debt -= pays
	a.Available += lot.Remaining
	a.Version++
	if err := appendEntry(ctx, tx, a, billing.EntryGrant, g.Amount, g.Description, lot.ID); err != nil {
		return a, false, err
	}
	lots = append(lots, lot)
	if late {
		beside := func(l billing.Lot) bool { return l.Source == g.Source && l.ID != later.ID }
		if a, err = rollOver(ctx, tx, a, lots, g.NextRollover, later.ExpiresAt, beside); err != nil {
			return a, false, err
		}
	}
	if a.NextExpiry, err = nextExpiry(ctx, tx, a, lots); err != nil {
		return a, false, err
	}
	err = tx.SavePoints(ctx, a)
	return a, err == nil, err
}

// Expire gives the lots of a source another end, later or earlier (nil: never), which may already have come. What was spent until now
// was spent from them; a lot whose old end has come unnoticed lives on to the new one.
func Expire(ctx context.Context, tx *store.Tx, a billing.Account, source string, at *time.Time) (billing.Account, error) {
	a, lots, err := allocated(ctx, tx, a)
	if err != nil {
		return a, err
	}
	for i, l := range lots {
		if l.Source != source || l.EndedAt != nil || l.Remaining+l.Held == 0 || billing.SameTime(l.ExpiresAt, at) {
			continue
		}
		lots[i].ExpiresAt = at
		if err := tx.SaveLot(ctx, lots[i]); err != nil {
			return a, err
		}
	}
	if a, err = passTime(ctx, tx, a, lots); err != nil {
		return a, err
	}
	return a, tx.SavePoints(ctx, a)
}

func appendEntry(ctx context.Context, tx *store.Tx, a billing.Account, kind billing.EntryKind, amount billing.Points, why string, lot billing.LotID) error {
	return tx.AppendEntry(ctx, billing.Entry{
		ID: billing.NewEntryID(tx.Now), AccountID: a.ID, Kind: kind, Amount: amount, BalanceAfter: a.Total(), Seq: a.Version,
		Description: why, LotID: lot, CreatedAt: tx.Now,
	})
}
