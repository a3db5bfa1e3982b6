package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// Current reads an account as it is now: when a lot ran out since the last look, it is settled first. Errors: ENotFound.
func Current(ctx context.Context, db *store.DB, id billing.AccountID) (billing.Account, error) {
	a, err := db.Account(ctx, id)
	if err != nil || a.NextExpiry == nil || a.NextExpiry.After(db.Now()) {
		return a, err
	}
	a, _, err = Show(ctx, db, id)
	return a, err
}

// Show settles an account and answers it with its lots in burn order. Errors: ENotFound.
func Show(ctx context.Context, db *store.DB, id billing.AccountID) (a billing.Account, lots []billing.Lot, err error) {
	err = db.InTx(ctx, func(tx *store.Tx) error {
		if a, err = tx.LockAccount(ctx, id); err != nil {
			return err
		}
		if a, _, err = settle(ctx, tx, a); err != nil {
			return err
		}
		lots, err = tx.Lots(ctx, id)
		return err
	})
	return a, lots, err
}

// settle allocates the spends since the last settlement, then does what time has brought. It answers the lots as they then
// are, those that ran out included, with nothing remaining.
func settle(ctx context.Context, tx *store.Tx, a billing.Account) (billing.Account, []billing.Lot, error) {
	before := a
	a, lots, err := allocated(ctx, tx, a)
	if err != nil {
		return a, nil, err
	}
	if a, err = passTime(ctx, tx, a, lots); err != nil {
		return a, nil, err
	}
	if a.Balance == before.Balance && a.Unsettled == before.Unsettled && billing.SameTime(a.NextExpiry, before.NextExpiry) {
		return a, lots, nil
	}
	return a, lots, tx.SavePoints(ctx, a)
}

// passTime gives back what is in holds whose time is over, then ends the lots that have run out, and notes what falls due
// next. The caller saves the account.
func passTime(ctx context.Context, tx *store.Tx, a billing.Account, lots []billing.Lot) (billing.Account, error) {
	a, err := releaseDue(ctx, tx, a, lots)
	if err != nil {
		return a, err
	}
	if a, err = endLots(ctx, tx, a, lots, "expired", ranOut(tx.Now)); err != nil {
		return a, err
	}
	a.NextExpiry, err = nextExpiry(ctx, tx, a, lots)
	return a, err
}

// nextExpiry is when the next lot with points left, or the next active hold, runs out: no spend passes it unsettled.
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

// endLots ends the chosen lots: what remains in them leaves the account, with an entry for each; what is held of them stays
// with the hold, and leaves when the hold gives it back.
func endLots(ctx context.Context, tx *store.Tx, a billing.Account, lots []billing.Lot, why string, ends func(billing.Lot) bool) (billing.Account, error) {
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

func ranOut(now time.Time) func(billing.Lot) bool {
	return func(l billing.Lot) bool { return l.EndedAt != nil || l.ExpiresAt != nil && !l.ExpiresAt.After(now) }
}
