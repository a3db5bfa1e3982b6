package simtest

import (
	"fmt"
	"slices"
	"time"
)

// addMonths adds the months of a paid year whose points come month by month: each month that has begun, while the
// subscription and some of the money remain. A credit reduces the first months. For points that a change bought for the
// rest of a year, it states only the upper limit of each month.
func (s atStripe) addMonths(lots map[string]due, b bought, lot due, now time.Time) {
	ended, over := s.ends()[lot.source]
	back, amount := s.moneyBack(b.key)
	lot.monthly = true
	if !b.period {
		lot.most, lot.perhaps, lot.of = true, true, b.key
		months := 13 // the rest of a year may begin in the middle of a month
		if lot.until != nil {
			months = 12
		}
		for n := range months {
			if lot.until != nil {
				lot = lot.month(b.from, n)
			}
			lots[monthKey(b.key, n)] = lot
		}
		return
	}
	for n := range 12 {
		lot = lot.month(b.from, n)
		if n > 0 && (lot.from.After(now) || over && !lot.from.Before(ended)) {
			return
		}
		lot.granted = b.ofMonth(n)
		lot.perhaps = lot.granted == 0 || n > 0 && amount > 0 && back >= amount
		lots[monthKey(b.key, n)] = lot
	}
}

// addYearOfGone adds a year that was paid after its customer was deleted. The points come month by month as long as the
// account has no other customer, and then all others at once (docs/grants.md). Each month has its own lot. The model
// states the upper limit of each month, because no sync reads a refund of that customer again when later months come.
// For points that a change bought for the rest of a year, it states only the upper limit of their sum.
func (s atStripe) addYearOfGone(lots map[string]due, b bought, lot due) {
	lot.most, lot.anyEnd = true, true
	if !b.period {
		lot.of = b.key
		for n := range 13 {
			lot.perhaps = n > 0
			lots[monthKey(b.key, n)] = lot
		}
		return
	}
	for n := range 12 {
		lot.granted, lot.of = b.ofMonth(n), monthKey(b.key, n)
		lot.perhaps = n > 0 || lot.granted == 0
		lots[lot.of] = lot
	}
}

// ofMonth returns the points of the n-th month of a paid year. What the invoice credits is taken from the first months,
// and each month is reduced by the share that the balance paid.
func (b bought) ofMonth(n int) int64 { return b.share(min(max(0, b.sum-b.month*int64(11-n)), b.month)) }

// isGone reports whether the customer of an invoice was deleted.
func (s atStripe) isGone(invoice object) bool {
	return !slices.ContainsFunc(s.customers, func(c object) bool { return c.text("id") == invoice.text("customer") })
}

// month returns the lot as that of the n-th month after a given time. If it was paid after the end, each month has its
// own end.
func (lot due) month(from time.Time, n int) due {
	lot.from, lot.to = monthsLater(from, n), monthsLater(from, n+1)
	if lot.until != nil {
		lot.until = new(lot.to)
		if n < 11 {
			lot.until = new(lot.to.Add(renewalGrace))
		}
	}
	return lot
}

func monthKey(key string, n int) string {
	if n == 0 {
		return key
	}
	return fmt.Sprintf("%s:%d", key, n+1)
}

// monthsLater returns the same day of a later month, or that month's last day.
func monthsLater(t time.Time, n int) time.Time {
	last := time.Date(t.Year(), t.Month()+time.Month(n)+1, 0, t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
	if later := t.AddDate(0, n, 0); later.Day() == t.Day() {
		return later
	}
	return last
}
