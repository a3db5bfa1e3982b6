package reconcile

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

const (
	// fromStripe is the prefix of the keys of all grants that a sync makes. Grants of an admin have another.
	fromStripe = "stripe:"
	parkSpan   = 24 * time.Hour
)

// park holds back an account's grants if more would be granted in a day than the operator's bounds allow. A person
// looks first.
//
// Nothing is lost. The watermark stays where it is, the orders stay paid, and what events named is read again, such as
// an invoice of an earlier customer. So every later sync decides about the same grants. The rest of the decision is
// applied as usual. When a person unparks the account, the next sync makes all grants that waited then, and the bounds
// start counting again from there. The caller holds the account's lock.
func (s *Syncer) park(
	ctx context.Context, tx *store.Tx, a billing.Account, orders []billing.Order, d Decision,
) (billing.Account, Decision, error) {
	before := a.Sync.InvoicesSince
	a.Sync.InvoicesSince = d.InvoicesSince // as ApplyTicket wrote it
	if err := d.dropGranted(ctx, tx, a.ID); err != nil {
		return a, d, err
	}
	w := d.waiting(nil)
	switch {
	case a.Parking.At != nil:
	case a.Parking.Approved:
		a.Parking.Approved, a.Parking.EndedAt = false, &tx.Now
		return a, d, tx.SaveParking(ctx, a)
	case w.grants == 0:
		return a, d, nil
	default:
		over, err := s.overBounds(ctx, tx, a, w)
		if err != nil || over == "" {
			return a, d, err
		}
		a.Parking.At, a.Parking.Reason = &tx.Now, over
	}
	d.holdBack(orders)
	d.InvoicesSince, a.Sync.InvoicesSince, a.Sync.NextGrantAt = before, before, nil
	if w.grants > 0 {
		d.Warnings = append(d.Warnings, fmt.Sprintf("parked, %s: %s", w, a.Parking.Reason))
	}
	return a, d, tx.SaveParking(ctx, a)
}

// heldSince returns since when syncs may have held grants back that still wait, or nil if none wait. What events named
// since then is read again. The sync that parked the account processed its events at that very time; parkSpan is for
// servers whose clocks differ.
//
// Unparking forgets when the account was parked, so the sync that makes the grants reads again what events ever named.
// That is more than it needs, but it happens once for each approval, and more than maxNamed objects are read as lists.
func heldSince(a billing.Account) *time.Time {
	switch {
	case a.Parking.At != nil:
		since := a.Parking.At.Add(-parkSpan)
		return &since
	case a.Parking.Approved:
		return &a.CreatedAt
	}
	return nil
}

// overBounds returns which bound the new grants would pass, together with what was granted in the last day; "" for
// none.
func (s *Syncer) overBounds(ctx context.Context, tx *store.Tx, a billing.Account, w waiting) (string, error) {
	since := tx.Now.Add(-parkSpan)
	if a.Parking.EndedAt != nil && a.Parking.EndedAt.After(since) {
		since = *a.Parking.EndedAt
	}
	grants, points, err := tx.GrantedSince(ctx, a.ID, fromStripe, since)
	if err != nil {
		return "", err
	}
	switch p := s.policy; {
	case p.ParkGrants > 0 && grants+w.grants > p.ParkGrants:
		return fmt.Sprintf("%d grants within 24 hours, more than %d", grants+w.grants, p.ParkGrants), nil
	case p.ParkPoints > 0 && points+w.points > p.ParkPoints:
		return fmt.Sprintf("%d points within 24 hours, more than %d", points+w.points, p.ParkPoints), nil
	}
	return "", nil
}

// waiting is what a decision grants that was not granted before.
type waiting struct {
	grants int64
	points billing.Points
}

func (w waiting) String() string {
	return fmt.Sprintf("%d grants of %d points wait", w.grants, w.points)
}

// dropGranted removes the grants that were made before from a decision. It asks the database once for all of them, so
// the ledger need not ask for each.
func (d *Decision) dropGranted(ctx context.Context, tx *store.Tx, id billing.AccountID) error {
	if len(d.Grants) == 0 {
		return nil
	}
	keys := make([]string, len(d.Grants))
	for n, g := range d.Grants {
		keys[n] = g.Key
	}
	known, err := tx.KnownGrants(ctx, id, keys)
	if err != nil {
		return err
	}
	// InTx may run this again, so the decision's own list stays unchanged
	d.Grants = slices.DeleteFunc(slices.Clone(d.Grants), func(g billing.Grant) bool { return known[g.Key] })
	return nil
}

// waiting returns what a decision grants that is not in granted.
func (d *Decision) waiting(granted map[string]bool) (w waiting) {
	for _, g := range d.Grants {
		if !granted[g.Key] {
			w.grants++
			w.points += g.Amount
		}
	}
	return w
}

// holdBack takes the grants out of a decision. The orders that they would have fulfilled stay paid.
func (d *Decision) holdBack(before []billing.Order) {
	d.Grants, d.NextGrantAt = nil, nil
	was := map[billing.OrderID]billing.Order{}
	for _, o := range before {
		was[o.ID] = o
	}
	var orders []billing.Order
	for _, o := range d.Orders {
		if was[o.ID].Status == billing.OrderExpired {
			continue // given up, and paid after all: it stays expired, and a later sync finds the payment again
		}
		if o.Status == billing.OrderFulfilled {
			o.Status, o.FulfilledAt = billing.OrderPaid, nil
		}
		if o != was[o.ID] {
			orders = append(orders, o)
		}
	}
	d.Orders = orders
}
