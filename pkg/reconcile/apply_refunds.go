package reconcile

import (
	"context"
	"slices"
	"strings"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
)

// applyRefunds claws points back for the money that is back with the payer. It restores points that were taken if the
// money is no longer with the payer.
func applyRefunds(ctx context.Context, tx *store.Tx, a billing.Account, d Decision) (billing.Account, error) {
	kept, err := keptAfterAll(ctx, tx, a, d.Kept)
	if err != nil {
		return a, err
	}
	for _, r := range append(kept, d.Refunds...) {
		if a, err = applyRefund(ctx, tx, a, r); err != nil {
			return a, err
		}
	}
	return a, nil
}

// keptAfterAll returns, of the charges of which no money is back, those whose points were taken anyway. It begins with
// the lots that points were taken from, which are few or none. So a sync need not ask for each charge.
func keptAfterAll(ctx context.Context, tx *store.Tx, a billing.Account, kept []Refund) ([]Refund, error) {
	clawed, err := tx.ClawedLots(ctx, a.ID)
	if err != nil || len(clawed) == 0 {
		return nil, err
	}
	orders, err := tx.OrdersWithPayment(ctx, a.ID)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(kept), func(r Refund) bool {
		key := r.keyAmong(orders)
		return key == "" || !slices.ContainsFunc(clawed, func(l billing.Lot) bool { return grantedBy(l, key) })
	}), nil
}

// keyAmong returns the grant key of what the refunded payment paid for, or "" if it paid for nothing of ours.
func (r Refund) keyAmong(orders []billing.Order) string {
	for _, o := range orders {
		if r.Key == "" && o.PaymentIntentID == r.PaymentIntentID {
			return orderKey(o)
		}
	}
	return r.Key
}

// grantedBy reports whether a lot belongs to a business fact: its key is the fact's key, or begins with it and a colon.
func grantedBy(l billing.Lot, key string) bool {
	return l.GrantKey == key || strings.HasPrefix(l.GrantKey, key+":")
}

// applyRefund claws the same proportion back from every lot that the refunded money granted. If more than that was
// taken before, it restores the rest.
func applyRefund(ctx context.Context, tx *store.Tx, a billing.Account, r Refund) (billing.Account, error) {
	key := r.Key
	if key == "" {
		o, ok, err := tx.OrderByPaymentIntent(ctx, a.ID, r.PaymentIntentID)
		if err != nil || !ok {
			return a, err
		}
		key = orderKey(o)
		if err := saveRefunded(ctx, tx, o, r.Refunded == r.Amount); err != nil {
			return a, err
		}
	}
	lots, err := tx.LotsByGrant(ctx, a.ID, key)
	if err != nil {
		return a, err
	}
	for _, l := range lots {
		total := share(l.Granted, r.Refunded, r.Amount)
		if total < l.ClawedBack {
			a, err = ledger.Restore(ctx, tx, a, l.GrantKey, total, "the money came back")
		} else {
			a, err = ledger.Clawback(ctx, tx, a, l.GrantKey, total, "the money went back")
		}
		if err != nil {
			return a, err
		}
	}
	return a, nil
}

// saveRefunded moves a fulfilled order to refunded if all its money went back, and to fulfilled again if money came
// back to us.
func saveRefunded(ctx context.Context, tx *store.Tx, o billing.Order, whole bool) error {
	switch {
	case whole && o.Status == billing.OrderFulfilled:
		o.Status = billing.OrderRefunded
	case !whole && o.Status == billing.OrderRefunded:
		o.Status = billing.OrderFulfilled
	default:
		return nil
	}
	return tx.SaveOrder(ctx, o)
}
