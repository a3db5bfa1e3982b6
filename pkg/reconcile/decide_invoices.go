package reconcile

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// watermarkMargin is how far before the oldest unsettled invoice the next picture begins. Lists at Stripe are ordered by
// whole seconds and become visible a moment after; a day is generous.
const watermarkMargin = 24 * time.Hour

// decideInvoices grants what paid invoices bought, oldest first, and moves the watermark: everything created before it is
// settled and needs no second look.
func (d *Decision) decideInvoices(in Input) {
	invoices := slices.Clone(in.Picture.Invoices)
	slices.SortFunc(invoices, func(a, b billing.StripeInvoice) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	for _, i := range invoices {
		if i.Status == "paid" && i.SubscriptionID != "" {
			d.grantInvoice(in, i)
		}
	}
	for n, i := range invoices {
		if !i.Settled() || n == len(invoices)-1 {
			since := i.Created.Add(-watermarkMargin)
			if d.InvoicesSince == nil || since.After(*d.InvoicesSince) {
				d.InvoicesSince = &since
			}
			return
		}
	}
}

// grantInvoice grants on what was paid, never on a period that merely began. A line for a period grants the plan's
// points; a line of nothing in the first invoice is a trial; lines of a plan change grant the difference in proportion, as far as
// it was paid with money: a change down gives a credit back and takes no points, so a change up on that credit brings none.
func (d *Decision) grantInvoice(in Input, i billing.StripeInvoice) {
	var proration billing.Points
	var total int64
	var prorationEnd time.Time
	lines := slices.Clone(i.Lines)
	slices.SortFunc(lines, func(a, b billing.StripeInvoiceLine) int { return cmp.Compare(a.ID, b.ID) })
	for _, l := range lines {
		total += l.Amount
		plan, known := in.Catalog.Plan(l.Item)
		switch {
		case !known:
			d.Warnings = append(d.Warnings, fmt.Sprintf("invoice %s has a line for a price that the catalogue does not know: it grants nothing", i.ID))
		case l.Proration:
			proration += share(plan.Points, l.Amount, plan.Amount)
			if l.PeriodEnd.After(prorationEnd) {
				prorationEnd = l.PeriodEnd
			}
		case l.Amount > 0:
			d.grantLine(in, i, l, plan.Points*billing.Points(max(l.Quantity, 1)), plan.Name)
		case i.BillingReason == "subscription_create" && plan.TrialPoints > 0:
			d.grantLine(in, i, l, plan.TrialPoints, plan.Name+" (trial)")
		}
	}
	if i.CreditUsed > 0 {
		proration = share(proration, total-min(i.CreditUsed, total), total)
	}
	if proration > 0 {
		end := prorationEnd.Add(in.Policy.RenewalGrace)
		d.Grants = append(d.Grants, billing.Grant{
			Key: InvoiceKey(i.ID) + ":proration", Source: subscriptionSource(i.SubscriptionID), Amount: proration, ExpiresAt: &end,
			Description: "plan change",
		})
	}
}

func (d *Decision) grantLine(in Input, i billing.StripeInvoice, l billing.StripeInvoiceLine, amount billing.Points, what string) {
	end := l.PeriodEnd.Add(in.Policy.RenewalGrace)
	d.Grants = append(d.Grants, billing.Grant{
		Key: InvoiceKey(i.ID) + ":" + l.ID, Source: subscriptionSource(i.SubscriptionID), Amount: amount, ExpiresAt: &end,
		Replaces: true, Description: what,
	})
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
