package reconcile

import (
	"context"
	"slices"
	"strings"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
)

// applyRefunds claws back for the money that is with the payer, and restores where none is any more though points were
// taken.
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

// keptAfterAll picks, of the charges that nothing went back of, those whose points were taken all the same. It begins
// with the lots that something was taken of, of which there are few or none, so that a sync does not ask for each
// charge.
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

// keyAmong names what the refunded payment granted, "" when it paid for nothing of ours.
func (r Refund) keyAmong(orders []billing.Order) string {
	for _, o := range orders {
		if r.Key == "" && o.PaymentIntentID == r.PaymentIntentID {
			return orderKey(o)
		}
	}
	return r.Key
}

// grantedBy says whether a lot belongs to a business fact: under its key itself, or under its key and a colon and more.
func grantedBy(l billing.Lot, key string) bool {
	return l.GrantKey == key || strings.HasPrefix(l.GrantKey, key+":")
}

// applyRefund claws back, of everything that the refunded money granted, the same proportion, and restores what is more
// than that.
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

// saveRefunded moves a fulfilled order to refunded, and back when its money came again.
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
