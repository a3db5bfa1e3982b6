package reconcile

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
)

// apply makes a decision so, in one transaction under the account's lock. It answers false, and changes nothing but the note of
// this sync, when the picture of a later ticket was applied before.
func apply(ctx context.Context, db *store.DB, t billing.Ticket, d Decision) (applied bool, err error) {
	err = db.InTx(ctx, func(tx *store.Tx) error {
		a, ok, err := tx.ApplyTicket(ctx, t.Account.ID, t.Number, d.InvoicesSince)
		applied = ok
		if err != nil {
			return err
		}
		if !ok {
			return tx.EndSync(ctx, a.ID, t.Number, billing.SyncEnd{Outcome: billing.SyncOutrun, Version: a.Version})
		}
		before := a.Subscription
		if a, err = applyPoints(ctx, tx, a, d); err != nil {
			return err
		}
		for _, o := range d.Orders {
			if err := tx.SaveOrder(ctx, o); err != nil {
				return err
			}
		}
		// After the orders: what was refunded may have been fulfilled a moment ago.
		for _, r := range d.Refunds {
			if a, err = applyRefund(ctx, tx, a, r); err != nil {
				return err
			}
		}
		if !sameSubscription(a.Subscription, d.Subscription) {
			a.Subscription = d.Subscription
			a.Version++
			if err := tx.SaveSubscription(ctx, a); err != nil {
				return err
			}
		}
		if err := tx.EndSync(ctx, a.ID, t.Number, billing.SyncEnd{Outcome: billing.SyncApplied, Detail: changes(before, d), Version: a.Version}); err != nil {
			return err
		}
		return tx.ProcessEvents(ctx, a.ID, t.Number)
	})
	return applied && err == nil, err
}

// changes says for an operator what a decision changes that leaves no other trace: points have their entries.
func changes(before *billing.Subscription, d Decision) string {
	var parts []string
	if !sameSubscription(before, d.Subscription) {
		parts = append(parts, "subscription "+state(before)+" → "+state(d.Subscription))
	}
	for _, o := range d.Orders {
		parts = append(parts, fmt.Sprintf("order %s %s", o.ID, o.Status))
	}
	return strings.Join(append(parts, d.Warnings...), "; ")
}

func state(s *billing.Subscription) string {
	if s == nil {
		return "none"
	}
	words := s.Plan + " " + string(s.Status)
	if s.CancelAtPeriodEnd {
		words += ", cancels"
	}
	if s.Window != nil {
		words += " until " + s.Window.Until.UTC().Format(time.RFC3339)
	}
	return words
}

// applyPoints ends lots and grants. The ends come first, so that a lot which lives longer than was known is not ended by a
// grant beside it, and once more last, for what was granted to a subscription that has ended meanwhile.
func applyPoints(ctx context.Context, tx *store.Tx, a billing.Account, d Decision) (_ billing.Account, err error) {
	if a, err = applyEnds(ctx, tx, a, d.Ends); err != nil || len(d.Grants) == 0 {
		return a, err
	}
	for _, g := range d.Grants {
		if a, _, err = ledger.Grant(ctx, tx, a, g); err != nil {
			return a, err
		}
	}
	return applyEnds(ctx, tx, a, d.Ends)
}

func applyEnds(ctx context.Context, tx *store.Tx, a billing.Account, ends []End) (_ billing.Account, err error) {
	for _, e := range ends {
		if a, err = ledger.Expire(ctx, tx, a, e.Source, &e.At); err != nil {
			return a, err
		}
	}
	return a, nil
}

// applyRefund claws back, of everything that the refunded money granted, the same proportion, and restores what is more than that.
func applyRefund(ctx context.Context, tx *store.Tx, a billing.Account, r Refund) (billing.Account, error) {
	key := r.Key
	if key == "" {
		o, ok, err := tx.OrderByPaymentIntent(ctx, a.ID, r.PaymentIntentID)
		if err != nil || !ok {
			return a, err
		}
		key = CheckoutKey(o.CheckoutID)
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

func sameSubscription(a, b *billing.Subscription) bool {
	if a == nil || b == nil {
		return a == b
	}
	x, y := *a, *b
	x.Window, y.Window = nil, nil
	if x != y { // times are UTC and whole seconds on both sides
		return false
	}
	if a.Window == nil || b.Window == nil {
		return a.Window == b.Window
	}
	return *a.Window == *b.Window
}
