// Package ledger owns points. Entries are appended and never changed; available + held - debt of an account is the sum
// of its entries, and none of the three is ever below zero. It does not know Stripe, orders or plans: a grant's key
// names the business fact behind it, and that is all it wants to know of it.
//
// A spend is one conditional update of the account's row and one appended entry; it touches no lot. Lots are settled
// lazily: the spends since the last settlement (`unsettled`) are allocated to them in burn order when a lot is added,
// runs out, is clawed back or is shown. Between two settlements the set of lots does not change, so the late allocation
// is exact. A spend never passes the next expiry without settling first, so points that ran out are never spent.
//
// Lots of a live subscription's periods are ended by syncs alone. One whose end has come and that no sync has looked at
// since is overdue: it is shown, and no spend or hold takes from it.
//
// A hold takes its points out of the lots at once, in burn order, and keeps them whatever becomes of the lots
// meanwhile. What it gives back pays debt first, then returns to where it came from; where that lot has ended, it
// expires.
//
// Functions that take a *store.Tx expect the account as it was locked in that transaction, and answer it as they left
// it.
package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// Grant adds a lot, once for each key: ok is false, and nothing changes, when the key granted before. Debt is paid
// first. A grant of a period ends no lot of a period because its time has come: what the renewal lets live on does so,
// however late it is seen. The sync that makes it calls Expire after it.
func Grant(
	ctx context.Context, tx *store.Tx, a billing.Account, g billing.Grant,
) (_ billing.Account, ok bool, err error) {
	if g.Amount < 0 || g.Amount > billing.MaxPoints || g.Key == "" || g.Replaces && g.Period == nil {
		return a, false, fmt.Errorf(
			"ledger: a grant of %d points under key %q is out of bounds, or begins no period", g.Amount, g.Key,
		)
	}
	if _, exists, err := tx.LotByGrant(ctx, a.ID, g.Key); err != nil || exists {
		return a, false, err
	}
	ends := byClock(a, tx.Now)
	if g.Period != nil {
		ends = func(l billing.Lot) bool { return ranOut(tx.Now)(l) && (l.Period == nil || l.EndedAt != nil) }
	}
	a, lots, err := settle(ctx, tx, a, ends)
	if err != nil {
		return a, false, err
	}
	if g.Replaces {
		if a, err = begin(ctx, tx, a, lots, g); err != nil {
			return a, false, err
		}
	}
	pays := min(a.Debt, g.Amount)
	lot := billing.Lot{
		ID: billing.NewLotID(tx.Now), AccountID: a.ID, GrantKey: g.Key, Source: g.Source, Granted: g.Amount,
		Remaining: g.Amount - pays, Period: g.Period, ExpiresAt: g.ExpiresAt, CreatedAt: tx.Now,
	}
	if g.Period != nil {
		lot.Origin = &g.Period.Start
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
	if a, err = catchUp(ctx, tx, a, lots, lot); err != nil {
		return a, false, err
	}
	if a.NextExpiry, err = nextExpiry(ctx, tx, a, lots); err != nil {
		return a, false, err
	}
	err = tx.SavePoints(ctx, a)
	return a, err == nil, err
}

// Expire gives lots the period and the end that change returns for them, later or earlier, which may already have come;
// then it ends what had run out at asOf, overdue lots too: just a sync calls it, by Stripe's word, and asOf is how new
// that word is. What ran out since is left to the next sync: a renewal may have given it another end. What was spent
// until now was spent from them; a lot whose old end has come unnoticed lives on to the new one.
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
