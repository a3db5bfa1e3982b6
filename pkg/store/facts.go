package store

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// Facts are what a transaction has written and what others may want to hear about.
type Facts struct {
	Changes []*Change // of accounts, in the order in which they were first seen
	Entries []billing.Entry
	Orders  []OrderChange
	Stopped []billing.TopUp // those that now need attention

	Received  []time.Time // when Stripe made the events that came in, of an account or perhaps of one
	Processed []time.Time // when the events came in that were closed
}

// OrderChange is an order as it was written, and its status before, "" for an automatic order that is new. Other new
// orders are not noted.
type OrderChange struct {
	Before billing.OrderStatus
	After  billing.Order
}

// Change is an account as the transaction first saw it, and as the transaction leaves it.
type Change struct {
	Before, After billing.Account
	Subscription  bool // whether its subscription was written
}

// none reports whether there is nothing that BeforeCommit's function is called for.
func (f *Facts) none() bool { return len(f.Changes)+len(f.Entries)+len(f.Orders)+len(f.Stopped) == 0 }

// Of returns the change of an account that the transaction has seen, or nil for any other account.
func (f *Facts) Of(id billing.AccountID) *Change {
	for _, c := range f.Changes {
		if c.After.ID == id {
			return c
		}
	}
	return nil
}

// saw records an account as it is in the database. Only the first call sets what it was before.
func (f *Facts) saw(a billing.Account) {
	if c := f.Of(a.ID); c != nil {
		c.After = a
		return
	}
	f.Changes = append(f.Changes, &Change{Before: a, After: a})
}

// BeforeCommit makes every transaction that wrote something call before with its facts, at its end. What it writes is
// committed with the transaction or not at all. Set it once, before the database is used.
func (d *DB) BeforeCommit(before func(ctx context.Context, tx *Tx, f *Facts) error) {
	d.before = before
}

// Written returns a channel that receives after a transaction with outgoing events was committed here. It does not
// count them.
func (d *DB) Written() <-chan struct{} { return d.written }

// ring signals that outgoing events were committed. One signal is enough for all readers that have not looked since.
func (d *DB) ring() {
	select {
	case d.written <- struct{}{}:
	default:
	}
}
