package reconcile

import (
	"cmp"
	"slices"

	"github.com/pointsync/pointsync/pkg/billing"
)

// money is what was paid for one thing, and how much of it is back with the payer.
type money struct {
	paid, back int64
	touched    bool // there was a refund or a dispute, however it ended
	currency   string
}

// add counts a payment. A payment that failed is not counted. Nor is one in another currency, because it cannot be
// added to the others, and no invoice has two.
func (m money) add(c billing.StripeCharge) money {
	paid := c.Paid || c.AmountRefunded > 0 || c.Disputed
	if !paid || c.Amount <= 0 || m.paid > 0 && m.currency != c.Currency {
		return m
	}
	m.paid, m.currency = m.paid+c.Amount, c.Currency
	m.back += min(c.AmountRefunded+c.AmountDisputed, c.Amount)
	m.touched = m.touched || c.AmountRefunded > 0 || c.Disputed
	return m
}

// moneyOf returns the sum of each invoice's payments. One invoice may have been paid by several.
func moneyOf(charges []billing.StripeCharge) map[billing.InvoiceID]money {
	all := map[billing.InvoiceID]money{}
	for _, c := range charges {
		if c.InvoiceID != "" {
			all[c.InvoiceID] = all[c.InvoiceID].add(c)
		}
	}
	return all
}

// decideRefunds records every payment of an invoice or an order, and how much of it went back. The points that it
// granted are looked up when the decision is applied. The order is fixed, because it decides from which lots the points
// of several refunds are taken.
func (d *Decision) decideRefunds(in Input) {
	invoices := moneyOf(in.Picture.Charges)
	charges := slices.Clone(in.Picture.Charges)
	slices.SortFunc(charges, func(a, b billing.StripeCharge) int { return cmp.Compare(a.ID, b.ID) })
	for _, c := range charges {
		if c.InvoiceID == "" {
			d.refund(Refund{PaymentIntentID: c.PaymentIntentID}, money{}.add(c))
			continue
		}
		d.refund(Refund{Key: InvoiceKey(c.InvoiceID)}, invoices[c.InvoiceID])
		delete(invoices, c.InvoiceID) // once, with its first charge
	}
}

func (d *Decision) refund(r Refund, m money) {
	r.Refunded, r.Amount = m.back, m.paid
	switch {
	case m.paid == 0: // a payment that failed says nothing of the one that succeeded after it
	case m.touched:
		d.Refunds = append(d.Refunds, r)
	default:
		d.Kept = append(d.Kept, r)
	}
}
