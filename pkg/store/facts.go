package store

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
)

// Facts are what a transaction has written that somebody outside may want to be told.
type Facts struct {
	Changes []*Change // of accounts, in the order in which they were first seen
	Entries []billing.Entry
	Orders  []OrderChange
	Stopped []billing.TopUp // that came to need attention
}

// OrderChange is an order as it was written, and what it was before.
type OrderChange struct {
	Before billing.OrderStatus
	After  billing.Order
}

// Change is an account as the transaction first saw it, and as it leaves it.
type Change struct {
	Before, After billing.Account
	Subscription  bool // whether its subscription was written
}

func (f *Facts) none() bool { return len(f.Changes)+len(f.Entries)+len(f.Orders)+len(f.Stopped) == 0 }

// Of answers the change of an account that the transaction has seen, nil for another.
func (f *Facts) Of(id billing.AccountID) *Change {
	for _, c := range f.Changes {
		if c.After.ID == id {
			return c
		}
	}
	return nil
}

// saw notes an account as it is in the database. Only the first look says how it was before.
func (f *Facts) saw(a billing.Account) {
	if c := f.Of(a.ID); c != nil {
		c.After = a
		return
	}
	f.Changes = append(f.Changes, &Change{Before: a, After: a})
}

// BeforeCommit has every transaction that wrote something call tell with what it wrote, at its end: what tell writes is
// committed with it or not at all. It is set once, before the database is used.
func (d *DB) BeforeCommit(tell func(ctx context.Context, tx *Tx, f *Facts) error) { d.tell = tell }

// Told rings, without counting, when a transaction that wrote outgoing events was committed here.
func (d *DB) Told() <-chan struct{} { return d.told }

// ring says that outgoing events were committed. One ring is enough for all who did not look meanwhile.
func (d *DB) ring() {
	select {
	case d.told <- struct{}{}:
	default:
	}
}
