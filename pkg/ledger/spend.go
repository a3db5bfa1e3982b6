package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// SpendRequest asks for points. Key is the caller's Idempotency-Key, "" for none. By and Login are not part of what a
// repeat must repeat.
type SpendRequest struct {
	By          billing.Actor
	Login       billing.SessionID // of a customer: it must live; "" for a service
	Amount      billing.Points
	Description string
	Metadata    map[string]string
	Key         string
}

// hash distinguishes two requests that use the same key.
func (r SpendRequest) hash() string {
	return billing.RequestHash("spend", r.Amount, r.Description, r.Metadata)
}

// Spent is the outcome of a spend: its entry, and the account as it was left. Replayed reports that the key had its
// effect before. The entry is then the first one, and the account is as it is now.
type Spent struct {
	Entry    billing.Entry
	Account  billing.Account
	Replayed bool
}

// Spend debits points that are available, and appends the entry. It asks only the database.
// Errors: EInsufficientPoints (nothing is debited and the key stays unused), EKeyReused, EInvalid, ENotFound,
// EUnauthorized (the login has ended), EAccountClosed.
func Spend(ctx context.Context, db *store.DB, id billing.AccountID, r SpendRequest) (s Spent, err error) {
	if r.Amount < 1 || r.Amount > billing.MaxPoints {
		return s, billing.Errorf(billing.EInvalid, "The amount must be from 1 to %d points.", billing.MaxPoints)
	}
	if len(r.Metadata) == 0 {
		r.Metadata = nil // one form for no metadata, now and when the entry is read again
	}
	var refused error
	err = db.InTx(ctx, func(tx *store.Tx) (err error) {
		var ok bool
		if s.Account, ok, err = tx.Debit(ctx, id, r.Login, r.Amount); err != nil {
			return err
		}
		if !ok {
			if s.Account, ok, err = debitSlowly(ctx, tx, id, r); err != nil {
				return err
			}
		}
		if !ok {
			refused = billing.Errorf(
				billing.EInsufficientPoints, "%d points asked for and %d available.", r.Amount, s.Account.Available,
			)
			return nil // what was settled on the way stays settled
		}
		refused = nil
		s.Entry = billing.Entry{
			ID: billing.NewEntryID(tx.Now), AccountID: id, Kind: billing.EntrySpend, Amount: -r.Amount,
			BalanceAfter: s.Account.Total(),
			Seq:          s.Account.Version,
			By:           r.By,
			Description:  r.Description,
			Metadata:     r.Metadata,
			Key:          r.Key,
			RequestHash:  r.hash(), CreatedAt: tx.Now,
		}
		// The debit above holds the row's lock. So of two requests with one key, the second finds the entry of the
		// first here. Its debit is then undone with the whole transaction. ON CONFLICT DO NOTHING would keep the
		// debit.
		return tx.AppendEntry(ctx, s.Entry)
	})
	if errors.Is(err, store.ErrKeyUsed) {
		return replay(ctx, db, id, r)
	}
	if err == nil {
		err = refused
	}
	return s, err
}

// debitSlowly debits when the single statement found too few points, an expired lot, an ended login or a closed
// account. The last two are refused, even if the key was used before. Under the lock it looks for the key, because a
// copy of this request may have taken the last points. Then it settles and tries once more. If there are overdue lots,
// it debits the other lots.
func debitSlowly(
	ctx context.Context, tx *store.Tx, id billing.AccountID, r SpendRequest,
) (billing.Account, bool, error) {
	a, err := tx.LockOpen(ctx, id, r.Login)
	if err != nil {
		return a, false, err
	}
	if r.Key != "" {
		_, used, err := tx.EntryByKey(ctx, id, r.Key)
		if err != nil {
			return a, false, err
		}
		if used {
			return a, false, store.ErrKeyUsed
		}
	}
	a, lots, err := settle(ctx, tx, a, byClock(a, tx.Now))
	if err != nil {
		return a, false, err
	}
	if a.NextExpiry != nil && !a.NextExpiry.After(tx.Now) {
		return debitBeside(ctx, tx, a, lots, r.Amount)
	}
	after, ok, err := tx.Debit(ctx, id, r.Login, r.Amount)
	if !ok {
		return a, false, err
	}
	return after, true, nil
}

// debitBeside takes n points out of the lots that are not overdue, if they have that many. The points are allocated at
// once. If they stayed unsettled, the overdue lots would pay, because they are first in burn order.
func debitBeside(
	ctx context.Context, tx *store.Tx, a billing.Account, lots []billing.Lot, n billing.Points,
) (billing.Account, bool, error) {
	if usable(a, lots, tx.Now) < n {
		return a, false, nil
	}
	current := slices.DeleteFunc(slices.Clone(lots), overdue(a, tx.Now))
	if err := allocate(ctx, tx, current, n); err != nil {
		return a, false, fmt.Errorf("ledger: account %s: %w", a.ID, err)
	}
	a.Available -= n
	a.Version++
	return a, true, tx.SavePoints(ctx, a)
}

// replay returns the outcome of a request whose key had its effect before.
func replay(ctx context.Context, db *store.DB, id billing.AccountID, r SpendRequest) (Spent, error) {
	first, ok, err := db.EntryByKey(ctx, id, r.Key)
	if err != nil {
		return Spent{}, err
	}
	if !ok {
		return Spent{}, fmt.Errorf("ledger: key used, but no entry has it")
	}
	if first.RequestHash != r.hash() {
		return Spent{}, billing.KeyReused()
	}
	a, err := Current(ctx, db, id)
	return Spent{Entry: first, Account: a, Replayed: true}, err
}
