package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// SpendRequest asks for points: for an amount, or for Quantity of an Action, whose price is then Amount. Key is the
// caller's Idempotency-Key, "" for none. By, Login and Caps are not part of what a repeat must repeat. The price of an
// action is not part of it either.
type SpendRequest struct {
	By          billing.Actor
	Login       billing.SessionID // of a customer: it must live; "" for a service
	Amount      billing.Points
	Action      string // "" for none
	Quantity    int64
	Caps        billing.CapPolicy
	Description string
	Metadata    map[string]string
	Key         string
	// Decided is called with the outcome while it is being committed, so that its response can be prepared. The spend
	// may still fail after that, or be decided again. Nil: nothing is prepared.
	Decided func(Spent)
}

// hash distinguishes two requests that use the same key.
func (r SpendRequest) hash() string {
	if r.Action != "" {
		return billing.RequestHash("spend", r.Action, r.Quantity, r.Description, r.Metadata)
	}
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
// Errors: EInsufficientPoints, ERequestCap, EDailyCap (nothing is debited and the key stays unused), EKeyReused,
// EInvalid, ENotFound, EUnauthorized (the login has ended), EAccountClosed, EUnavailable (it may have been debited).
func Spend(ctx context.Context, db *store.DB, id billing.AccountID, r SpendRequest) (s Spent, err error) {
	if r.Amount < 1 || r.Amount > billing.MaxPoints {
		return s, billing.Errorf(billing.EInvalid, "The amount must be from 1 to %d points.", billing.MaxPoints)
	}
	if len(r.Metadata) == 0 {
		r.Metadata = nil // one form for no metadata, now and when the entry is read again
	}
	if s, err = spendTogether(ctx, db, id, r); !errors.Is(err, store.ErrAlone) {
		return s, err
	}
	return spendAlone(ctx, db, id, r)
}

// spendTogether spends in one transaction with other accounts. It does what spendAlone does, or returns
// store.ErrAlone.
func spendTogether(ctx context.Context, db *store.DB, id billing.AccountID, r SpendRequest) (Spent, error) {
	m := spendMove{id: id, r: r, hash: r.hash()}
	move := store.Move{Account: id, Login: r.Login, Key: r.Key, Decide: m.decide}
	if r.Decided != nil {
		move.Decided = func() {
			if m.refused == nil {
				r.Decided(m.spent)
			}
		}
	}
	if err := db.Move(ctx, move); err != nil {
		return Spent{}, err
	}
	return m.spent, m.refused
}

// spendMove is a spend that is decided among others.
type spendMove struct {
	id      billing.AccountID
	r       SpendRequest
	hash    string
	spent   Spent
	refused error
}

// decide spends if the account's row alone decides. Where lots must expire or holds must be released first, it leaves
// the decision to spendAlone. It refuses in the order in which spendAlone does.
func (m *spendMove) decide(t *store.Turn) {
	a, r := t.Account, m.r
	m.spent, m.refused = Spent{Account: a}, nil
	switch {
	case r.Login != "" && !t.Lives:
		m.refused = billing.Ended()
	case a.Closed() != nil:
		m.refused = a.Closed()
	case a.NextExpiry != nil && !a.NextExpiry.After(t.Now):
		t.Alone()
	case t.Used != nil && t.Used.RequestHash != m.hash:
		m.spent, m.refused = Spent{}, billing.KeyReused()
	case t.Used != nil:
		m.spent.Entry, m.spent.Replayed = *t.Used, true
	default:
		m.debit(t)
	}
}

func (m *spendMove) debit(t *store.Turn) {
	a, r := t.Account, m.r
	if m.refused = r.Caps.Check(a, r.Amount, t.Now); m.refused != nil {
		return
	}
	if a.Available < r.Amount {
		m.refused = tooFew(r.Amount, a)
		return
	}
	a.Available -= r.Amount
	a.Unsettled += r.Amount
	a.Day = a.Day.Plus(r.Amount, t.Now)
	a.Version++
	m.spent.Account, m.spent.Entry = a, r.entry(a, t.Now, m.hash)
	t.Write(a, m.spent.Entry)
}

// entry returns the entry of a spend that left the account like this.
func (r SpendRequest) entry(a billing.Account, now time.Time, hash string) billing.Entry {
	return billing.Entry{
		ID: billing.NewEntryID(now), AccountID: a.ID, Kind: billing.EntrySpend, Amount: -r.Amount,
		BalanceAfter: a.Total(),
		Seq:          a.Version,
		Action:       r.Action,
		Quantity:     r.Quantity,
		By:           r.By,
		Description:  r.Description,
		Metadata:     r.Metadata,
		Key:          r.Key,
		RequestHash:  hash, CreatedAt: now,
	}
}

// spendAlone spends in a transaction that concerns no other account.
func spendAlone(ctx context.Context, db *store.DB, id billing.AccountID, r SpendRequest) (s Spent, err error) {
	var refused error
	err = db.InTxOf(ctx, id, func(tx *store.Tx) (err error) {
		var ok bool
		if s.Account, ok, err = tx.Debit(ctx, id, r.Login, r.Amount, r.Caps); err != nil {
			return err
		}
		refused = nil
		if !ok {
			if s.Account, refused, err = debitSlowly(ctx, tx, id, r); err != nil || refused != nil {
				return err // what was settled on the way to a refusal stays settled
			}
		}
		s.Entry = r.entry(s.Account, tx.Now, r.hash())
		// The debit above holds the row's lock. So of two requests with one key, the second finds the entry of the
		// first here. Its debit is then undone with the whole transaction. ON CONFLICT DO NOTHING would keep the
		// debit.
		return tx.AppendEntry(ctx, s.Entry)
	})
	if errors.Is(err, store.ErrKeyUsed) {
		first, found, err := db.EntryByKey(ctx, id, r.Key)
		if err == nil && !found {
			err = errors.New("ledger: key used, but no entry has it")
		}
		if err != nil {
			return s, err
		}
		return replay(ctx, db, first, r)
	}
	if err == nil {
		err = refused
	}
	return s, err
}

// debitSlowly debits when the single statement found too few points, a cap, an expired lot, an ended login or a closed
// account. The last two are refused, even if the key was used before. Under the lock it looks for the key, because a
// copy of this request may have taken the last points. Then it settles and tries once more. If there are overdue lots,
// it debits the other lots. refused says why it did not debit.
func debitSlowly(
	ctx context.Context, tx *store.Tx, id billing.AccountID, r SpendRequest,
) (a billing.Account, refused, err error) {
	if a, err = tx.LockOpen(ctx, id, r.Login); err != nil {
		return a, nil, err
	}
	if r.Key != "" {
		_, used, err := tx.EntryByKey(ctx, id, r.Key)
		if err != nil {
			return a, nil, err
		}
		if used {
			return a, nil, store.ErrKeyUsed
		}
	}
	a, lots, err := settle(ctx, tx, a, byClock(a, tx.Now))
	if err != nil {
		return a, nil, err
	}
	if refused := r.Caps.Check(a, r.Amount, tx.Now); refused != nil {
		return a, refused, nil
	}
	after, ok := a, false
	if a.NextExpiry != nil && !a.NextExpiry.After(tx.Now) {
		after, ok, err = debitBeside(ctx, tx, a, lots, r.Amount)
	} else {
		after, ok, err = tx.Debit(ctx, id, r.Login, r.Amount, r.Caps)
	}
	if err != nil || ok {
		return after, nil, err
	}
	return a, tooFew(r.Amount, a), nil
}

// tooFew returns the refusal for a lack of points.
func tooFew(n billing.Points, a billing.Account) error {
	return billing.Errorf(billing.EInsufficientPoints, "%d points asked for and %d available.", n, a.Available)
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
	a.Day = a.Day.Plus(n, tx.Now)
	a.Version++
	return a, true, tx.SavePoints(ctx, a)
}

// SpendReplay returns the outcome of a request whose key had its effect before, and false if the key is unused. It
// needs no price, so a repeat finds its outcome although the catalogue may have lost the action. Errors: EKeyReused,
// EUnauthorized (the login has ended), EAccountClosed.
func SpendReplay(
	ctx context.Context, db *store.DB, id billing.AccountID, r SpendRequest,
) (s Spent, ok bool, err error) {
	if r.Key == "" {
		return s, false, nil
	}
	first, ok, err := db.EntryByKey(ctx, id, r.Key)
	if err != nil || !ok {
		return s, false, err
	}
	err = db.InTxOf(ctx, id, func(tx *store.Tx) error {
		_, err := tx.LockOpen(ctx, id, r.Login)
		return err
	})
	if err != nil {
		return s, false, err
	}
	if len(r.Metadata) == 0 {
		r.Metadata = nil
	}
	s, err = replay(ctx, db, first, r)
	return s, true, err
}

// replay returns the outcome of a request that repeats the one of an entry. Errors: EKeyReused.
func replay(ctx context.Context, db *store.DB, first billing.Entry, r SpendRequest) (Spent, error) {
	if first.RequestHash != r.hash() {
		return Spent{}, billing.KeyReused()
	}
	a, err := Current(ctx, db, first.AccountID)
	return Spent{Entry: first, Account: a, Replayed: true}, err
}

// ReadSpend returns the entry of a spend. Errors: ENotFound, also for an entry of another kind.
func ReadSpend(
	ctx context.Context, db *store.DB, account billing.AccountID, id billing.EntryID,
) (billing.Entry, error) {
	e, err := db.Entry(ctx, account, id)
	if billing.CodeOf(err) == billing.ENotFound || err == nil && e.Kind != billing.EntrySpend {
		return billing.Entry{}, billing.Errorf(billing.ENotFound, "No such spend.")
	}
	return e, err
}
