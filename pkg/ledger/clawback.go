package ledger

import (
	"context"
	"fmt"
	"slices"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// Clawback takes back points of the lot that key granted, until `total` of them are clawed back in all. It changes
// nothing if that many are clawed back already. The points come from the lot itself, then from other lots in burn
// order. What is still missing becomes debt. Points of the lot that expired unused are not taken: they are gone
// already, so no one owes them.
func Clawback(
	ctx context.Context, tx *store.Tx, a billing.Account, key string, total billing.Points, why string,
) (billing.Account, error) {
	lot, ok, err := tx.LotByGrant(ctx, a.ID, key)
	if err != nil || !ok || total <= lot.ClawedBack {
		return a, err
	}
	if total > lot.Granted {
		return a, fmt.Errorf("ledger: %d points to claw back of %d granted under %q", total, lot.Granted, key)
	}
	a, lots, err := settle(ctx, tx, a, byClock(a, tx.Now))
	if err != nil {
		return a, err
	}
	if lot, _, err = tx.LotByGrant(ctx, a.ID, key); err != nil { // settling may have changed it
		return a, err
	}
	if total = min(total, lot.Granted-lot.Expired); total <= lot.ClawedBack {
		return a, nil
	}
	delta := total - lot.ClawedBack
	a, own, err := takeBack(ctx, tx, a, lots, lot.ID, delta)
	if err != nil {
		return a, err
	}
	if lot, _, err = tx.LotByGrant(ctx, a.ID, key); err != nil { // its remaining points may have changed
		return a, err
	}
	lot.ClawedBack, lot.ClawedOwn = total, lot.ClawedOwn+own
	if err := tx.SaveLot(ctx, lot); err != nil {
		return a, err
	}
	return a, appendEntry(ctx, tx, a, billing.EntryClawback, -delta, why, lot.ID)
}

// takeBack lowers lots by n points in all, the named one first. What they lack becomes debt. It returns how many
// points came from the named lot.
func takeBack(
	ctx context.Context, tx *store.Tx, a billing.Account, lots []billing.Lot, first billing.LotID, n billing.Points,
) (_ billing.Account, had billing.Points, err error) {
	missing := n
	for _, own := range []bool{true, false} {
		for i := range lots {
			if (lots[i].ID == first) != own {
				continue
			}
			part := min(missing, lots[i].Remaining)
			if part == 0 {
				continue
			}
			lots[i].Remaining -= part
			missing -= part
			if own {
				had = part
			}
			if err := tx.SaveLot(ctx, lots[i]); err != nil {
				return a, had, err
			}
		}
	}
	a.Available -= n - missing
	a.Debt += missing
	a.Version++
	a, err = saveWithExpiry(ctx, tx, a, lots)
	return a, had, err
}

// Restore gives back points of the lot that key granted, until no more than `total` of them are clawed back in all. It
// changes nothing if no more than that are clawed back. Debt is paid first. Points that came from the lot itself
// return to it, and expire if it has ended in the meantime. Points that came from other lots, or became debt, arrive
// as a new lot without an expiry. The lots that they came from are not remembered, and a dispute that came to nothing
// must not cost anyone bought points.
func Restore(
	ctx context.Context, tx *store.Tx, a billing.Account, key string, total billing.Points, why string,
) (billing.Account, error) {
	lot, ok, err := tx.LotByGrant(ctx, a.ID, key)
	if err != nil || !ok || total < 0 || total >= lot.ClawedBack {
		return a, err
	}
	a, lots, err := settle(ctx, tx, a, byClock(a, tx.Now))
	if err != nil {
		return a, err
	}
	if lot, _, err = tx.LotByGrant(ctx, a.ID, key); err != nil { // settling may have changed it
		return a, err
	}
	back := lot.ClawedBack - total
	elsewhere := min(back, lot.ClawedBack-lot.ClawedOwn)
	own := back - elsewhere
	lot.ClawedBack, lot.ClawedOwn = total, lot.ClawedOwn-own

	pays := min(a.Debt, back)
	free := elsewhere - min(pays, elsewhere)
	own -= pays - min(pays, elsewhere)
	lot.Remaining += own
	a.Debt -= pays
	a.Available += free + own
	a.Version++
	if err := tx.SaveLot(ctx, lot); err != nil {
		return a, err
	}
	if err := appendEntry(ctx, tx, a, billing.EntryRestore, back, why, lot.ID); err != nil {
		return a, err
	}
	lots = append(slices.DeleteFunc(lots, func(l billing.Lot) bool { return l.ID == lot.ID }), lot)
	if free > 0 {
		id := billing.NewLotID(tx.Now)
		fresh := billing.Lot{
			ID:        id,
			AccountID: a.ID,
			GrantKey:  "restore:" + string(id),
			Source:    lot.Source + ":restored",
			Granted:   free,
			Remaining: free,
			CreatedAt: tx.Now,
		}
		if err := tx.InsertLot(ctx, fresh); err != nil {
			return a, err
		}
		lots = append(lots, fresh)
	}
	if a, err = passTime(ctx, tx, a, lots, byClock(a, tx.Now)); err != nil {
		return a, err
	}
	return a, tx.SavePoints(ctx, a)
}
