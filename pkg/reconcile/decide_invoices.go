package reconcile

import (
	"cmp"
	"slices"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// watermarkMargin is how far before the oldest unsettled invoice the next picture begins. Lists at Stripe are ordered
// by whole seconds and become visible a moment after; a day is generous.
const watermarkMargin = 24 * time.Hour

// decideInvoices grants what paid invoices bought, oldest first, and moves the watermark: everything created before it
// is settled and needs no second look. A whole picture and one from the watermark on are decided alike.
func (d *Decision) decideInvoices(in Input) {
	invoices := slices.Clone(in.Picture.Invoices)
	slices.SortFunc(invoices, func(a, b billing.StripeInvoice) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	var due []dueGrant
	owed, later := oweOnce(invoices)
	for _, i := range invoices {
		if i.Status == "paid" && i.SubscriptionID != "" {
			granted, more := d.grantInvoice(in, i, owed[i.ID])
			due, later[i.ID] = append(due, granted...), more || later[i.ID] || bounds(i, invoices, in.Now)
		}
	}
	slices.SortStableFunc(due, func(a, b dueGrant) int { return a.at.Compare(b.at) })
	for _, g := range due {
		d.Grants = append(d.Grants, g.grant)
	}
	for n, i := range invoices {
		if !i.Settled() || later[i.ID] || n == len(invoices)-1 {
			since := i.Created.Add(-watermarkMargin)
			if d.InvoicesSince == nil || since.After(*d.InvoicesSince) {
				d.InvoicesSince = &since
			}
			return
		}
	}
}

// bounds reports whether a paid invoice may still say until when points last (firstUnpaid): while its own period goes
// on, since a change to another interval may fail at any moment of it, and after that as long as a period that began
// within it is not paid.
func bounds(paid billing.StripeInvoice, invoices []billing.StripeInvoice, now time.Time) bool {
	period, ok := periodLine(paid)
	return ok && (period.PeriodEnd.After(now) || slices.ContainsFunc(invoices, func(i billing.StripeInvoice) bool {
		within := func(l billing.StripeInvoiceLine) bool {
			return l.Item != "" && !l.Proration && l.PeriodStart.Before(period.PeriodEnd)
		}
		return i.SubscriptionID == paid.SubscriptionID && !i.Settled() && slices.ContainsFunc(i.Lines, within)
	}))
}

// dueGrant is a grant and when it fell due. Of those that fall due at once the older invoice's comes first: a period's
// points replace the older ones, those of a change of plan stand beside.
type dueGrant struct {
	at    time.Time
	grant billing.Grant
}

// grantInvoice grants on what was paid, never on a period that merely began. A period that a credit paid for grants no
// points; where unused ones roll over it grants just that, so that they live on as in any period that was paid. Of
// points that come month by month it grants those of the months that have begun, and says whether the invoice must be
// looked at again: until its period is over. An invoice with an item that is not understood grants nothing, and must be
// looked at until it is.
func (d *Decision) grantInvoice(in Input, i billing.StripeInvoice, owed int64) (due []dueGrant, more bool) {
	p := readInvoice(in.Catalog, i)
	d.Warnings = append(d.Warnings, p.warnings...)
	if len(p.unknown) > 0 {
		d.notUnderstood(i, p.unknown)
		return nil, true
	}
	source := subscriptionSource(i.SubscriptionID)
	if paidLate(in, i) {
		p.beginWith(*i.PaidAt)
		source = invoiceSource(i.ID)
	}
	stop := stopped(in, i, p.late)
	cut := p.slices(anchorOf(in, i, p))
	for n, s := range cut {
		at := s.at
		if n == 0 {
			at = i.Created
		} else if stop != nil && !at.Before(*stop) {
			break
		} else if at.After(in.Now) {
			if d.NextGrantAt == nil || at.Before(*d.NextGrantAt) {
				d.NextGrantAt = &at
			}
			break
		}
		amount := paidShare(s.points, i, owed)
		if n == 0 {
			amount += p.trial
		}
		rollover := p.rollover(n)
		if carries := p.begins && (!p.anew || n > 0) && rollover > 0; amount == 0 && !carries {
			continue
		}
		end := s.end
		if !p.late || n < len(cut)-1 {
			end = end.Add(in.Policy.RenewalGrace)
		}
		due = append(due, dueGrant{at, billing.Grant{
			Key: p.sliceKey(n), Source: source, Amount: amount, ExpiresAt: &end,
			Period: &billing.Period{
				Start: s.at, End: s.end, Inner: s.end.Before(p.end),
			}, Replaces: p.begins, Rollover: rollover,
			Description: p.describe(i, owed),
		}})
	}
	return due, p.monthly && p.end.After(in.Now)
}

// invoiceSource is the source of points that the end of their subscription does not end.
func invoiceSource(id billing.InvoiceID) string { return "invoice:" + string(id) }

// paidLate reports whether an invoice was paid after its subscription had ended. What ends the subscription's points
// must not end those.
func paidLate(in Input, i billing.StripeInvoice) bool {
	for _, s := range in.Picture.Subscriptions {
		if s.ID == i.SubscriptionID && s.EndedAt != nil {
			return i.PaidAt != nil && i.PaidAt.After(*s.EndedAt)
		}
	}
	return false
}
