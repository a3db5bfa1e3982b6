package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// Current returns an account as it is now. If a lot expired since the last settlement, it settles the account first.
// If NextExpiry is still in the past after that, points are overdue. Errors: ENotFound.
func Current(ctx context.Context, db *store.DB, id billing.AccountID) (billing.Account, error) {
	a, err := db.Account(ctx, id)
	if err != nil || a.NextExpiry == nil || a.NextExpiry.After(db.Now()) {
		return a, err
	}
	a, _, err = Show(ctx, db, id)
	return a, err
}

// Show settles an account and returns it with its lots in burn order. Errors: ENotFound.
func Show(ctx context.Context, db *store.DB, id billing.AccountID) (a billing.Account, lots []billing.Lot, err error) {
	err = db.InTxOf(ctx, id, func(tx *store.Tx) error {
		if a, err = tx.LockAccount(ctx, id); err != nil {
			return err
		}
		if a, _, err = settle(ctx, tx, a, byClock(a, tx.Now)); err != nil {
			return err
		}
		lots, err = tx.Lots(ctx, id)
		return err
	})
	return a, lots, err
}

// settle allocates the spends since the last settlement, then releases expired holds and ends the lots that ends
// chooses. It returns the lots as they are then, including those that ended, which have nothing remaining.
func settle(
	ctx context.Context, tx *store.Tx, a billing.Account, ends func(billing.Lot) bool,
) (billing.Account, []billing.Lot, error) {
	before := a
	a, lots, err := allocated(ctx, tx, a)
	if err != nil {
		return a, nil, err
	}
	if a, err = passTime(ctx, tx, a, lots, ends); err != nil {
		return a, nil, err
	}
	if a.Balance == before.Balance && a.Unsettled == before.Unsettled && billing.SameTime(
		a.NextExpiry, before.NextExpiry,
	) {
		return a, lots, nil
	}
	return a, lots, tx.SavePoints(ctx, a)
}

// passTime releases expired holds, ends the lots that ends chooses, and recomputes NextExpiry. The caller saves the
// account.
func passTime(
	ctx context.Context, tx *store.Tx, a billing.Account, lots []billing.Lot, ends func(billing.Lot) bool,
) (billing.Account, error) {
	a, err := releaseDue(ctx, tx, a, lots)
	if err != nil {
		return a, err
	}
	if a, err = endLots(ctx, tx, a, lots, "expired", ends); err != nil {
		return a, err
	}
	a.NextExpiry, err = nextExpiry(ctx, tx, a, lots)
	return a, err
}

// nextExpiry returns when the next lot with points left, or the next active hold, expires. No spend passes that time
// unsettled.
func nextExpiry(ctx context.Context, tx *store.Tx, a billing.Account, lots []billing.Lot) (*time.Time, error) {
	next := store.NextExpiry(lots)
	if a.Held == 0 {
		return next, nil
	}
	hold, err := tx.NextHoldExpiry(ctx, a.ID)
	if hold != nil && (next == nil || hold.Before(*next)) {
		next = hold
	}
	return next, err
}

// saveWithExpiry recomputes NextExpiry and saves the account.
func saveWithExpiry(
	ctx context.Context, tx *store.Tx, a billing.Account, lots []billing.Lot,
) (_ billing.Account, err error) {
	if a.NextExpiry, err = nextExpiry(ctx, tx, a, lots); err != nil {
		return a, err
	}
	return a, tx.SavePoints(ctx, a)
}

// allocated reads the lots in burn order and takes the spends since the last settlement out of them. The caller saves
// the account.
func allocated(ctx context.Context, tx *store.Tx, a billing.Account) (billing.Account, []billing.Lot, error) {
	lots, err := tx.Lots(ctx, a.ID)
	if err != nil {
		return a, nil, err
	}
	if err := allocate(ctx, tx, lots, a.Unsettled); err != nil {
		return a, nil, fmt.Errorf("ledger: account %s: %w", a.ID, err)
	}
	a.Unsettled = 0
	return a, lots, nil
}

// allocate takes n spent points out of the lots, in their order.
func allocate(ctx context.Context, tx *store.Tx, lots []billing.Lot, n billing.Points) error {
	for i := range lots {
		if n == 0 {
			break
		}
		part := min(n, lots[i].Remaining)
		if part == 0 {
			continue // all of it is held
		}
		lots[i].Remaining -= part
		n -= part
		if err := tx.SaveLot(ctx, lots[i]); err != nil {
			return err
		}
	}
	if n != 0 {
		return fmt.Errorf("%d points were spent that no lot has", n)
	}
	return nil
}

// endLots ends the chosen lots. What remains in them leaves the account, with an entry for each lot. What is held of
// them stays with the hold, and leaves the account when the hold gives it back.
func endLots(
	ctx context.Context, tx *store.Tx, a billing.Account, lots []billing.Lot, why string, ends func(billing.Lot) bool,
) (billing.Account, error) {
	for i, l := range lots {
		if l.Remaining == 0 && (l.Held == 0 || l.EndedAt != nil) || !ends(l) {
			continue
		}
		gone := l.Remaining
		lots[i].Remaining = 0
		lots[i].Expired += gone
		if l.EndedAt == nil {
			lots[i].EndedAt = &tx.Now
		}
		if err := tx.SaveLot(ctx, lots[i]); err != nil {
			return a, err
		}
		if gone == 0 {
			continue
		}
		a.Available -= gone
		a.Version++
		if err := appendEntry(ctx, tx, a, billing.EntryExpire, -gone, why, l.ID); err != nil {
			return a, err
		}
	}
	return a, nil
}

// ranOut chooses the lots that have expired, and those that have ended before.
func ranOut(now time.Time) func(billing.Lot) bool {
	return func(l billing.Lot) bool { return l.EndedAt != nil || l.ExpiresAt != nil && !l.ExpiresAt.After(now) }
}

// byClock chooses the lots that may end without asking Stripe: those that ranOut chooses, except overdue ones.
func byClock(a billing.Account, now time.Time) func(billing.Lot) bool {
	late := overdue(a, now)
	return func(l billing.Lot) bool { return ranOut(now)(l) && !late(l) }
}

// overdue chooses the lots of a live subscription that have expired but were not ended. Stripe may have given them a
// later expiry.
func overdue(a billing.Account, now time.Time) func(billing.Lot) bool {
	live := a.Subscription != nil && a.Subscription.Status.Live()
	return func(l billing.Lot) bool { return live && l.Period != nil && l.EndedAt == nil && ranOut(now)(l) }
}

// usable returns how many points a spend or a hold may take: the available ones minus those of overdue lots.
func usable(a billing.Account, lots []billing.Lot, now time.Time) billing.Points {
	n, late := a.Available, overdue(a, now)
	for _, l := range lots {
		if late(l) {
			n -= l.Remaining
		}
	}
	return n
}
