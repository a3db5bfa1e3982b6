package reconcile

import (
	"math/bits"
	"slices"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// paidShare is what of an invoice's points no credit paid: in proportion to what was paid of its total in money, or is
// owed. What a credit paid was granted when the credit was paid in. Where nothing is left to pay, by a discount or an
// operator's price cut, the operator gave it, points and all; but a change of plan that costs nothing grants nothing,
// or changing to and fro under such a discount would bring points for ever.
func paidShare(points billing.Points, i billing.StripeInvoice, owed int64) billing.Points {
	switch {
	case points <= 0:
		return 0
	case i.Total > 0:
		return share(points, min(i.AmountPaid+owed, i.Total), i.Total)
	case i.BillingReason == "subscription_update":
		return 0
	}
	credited, cut := false, int64(0)
	for _, l := range i.Lines {
		switch {
		case l.Amount >= 0:
		case l.Item != "" && l.Proration:
			credited = true
		default:
			cut -= l.Amount
		}
	}
	if credited && i.Total+cut <= 0 {
		return 0
	}
	return points
}

// owed is what a paid invoice added to its customer's debt, because it was too small to be charged.
func owed(i billing.StripeInvoice) int64 {
	return max(0, i.EndingBalance-max(0, i.StartingBalance))
}

// oweOnce returns what each of a customer's paid invoices added to the customer's debt, as far as that grants. A change
// of plan down cancels, by its credit, the debt that one up left; up again then owes the same money again. So of what
// changes leave owed each part counts once, until a payment has collected the debt. unpaid names the invoices that such
// a comparison still needs.
func oweOnce(invoices []billing.StripeInvoice) (counts map[billing.InvoiceID]int64, unpaid map[billing.InvoiceID]bool) {
	counts, unpaid = map[billing.InvoiceID]int64{}, map[billing.InvoiceID]bool{}
	invoices = slices.Clone(invoices)
	slices.SortStableFunc(invoices, func(a, b billing.StripeInvoice) int { return finalized(a).Compare(finalized(b)) })
	counted := int64(0)
	for _, i := range invoices {
		switch {
		case i.Status != "paid":
		case i.AmountPaid > 0:
			counted = 0
			clear(unpaid)
		case owed(i) > 0:
			counts[i.ID] = owed(i)
			if i.BillingReason == "subscription_update" {
				counts[i.ID] = max(0, i.EndingBalance-max(0, i.StartingBalance, counted))
			}
			counted = max(counted, i.EndingBalance)
			unpaid[i.ID] = true
		}
	}
	return counts, unpaid
}

// finalized is when an invoice changed its customer's balance.
func finalized(i billing.StripeInvoice) time.Time {
	if i.FinalizedAt == nil {
		return i.Created
	}
	return *i.FinalizedAt
}

// share is points in proportion to money, points·part/whole, rounded towards zero. A part greater than the whole, which
// no real invoice has, counts as the whole.
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
