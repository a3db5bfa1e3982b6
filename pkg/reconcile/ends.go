package reconcile

import (
	"iter"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// End is when the lots of one subscription expire. It is absolute: it ignores the expiry that a lot has now, so the
// pictures of a subscription may be applied in any order. docs/grants.md has the rules with numbers.
type End struct {
	Source  string
	Ended   *time.Time     // the subscription has ended, and all its lots expire then
	Current billing.Period // the period that Stripe has now
	Trial   bool           // Current is a trial, which may have replaced a period that was running
	Grace   time.Duration  // how long lots of Current outlive it
	Renewal time.Duration  // how long lots of other periods outlive theirs
	// when the first unpaid period begins: lots of earlier periods expire at Until; nil if all is paid
	Unpaid *time.Time
	Until  time.Time
	By     *time.Time // the end of the subscription, if it is known already: no lot lasts longer
}

// lotsEnd returns when the lots of a subscription expire.
func lotsEnd(s billing.StripeSubscription, in Input) End {
	e := End{
		Source: subscriptionSource(s.ID), Current: billing.Period{Start: s.CurrentPeriodStart, End: s.CurrentPeriodEnd},
		Trial:   s.Status == billing.SubTrialing,
		Grace:   in.Policy.RenewalGrace,
		Renewal: in.Policy.RenewalGrace,
		By:      s.EndsAt,
	}
	switch s.Status {
	case billing.SubCanceled, billing.SubIncompleteExpired:
		e.Ended = &in.Now
		if s.EndedAt != nil {
			e.Ended = s.EndedAt
		}
		return e
	}
	grace := in.Policy.RenewalGrace
	if s.Status == billing.SubPastDue {
		grace = max(in.Policy.PastDueGrace, in.Policy.RenewalGrace)
	}
	switch u := firstUnpaid(s, in.Picture.Invoices); {
	case u == nil:
		e.Grace = grace
	case u.underWay:
		e.Unpaid, e.Until = &u.from, s.CurrentPeriodEnd.Add(in.Policy.RenewalGrace)
	default:
		e.Unpaid, e.Until = &u.from, minTime(u.from, s.CurrentPeriodEnd).Add(grace)
	}
	return e
}

// of returns a lot with the expiry that e gives it. A lot of another source stays as it is.
func (e End) of(l billing.Lot) billing.Lot {
	if l.Source != e.Source {
		return l
	}
	if e.Ended != nil {
		l.ExpiresAt = e.Ended
		return l
	}
	if l.Period == nil {
		return l
	}
	p := *l.Period
	end := p.End.Add(e.Renewal)
	switch {
	case p.Inner:
	case e.Unpaid != nil && p.Start.Before(*e.Unpaid):
		end = e.Until
	case !p.Start.Before(e.Current.Start) || e.Trial && p.End.After(e.Current.Start):
		p.End = e.Current.End
		end = p.End.Add(e.Grace)
	}
	if e.By != nil {
		end = minTime(end, *e.By)
	}
	l.Period, l.ExpiresAt = &p, &end
	return l
}

// unpaid is a period that is not paid yet.
type unpaid struct {
	from     time.Time
	underWay bool // its payment is under way
}

// firstUnpaid returns the first period after the last paid one whose invoice waits for money, or nil if there is none.
//
// It reads the invoices, because Stripe's current period is no guide. Stripe moves that period when it begins, an hour
// before it is charged, and moves it again while an older one is still owed. A draft counts as waiting. A period older
// than a paid one is owed, and expires no points.
func firstUnpaid(s billing.StripeSubscription, invoices []billing.StripeInvoice) *unpaid {
	paid := lastPaid(s.ID, invoices)
	var first *unpaid
	for i, l := range periodLines(s.ID, invoices) {
		u := unpaid{from: l.PeriodStart, underWay: i.UnderWay}
		if paid.End.After(u.from) { // part of the period is paid, as after a change of plan
			u.from = paid.End
		}
		switch {
		case i.Settled():
		case l.PeriodStart.After(s.CurrentPeriodStart):
			// the invoice of a change that is made only once it is paid: no period of it has begun
		case l.PeriodStart.Before(paid.Start) || !l.PeriodEnd.After(paid.End):
		case first == nil || u.from.Before(first.from) || u.from.Equal(first.from) && !u.underWay:
			first = &u
		}
	}
	return first
}

// lastPaid returns the last paid period of a subscription, or the zero period if none is paid. It is the one that began
// last, and not the one that ends last: a change from a year to a month ends the year, and the year's money is given
// back as a credit.
func lastPaid(id billing.SubscriptionID, invoices []billing.StripeInvoice) (last billing.Period) {
	for i, l := range periodLines(id, invoices) {
		begins := l.PeriodStart.Compare(last.Start)
		if i.Status == billing.InvoicePaid && (begins > 0 || begins == 0 && l.PeriodEnd.After(last.End)) {
			last = billing.Period{Start: l.PeriodStart, End: l.PeriodEnd}
		}
	}
	return last
}

// periodLines yields the lines of a subscription's invoices that pay for a period of ours, with their invoices.
func periodLines(
	id billing.SubscriptionID, invoices []billing.StripeInvoice,
) iter.Seq2[billing.StripeInvoice, billing.StripeInvoiceLine] {
	return func(yield func(billing.StripeInvoice, billing.StripeInvoiceLine) bool) {
		for _, i := range invoices {
			if i.SubscriptionID != id {
				continue
			}
			for _, l := range i.Lines {
				if !l.Proration && l.Item != "" && !yield(i, l) {
					return
				}
			}
		}
	}
}
