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
// points; a line of nothing in the first invoice is a trial; lines of a plan change grant the difference in proportion.
func (d *Decision) grantInvoice(in Input, i billing.StripeInvoice) {
	var change planChange
	lines := slices.Clone(i.Lines)
	slices.SortFunc(lines, func(a, b billing.StripeInvoiceLine) int { return cmp.Compare(a.ID, b.ID) })
	for _, l := range lines {
		plan, known := in.Catalog.Plan(l.Item)
		switch {
		case !known:
			d.Warnings = append(d.Warnings, fmt.Sprintf("invoice %s has a line for a price that the catalogue does not know: it grants nothing", i.ID))
		case l.Proration:
			change.add(share(plan.Points, l.Amount, plan.Amount), l)
		case l.Amount > 0 && beginsAnew(i):
			change.begins = true
			change.add(plan.Points*billing.Points(max(l.Quantity, 1)), l)
		case l.Amount > 0:
			d.grantLine(in, i, l, plan.Points*billing.Points(max(l.Quantity, 1)), plan)
		case i.BillingReason == "subscription_create" && plan.TrialPoints > 0:
			d.grantLine(in, i, l, plan.TrialPoints, plan)
		}
	}
	d.grantChange(in, i, change)
}

func (d *Decision) grantLine(in Input, i billing.StripeInvoice, l billing.StripeInvoiceLine, amount billing.Points, plan billing.Plan) {
	end, what := l.PeriodEnd.Add(in.Policy.RenewalGrace), plan.Name
	if l.Amount == 0 {
		what += " (trial)"
	}
	d.Grants = append(d.Grants, billing.Grant{
		Key: lineKey(i, l), Source: subscriptionSource(i.SubscriptionID), Amount: amount, ExpiresAt: &end,
		Replaces: true, Rollover: plan.Rollover, Description: what,
	})
	d.noteLater(in, i, l.PeriodEnd)
}

// noteLater tells the last grant, of a period that ends then, which period of the same subscription was paid for after it. It
// matters where that one was granted first.
func (d *Decision) noteLater(in Input, i billing.StripeInvoice, end time.Time) {
	g := &d.Grants[len(d.Grants)-1]
	for _, other := range in.Picture.Invoices {
		if other.Status != "paid" || other.SubscriptionID != i.SubscriptionID {
			continue
		}
		for _, l := range other.Lines {
			plan, known := in.Catalog.Plan(l.Item)
			if !known || l.Proration || l.Amount <= 0 || l.PeriodEnd.Before(end) {
				continue
			}
			key, rollover := lineKey(other, l), plan.Rollover
			if beginsAnew(other) {
				key, rollover = changeKey(other), billing.RolloverAll
			}
			if l.PeriodEnd.After(end) || g.Next != "" && key < g.Next { // of two that end at once, always the same one
				end = l.PeriodEnd
				g.Next, g.NextRollover = key, rollover
			}
		}
	}
}

func lineKey(i billing.StripeInvoice, l billing.StripeInvoiceLine) string {
	return InvoiceKey(i.ID) + ":" + l.ID
}

func changeKey(i billing.StripeInvoice) string { return InvoiceKey(i.ID) + ":proration" }

// beginsAnew says whether an invoice is for a change of plan that may begin a period anew, as one to another interval does, and
// credits what was left of the old one.
func beginsAnew(i billing.StripeInvoice) bool {
	return i.BillingReason == "subscription_update" &&
		slices.ContainsFunc(i.Lines, func(l billing.StripeInvoiceLine) bool { return l.Proration && l.Amount < 0 })
}

// planChange is what the lines of an invoice say about a change of plan.
type planChange struct {
	begins     bool // a period anew
	difference billing.Points
	end        time.Time
}

func (c *planChange) add(points billing.Points, l billing.StripeInvoiceLine) {
	c.difference += points
	if l.PeriodEnd.After(c.end) {
		c.end = l.PeriodEnd
	}
}

// grantChange grants the difference of a plan change, so much of it as was paid for in money. What a change down credited pays
// for no points when it is used up by a change up: the points that it stands for were granted when it was paid in. The points
// of the old plan stay, for as long as the new period where one begins: the difference leaves them out.
func (d *Decision) grantChange(in Input, i billing.StripeInvoice, c planChange) {
	amount := share(c.difference, min(i.AmountPaid, i.Total), i.Total)
	if amount <= 0 {
		return
	}
	end := c.end.Add(in.Policy.RenewalGrace)
	g := billing.Grant{
		Key: changeKey(i), Source: subscriptionSource(i.SubscriptionID), Amount: amount, ExpiresAt: &end,
		Replaces: c.begins, Description: "plan change",
	}
	if c.begins {
		g.Rollover = billing.RolloverAll
	}
	d.Grants = append(d.Grants, g)
	d.noteLater(in, i, c.end)
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
