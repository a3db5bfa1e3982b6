package reconcile

import (
	"fmt"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// slice is what comes at one time of what an invoice bought: all of it, or a month's part.
type slice struct {
	at, end time.Time
	points  billing.Points
}

// slices cuts a purchase into the months of the period that begins at anchor, where its points come month by month. A
// period's months have equal parts. What its invoice credits is taken from the first ones, where the old period's
// points still are; what a change of plan in the midst of a period bought is spread over the time that is left, so the
// month under way has less of it.
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
	first, months := int64(0), int64(0) // seconds of the first month that are bought, and how many months there are
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

// spread gives the slices their points: each month an equal part, the first one for first of its length.
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

// monthsAfter is the same day so many months on, or the last one of a shorter month: 31 January, 28 February, 31 March,
// as Stripe counts.
func monthsAfter(t time.Time, n int) time.Time {
	t = t.UTC()
	last := time.Date(
		t.Year(), t.Month()+time.Month(n)+1, 0, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC,
	)
	return last.AddDate(0, 0, min(t.Day(), last.Day())-last.Day())
}

// sliceKey names a month's part. The first one has the purchase's own key.
func (p purchase) sliceKey(n int) string {
	if n == 0 {
		return p.key
	}
	return fmt.Sprintf("%s:%d", p.key, n+1)
}

// anchorOf is when the period began that a purchase is for the rest of: its paid invoice says so.
func anchorOf(in Input, i billing.StripeInvoice, p purchase) time.Time {
	for _, other := range in.Picture.Invoices {
		if other.SubscriptionID != i.SubscriptionID || other.Status != "paid" {
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

// stopped returns from when on an invoice brings nothing more: at once when all of its money is back with the payer, or
// when the subscription ended, unless it was paid after that. nil when it goes on.
func stopped(in Input, i billing.StripeInvoice, late bool) *time.Time {
	if m := moneyOf(in.Picture.Charges)[i.ID]; m.paid > 0 && m.back >= m.paid {
		return &time.Time{}
	}
	if late {
		return nil
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
