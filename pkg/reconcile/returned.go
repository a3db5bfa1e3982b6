package reconcile

import (
	"cmp"
	"context"
	"slices"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// decideReturned records, for every charge, how much is back with its payer. It also records zero, because that may be
// less than before.
func (d *Decision) decideReturned(in Input) {
	for _, c := range in.Picture.Charges {
		d.Returned = append(d.Returned, billing.Returned{
			ChargeID: c.ID, PaymentIntentID: c.PaymentIntentID, Refunded: c.AmountRefunded, Disputed: c.AmountDisputed,
		})
	}
	slices.SortFunc(d.Returned, func(a, b billing.Returned) int { return cmp.Compare(a.ChargeID, b.ChargeID) })
}

// applyReturned stops the top-up if money went back that no earlier sync has seen. Money that was seen before does not
// count, or a customer could never turn the top-up on again after a dispute. The account is as the clawbacks left it.
func applyReturned(ctx context.Context, tx *store.Tx, a billing.Account, returned []billing.Returned) error {
	known, err := tx.Returned(ctx, a.ID)
	if err != nil {
		return err
	}
	var why billing.TopUpReason
	for _, r := range returned {
		before := known[r.ChargeID]
		if r.Refunded == before.Refunded && r.Disputed == before.Disputed {
			continue
		}
		if err := tx.SaveReturned(ctx, a.ID, r); err != nil {
			return err
		}
		switch {
		case why == billing.TopUpDisputed, r.Refunded+r.Disputed <= before.Refunded+before.Disputed:
		case r.Disputed > before.Disputed:
			why = billing.TopUpDisputed
		default:
			if why, err = afterRefund(ctx, tx, a, r, why); err != nil {
				return err
			}
		}
	}
	if why == "" {
		return nil
	}
	t, err := tx.TopUp(ctx, a.ID)
	if billing.CodeOf(err) == billing.ENotFound {
		return nil
	}
	if err != nil || t.Status != billing.TopUpOn {
		return err
	}
	return tx.SaveTopUp(ctx, t.Stopped(why))
}

// afterRefund returns why a refund stops the top-up: it refunds an automatic order, or it left so few points that a
// purchase would follow. Otherwise it returns the reason found so far.
func afterRefund(
	ctx context.Context, tx *store.Tx, a billing.Account, r billing.Returned, why billing.TopUpReason,
) (billing.TopUpReason, error) {
	o, ok, err := tx.OrderByPaymentIntent(ctx, a.ID, r.PaymentIntentID)
	if err != nil {
		return why, err
	}
	if ok && o.Automatic {
		return billing.TopUpRefunded, nil
	}
	t, err := tx.TopUp(ctx, a.ID)
	switch {
	case billing.CodeOf(err) == billing.ENotFound:
		return why, nil
	case err != nil:
		return why, err
	case a.Available < t.Threshold:
		return billing.TopUpRefunded, nil
	}
	return why, nil
}
