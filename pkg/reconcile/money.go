package reconcile

import (
	"math/bits"
	"slices"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// paidShare returns the share of an invoice's points that no credit paid for. It is in proportion to the part of the
// total that was paid in money, or is owed. What a credit pays for was granted when the credit was paid in.
//
// If a discount or an operator's price cut leaves nothing to pay, the operator gave it, points included. But a change
// of plan that costs nothing grants nothing. Otherwise changing back and forth under such a discount would bring points
// for ever.
func paidShare(points billing.Points, i billing.StripeInvoice, owed int64) billing.Points {
	switch {
	case points <= 0:
		return 0
	case i.Total > 0:
		return share(points, min(i.AmountPaid+owed, i.Total), i.Total)
	case i.BillingReason == billing.ReasonUpdate:
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

// owed returns what a paid invoice added to its customer's debt because it was too small to be charged.
func owed(i billing.StripeInvoice) int64 {
	return max(0, i.EndingBalance-max(0, i.StartingBalance))
}

// oweOnce returns, for each of a customer's paid invoices, the part of its added debt that grants points.
//
// A change to a smaller plan gives a credit, which cancels the debt that a change to a bigger plan left. Changing up
// again then owes the same money again. So each part of the debt that changes leave counts once, until a payment has
// collected the debt. unpaid names the invoices that this comparison still needs.
func oweOnce(invoices []billing.StripeInvoice) (counts map[billing.InvoiceID]int64, unpaid map[billing.InvoiceID]bool) {
	counts, unpaid = map[billing.InvoiceID]int64{}, map[billing.InvoiceID]bool{}
	invoices = slices.Clone(invoices)
	slices.SortStableFunc(invoices, func(a, b billing.StripeInvoice) int { return finalized(a).Compare(finalized(b)) })
	counted := int64(0)
	for _, i := range invoices {
		switch {
		case i.Status != billing.InvoicePaid:
		case i.AmountPaid > 0:
			counted = 0
			clear(unpaid)
		case owed(i) > 0:
			counts[i.ID] = owed(i)
			if i.BillingReason == billing.ReasonUpdate {
				counts[i.ID] = max(0, i.EndingBalance-max(0, i.StartingBalance, counted))
			}
			counted = max(counted, i.EndingBalance)
			unpaid[i.ID] = true
		}
	}
	return counts, unpaid
}

// finalized returns when an invoice changed its customer's balance.
func finalized(i billing.StripeInvoice) time.Time {
	if i.FinalizedAt == nil {
		return i.Created
	}
	return *i.FinalizedAt
}

// share returns points in proportion to money, points·part/whole, rounded towards zero. A part greater than the whole
// counts as the whole; no real invoice has one.
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
