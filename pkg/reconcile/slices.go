package reconcile

import (
	"fmt"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// slice is the part of a purchase that comes at one time: all of it, or one month's part.
type slice struct {
	at, end time.Time
	points  billing.Points
}

// slices cuts a purchase whose points come month by month into the months of the period that begins at anchor. The
// months have equal parts. What the invoice credits is taken from the first ones, where the old period's points still
// are. A change of plan in the middle of a period spreads its points over the time that is left, so the current month
// gets less.
func (p purchase) slices(anchor time.Time) []slice {
	if !p.monthly {
		return []slice{{p.start, p.end, p.points}}
	}
	if p.points <= 0 {
		return nil
	}
	if p.begins {
		anchor = p.start
	}
	var cut []slice
	first, months := int64(0), int64(0) // bought seconds of the first month, and the number of months
	length := int64(1)
	for at, k := p.start, 1; at.Before(p.end); k++ {
		end := minTime(monthsAfter(anchor, k), p.end)
		if !end.After(at) {
			continue
		}
		if months == 0 {
			length = int64(end.Sub(monthsAfter(anchor, k-1)) / time.Second)
			first = min(int64(end.Sub(at)/time.Second), length)
		}
		cut = append(cut, slice{at: at, end: end})
		at, months = end, months+1
	}
	p.spread(cut, first, length)
	return cut
}

// spread sets the points of the slices. Each month gets an equal part, except the first, which gets first/length of a
// part.
func (p purchase) spread(cut []slice, first, length int64) {
	spread, rest := p.points, billing.Points(0)
	if p.begins {
		spread, rest = p.whole, p.points-p.whole
	}
	parts, before := first+int64(len(cut)-1)*length, billing.Points(0)
	for k := range cut {
		until := share(spread, first+int64(k)*length, parts)
		cut[k].points = until - before
		before = until
	}
	for k := range cut {
		took := max(rest, -cut[k].points)
		cut[k].points += took
		rest -= took
	}
}

// monthsAfter returns the same day n months later, or the last day of a shorter month: 31 January, 28 February, 31
// March, as Stripe counts.
func monthsAfter(t time.Time, n int) time.Time {
	t = t.UTC()
	last := time.Date(
		t.Year(), t.Month()+time.Month(n)+1, 0, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC,
	)
	return last.AddDate(0, 0, min(t.Day(), last.Day())-last.Day())
}

// sliceKey returns the grant key of a month's part. The first part has the purchase's own key.
func (p purchase) sliceKey(n int) string {
	if n == 0 {
		return p.key
	}
	return fmt.Sprintf("%s:%d", p.key, n+1)
}

// anchorOf returns when the period began, if a purchase is for the rest of that period. The period's paid invoice says
// so.
func anchorOf(in Input, i billing.StripeInvoice, p purchase) time.Time {
	for _, other := range in.Picture.Invoices {
		if other.SubscriptionID != i.SubscriptionID || other.Status != billing.InvoicePaid {
			continue
		}
		for _, l := range other.Lines {
			if !l.Proration && l.Amount > 0 && l.PeriodEnd.Equal(p.end) && !l.PeriodStart.After(p.start) {
				return l.PeriodStart
			}
		}
	}
	return p.end.AddDate(-1, 0, 0)
}

// stopped returns from when an invoice brings nothing more, or nil if it goes on. It stops at once if all of its money
// is back with the payer. It stops when the subscription ended, unless the invoice was paid after that.
func stopped(in Input, i billing.StripeInvoice, late bool) *time.Time {
	if m := moneyOf(in.Picture.Charges)[i.ID]; m.paid > 0 && m.back >= m.paid {
		return &time.Time{}
	}
	switch {
	case late:
		return nil
	case i.SubscriptionEndedAt != nil:
		return i.SubscriptionEndedAt
	}
	for _, s := range in.Picture.Subscriptions {
		if s.ID == i.SubscriptionID && (s.Status == billing.SubCanceled || s.Status == billing.SubIncompleteExpired) {
			if s.EndedAt == nil {
				return &in.Now
			}
			return s.EndedAt
		}
	}
	return nil
}
