package reconcile

import (
	"cmp"
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
	d.noteLater()
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

// grantInvoice grants on what was paid, never on a period that merely began. A period that a credit paid for grants no points; where
// unused ones roll over it grants just that, so that they live on as in any period that was paid.
func (d *Decision) grantInvoice(in Input, i billing.StripeInvoice) {
	p := readInvoice(in.Catalog, i)
	d.Warnings = append(d.Warnings, p.warnings...)
	amount := paidShare(p.points, i) + p.trial
	if carries := p.begins && !p.anew && p.rollover() > 0; amount == 0 && !carries {
		return
	}
	end := p.end.Add(in.Policy.RenewalGrace)
	g := billing.Grant{
		Key: p.key, Source: subscriptionSource(i.SubscriptionID), Amount: amount, ExpiresAt: &end,
		Replaces: p.begins, Description: p.describe(i),
	}
	if p.begins {
		g.Rollover = p.rollover()
	}
	d.Grants = append(d.Grants, g)
}

// noteLater tells each grant which one of a later period of the same subscription there is. It matters where that one was granted
// first, because this one was paid late. Of two that end at once it is always the same one.
func (d *Decision) noteLater() {
	for n := range d.Grants {
		g, end := &d.Grants[n], d.Grants[n].ExpiresAt
		for _, other := range d.Grants {
			if other.Source != g.Source || !other.Replaces || other.ExpiresAt.Before(*end) {
				continue
			}
			if other.ExpiresAt.After(*end) || g.Next != "" && other.Key < g.Next {
				end, g.Next, g.NextRollover = other.ExpiresAt, other.Key, other.Rollover
			}
		}
	}
}
