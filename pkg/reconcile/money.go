package reconcile

import (
	"math/bits"
	"slices"

	"github.com/pointsync/pointsync/pkg/billing"
)

// paidShare is what of an invoice's points was paid for in money: in proportion to what was paid of its total. The rest was paid by
// a credit, and the points that the credit stands for were granted when it was paid in. Where a discount leaves nothing to pay the
// operator gave it, points and all; but a change of plan that costs nothing grants nothing, or changing to and fro under such a
// discount would bring points for ever.
func paidShare(points billing.Points, i billing.StripeInvoice) billing.Points {
	credits := func(l billing.StripeInvoiceLine) bool { return l.Amount < 0 }
	switch {
	case points <= 0:
		return 0
	case i.Total == 0 && i.BillingReason != "subscription_update" && !slices.ContainsFunc(i.Lines, credits):
		return points
	}
	return share(points, min(i.AmountPaid, i.Total), i.Total)
}

// share is points in proportion to money, points·part/whole, rounded towards zero. A part greater than the whole, which no
// real invoice has, counts as the whole.
func share(points billing.Points, part, whole int64) billing.Points {
	if whole <= 0 || points <= 0 {
		return 0
	}
	if part < 0 {
		return -share(points, -part, whole)
	}
	hi, lo := bits.Mul64(uint64(points), uint64(min(part, whole))) // 128 bits: no product is too large
	quotient, _ := bits.Div64(hi, lo, uint64(whole))
	return billing.Points(quotient)
}
