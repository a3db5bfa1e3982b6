package ledger

import (
	"context"
	"fmt"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// keyed is a request for an account under its Idempotency-Key.
type keyed struct {
	account billing.AccountID
	by      billing.Actor
	login   billing.SessionID // "" for a service
	key     string            // "" for none
	hash    string
	ends    bool // it ends a hold
}

// lock locks the account. A service may end a hold of a closed account.
func (k keyed) lock(ctx context.Context, tx *store.Tx) (billing.Account, error) {
	if k.ends && k.login == "" {
		return tx.LockAccount(ctx, k.account)
	}
	return tx.LockOpen(ctx, k.account, k.login)
}

// move changes a settled account and its lots, and returns the hold that it was about.
type move func(tx *store.Tx, a billing.Account, lots []billing.Lot) (billing.Hold, billing.Account, error)

// once makes a move, unless the key had its effect before. Unlike a spend, a hold changes the lots. So once locks the
// account first, and looks for the key under that lock. If move returns an error, its changes are undone.
func (k keyed) once(ctx context.Context, db *store.DB, do move) (h Held, err error) {
	err = db.InTxOf(ctx, k.account, func(tx *store.Tx) error {
		h = Held{}
		a, err := k.lock(ctx, tx)
		if billing.CodeOf(err) == billing.ENotFound {
			return billing.Errorf(billing.ENotFound, "No such account.")
		}
		if err != nil {
			return err
		}
		a, lots, err := settle(ctx, tx, a, byClock(a, tx.Now))
		if err != nil {
			return err
		}
		if k.key != "" {
			first, used, err := tx.EntryByKey(ctx, k.account, k.key)
			switch {
			case err != nil:
				return err
			case used && first.RequestHash != k.hash:
				return billing.KeyReused()
			case used:
				h.Account, h.Replayed = a, true
				h.Hold, err = known(tx.Hold(ctx, k.account, first.HoldID))
				return err
			}
		}
		h.Hold, h.Account, err = do(tx, a, lots)
		return err
	})
	return h, err
}

// end ends an active hold in the way that the caller chooses.
func (k keyed) end(
	ctx context.Context, db *store.DB, id billing.HoldID, how func(*billing.Hold, *billing.Entry) error,
) (Held, error) {
	k.ends = true
	return k.once(ctx, db, func(
		tx *store.Tx, a billing.Account, lots []billing.Lot,
	) (billing.Hold, billing.Account, error) {
		h, err := known(tx.Hold(ctx, k.account, id))
		if err != nil {
			return h, a, err
		}
		if h.Status != billing.HoldActive {
			return h, a, billing.Errorf(billing.EConflict, "This hold has ended: it is %s.", h.Status)
		}
		e := billing.Entry{By: k.by, Key: k.key, RequestHash: k.hash}
		if err := how(&h, &e); err != nil {
			return h, a, err
		}
		if h, a, err = endHold(ctx, tx, a, lots, h, e); err != nil {
			return h, a, err
		}
		// Expire what went back to a lot that has ended.
		if a, err = passTime(ctx, tx, a, lots, byClock(a, tx.Now)); err != nil {
			return h, a, err
		}
		return h, a, tx.SavePoints(ctx, a)
	})
}

// setAside takes the points of a new hold out of the lots that are not overdue, in burn order.
func setAside(
	ctx context.Context, tx *store.Tx, a billing.Account, lots []billing.Lot, h billing.Hold, k keyed,
) (billing.Account, error) {
	var parts []billing.HoldPart
	missing, late := h.Amount, overdue(a, tx.Now)
	for i := range lots {
		part := min(missing, lots[i].Remaining)
		if part == 0 || late(lots[i]) {
			continue
		}
		missing -= part
		lots[i].Remaining -= part
		lots[i].Held += part
		taken := billing.HoldPart{LotID: lots[i].ID, Points: part}
		if p := lots[i].Period; p != nil {
			taken.Since = &p.Start
		}
		parts = append(parts, taken)
		if err := tx.SaveLot(ctx, lots[i]); err != nil {
			return a, err
		}
	}
	if missing != 0 {
		return a, fmt.Errorf("ledger: account %s: %d points were held that no lot has", a.ID, missing)
	}
	if err := tx.InsertHold(ctx, h, parts); err != nil {
		return a, err
	}
	a.Available -= h.Amount
	a.Held += h.Amount
	a.Day = a.Day.Plus(h.Amount, tx.Now)
	a.Version++
	if a.NextExpiry == nil || h.ExpiresAt.Before(*a.NextExpiry) {
		a.NextExpiry = &h.ExpiresAt
	}
	if err := tx.SavePoints(ctx, a); err != nil {
		return a, err
	}
	return a, tx.AppendEntry(ctx, billing.Entry{
		ID:           billing.NewEntryID(tx.Now),
		AccountID:    a.ID,
		Kind:         billing.EntryHold,
		Held:         h.Amount,
		BalanceAfter: a.Total(),
		Seq:          a.Version,
		Action:       h.Action,
		Quantity:     h.Quantity,
		Description:  h.Description,
		Metadata:     h.Metadata,
		HoldID:       h.ID,
		By:           k.by,
		Key:          k.key,
		RequestHash:  k.hash,
		CreatedAt:    tx.Now,
	})
}

// endHold takes the captured points of a hold out of the account, in burn order. It pays debt with the rest, and
// returns what is then left to the lots, even to those that have ended. So the caller must call passTime after it, and
// save the account. If a lot is in a later period by now, the rollover of that period limits what comes back to it.
func endHold(
	ctx context.Context, tx *store.Tx, a billing.Account, lots []billing.Lot, h billing.Hold, e billing.Entry,
) (billing.Hold, billing.Account, error) {
	parts, err := tx.HoldParts(ctx, h.AccountID, h.ID)
	if err != nil {
		return h, a, err
	}
	from := make(map[billing.LotID]billing.HoldPart, len(parts))
	for _, p := range parts {
		from[p.LotID] = p
	}
	captured, found := h.Captured, billing.Points(0)
	var all []returned
	for i := range lots {
		part := from[lots[i].ID].Points
		if part == 0 {
			continue
		}
		used := min(captured, part)
		pays := min(a.Debt, part-used)
		back := part - used - pays
		captured -= used
		found += part
		a.Debt -= pays
		a.Available += back
		lots[i].Held -= part
		lots[i].Remaining += back
		all = append(all, returned{lot: i, points: back, part: from[lots[i].ID]})
		if err := tx.SaveLot(ctx, lots[i]); err != nil {
			return h, a, err
		}
	}
	if found != h.Amount {
		return h, a, fmt.Errorf(
			"ledger: account %s: the lots have %d points of the hold %s and not %d", a.ID, found, h.ID, h.Amount,
		)
	}
	h.EndedAt = &tx.Now
	if err := tx.EndHold(ctx, h); err != nil {
		return h, a, err
	}
	a.Held -= h.Amount
	a.Day = a.Day.Minus(h.Amount-h.Captured, h.CreatedAt)
	a.Version++
	e.ID, e.AccountID, e.HoldID, e.CreatedAt = billing.NewEntryID(tx.Now), a.ID, h.ID, tx.Now
	e.Amount, e.Held, e.BalanceAfter, e.Seq = -h.Captured, -h.Amount, a.Total(), a.Version
	if err := tx.AppendEntry(ctx, e); err != nil {
		return h, a, err
	}
	a, err = cross(ctx, tx, a, lots, all)
	return h, a, err
}

// releaseDue releases expired holds.
func releaseDue(ctx context.Context, tx *store.Tx, a billing.Account, lots []billing.Lot) (billing.Account, error) {
	if a.Held == 0 {
		return a, nil
	}
	due, err := tx.DueHolds(ctx, a.ID, tx.Now, maxActiveHolds)
	if err != nil {
		return a, err
	}
	for _, h := range due {
		h.Status = billing.HoldExpired
		if _, a, err = endHold(
			ctx, tx, a, lots, h, billing.Entry{Kind: billing.EntryRelease, Description: "expired"},
		); err != nil {
			return a, err
		}
	}
	return a, nil
}
