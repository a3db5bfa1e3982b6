package reconcile

import (
	"cmp"
	"slices"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// watermarkMargin is how far before the oldest unsettled invoice the next picture begins. Stripe orders its lists by
// whole seconds and shows new items a moment later, so a day is generous.
const watermarkMargin = 24 * time.Hour

// decideInvoices grants what paid invoices bought, oldest first, and moves the watermark. Everything created before the
// watermark is settled and needs no second look. A whole picture and one that begins at the watermark give the same
// decision.
func (d *Decision) decideInvoices(in Input) {
	invoices := slices.Clone(in.Picture.Invoices)
	slices.SortFunc(invoices, func(a, b billing.StripeInvoice) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	var due []dueGrant
	owed, later := oweOnce(invoices)
	for _, i := range invoices {
		if i.Status == billing.InvoicePaid && i.SubscriptionID != "" {
			granted, more := d.grantInvoice(in, i, owed[i.ID])
			due, later[i.ID] = append(due, granted...), more || later[i.ID] || bounds(i, invoices, in.Now)
		}
	}
	due = append(due, d.formerInvoices(in)...)
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

// formerInvoices returns the grants of paid invoices of earlier customers. They do not move the watermark, which is
// that of the present customer.
func (d *Decision) formerInvoices(in Input) (due []dueGrant) {
	owed, _ := oweOnce(in.Picture.FormerInvoices)
	for _, i := range in.Picture.FormerInvoices {
		if i.Status == billing.InvoicePaid && i.SubscriptionID != "" {
			granted, _ := d.grantInvoice(in, i, owed[i.ID])
			due = append(due, granted...)
		}
	}
	return due
}

// bounds reports whether a paid invoice may still matter for when points expire (firstUnpaid). It does while its own
// period lasts, because a change to another interval may fail at any time in it. After that it does as long as a period
// that began within its own is not paid.
func bounds(paid billing.StripeInvoice, invoices []billing.StripeInvoice, now time.Time) bool {
	period, ok := periodLine(paid)
	return ok && (period.PeriodEnd.After(now) || slices.ContainsFunc(invoices, func(i billing.StripeInvoice) bool {
		within := func(l billing.StripeInvoiceLine) bool {
			return l.Item != "" && !l.Proration && l.PeriodStart.Before(period.PeriodEnd)
		}
		return i.SubscriptionID == paid.SubscriptionID && !i.Settled() && slices.ContainsFunc(i.Lines, within)
	}))
}

// dueGrant is a grant and the time it fell due. If several fall due at once, the one of the older invoice comes first:
// a period's points replace the older ones, and the points of a change of plan are added to them.
type dueGrant struct {
	at    time.Time
	grant billing.Grant
}

// grantInvoice returns the grants of a paid invoice. It grants what was paid for, never a period that only began.
//
// A period that a credit paid for grants no points. If the plan's unused points roll over, it still makes a grant of
// zero, so that they live on as in any paid period. Of points that come month by month, it grants the months that have
// begun. Of an earlier customer's invoice that was paid late it grants all months, until the year's end, because no
// later sync sees that invoice.
//
// If an import took the customer over from another system, what that system delivered is not granted again.
//
// more reports whether the invoice must be looked at again: points that come month by month need it until the period is
// over. An invoice with an item that is not understood grants nothing, and is looked at again until it is understood.
func (d *Decision) grantInvoice(in Input, i billing.StripeInvoice, owed int64) (due []dueGrant, more bool) {
	cutOver := cutOverOf(in, i)
	if delivered(cutOver, i) {
		return nil, false
	}
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
		p.atOnce = i.SubscriptionEndedAt != nil
	}
	cut, now := p.slices(anchorOf(in, i, p)), in.Now
	if p.atOnce {
		now = p.end
	}
	for n, s := range d.begun(cut, stopped(in, i, p.late), now) {
		if !cutOver.Grants(paidAt(i), s.at, s.end, n > 0) {
			continue
		}
		at, amount := s.at, paidShare(s.points, i, owed)
		if n == 0 {
			at, amount = i.Created, amount+p.trial
		}
		replaces, rollover := p.begins && !p.atOnce, p.rollover(n)
		if carries := replaces && (!p.anew || n > 0) && rollover > 0; amount == 0 && !carries {
			continue
		}
		end := p.sliceEnd(s, n == len(cut)-1, in.Policy.RenewalGrace, i.SubscriptionEndedAt)
		due = append(due, dueGrant{at, billing.Grant{
			Key:         p.sliceKey(n),
			Source:      source,
			Amount:      amount,
			ExpiresAt:   &end,
			Period:      &billing.Period{Start: s.at, End: s.end, Inner: s.end.Before(p.end)},
			Replaces:    replaces,
			Rollover:    rollover,
			Description: p.describe(i, owed),
		}})
	}
	return due, p.monthly && p.end.After(in.Now)
}

// cutOverOf returns until when an earlier system delivered what an invoice paid for: until its customer was imported,
// or else until its price became ours.
func cutOverOf(in Input, i billing.StripeInvoice) *billing.CutOver {
	if in.Account.CutOver != nil {
		return in.Account.CutOver
	}
	var cut *billing.CutOver
	for _, l := range i.Lines {
		if l.Item != "" && l.AdoptedAt != nil && (cut == nil || l.AdoptedAt.After(cut.At)) {
			cut = &billing.CutOver{At: *l.AdoptedAt}
		}
	}
	return cut
}

// delivered reports whether an earlier system delivered everything that an invoice paid for: it was paid before the
// cut-over, and all its periods ended before it. Then it does not matter whether its items are still known.
func delivered(c *billing.CutOver, i billing.StripeInvoice) bool {
	return c != nil && paidAt(i).Before(c.At) && !slices.ContainsFunc(
		i.Lines, func(l billing.StripeInvoiceLine) bool { return l.Item != "" && l.PeriodEnd.After(c.At) },
	)
}

// paidAt returns when a paid invoice was paid. An invoice that Stripe made without a payment may not say it.
func paidAt(i billing.StripeInvoice) time.Time {
	if i.PaidAt == nil {
		return i.Created
	}
	return *i.PaidAt
}

// sliceEnd returns when the points of a slice end. ended is the end of an earlier customer's subscription, else nil.
func (p purchase) sliceEnd(s slice, last bool, grace time.Duration, ended *time.Time) time.Time {
	switch {
	case p.atOnce:
		return p.end
	case p.late && last:
		return s.end
	}
	return endBy(s.end.Add(grace), ended)
}

// begun returns the slices of a paid period that have begun, up to the time at which they stop. It notes when the next
// one falls due. The first is due with its invoice.
func (d *Decision) begun(cut []slice, stop *time.Time, now time.Time) []slice {
	for n, s := range cut {
		switch {
		case n == 0:
		case stop != nil && !s.at.Before(*stop):
			return cut[:n]
		case s.at.After(now):
			if d.NextGrantAt == nil || s.at.Before(*d.NextGrantAt) {
				d.NextGrantAt = &s.at
			}
			return cut[:n]
		}
	}
	return cut
}

// endBy returns at, or the end of the subscription if that is known and earlier.
func endBy(at time.Time, ended *time.Time) time.Time {
	if ended != nil {
		return minTime(at, *ended)
	}
	return at
}

// invoiceSource returns the source of points that do not expire when their subscription ends.
func invoiceSource(id billing.InvoiceID) string { return "invoice:" + string(id) }

// paidLate reports whether an invoice was paid after its subscription had ended. The end of the subscription expires
// its points, but must not expire those.
func paidLate(in Input, i billing.StripeInvoice) bool {
	ended := i.SubscriptionEndedAt
	for _, s := range in.Picture.Subscriptions {
		if s.ID == i.SubscriptionID {
			ended = s.EndedAt
		}
	}
	return ended != nil && i.PaidAt != nil && i.PaidAt.After(*ended)
}
