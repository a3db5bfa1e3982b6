package simtest

import (
	"fmt"
	"time"
)

// addMonths puts months in the place of a year that was paid at once and whose points come month by month: each that has begun, while the
// subscription and some of the money are there, has an equal part. Of what a change of plan bought it only says how much that is at the most.
func (s atStripe) addMonths(lots map[string]due, key string, invoice object, from *time.Time, now time.Time) {
	year := lots[key]
	delete(lots, key)
	ended, over := s.ends()["subscription:"+invoice.text("subscription")]
	back, amount := s.moneyBack(key)
	plain := invoice.text("billing_reason") != "subscription_update" && from != nil
	if !plain {
		for n := range 13 {
			lots[monthKey(key, n)] = due{granted: year.granted, slack: year.slack, until: nil, most: true, perhaps: true}
		}
		return
	}
	for n := range 12 {
		begins, ends := monthsLater(*from, n), monthsLater(*from, n+1)
		if n > 0 && (begins.After(now) || over && !begins.Before(ended)) {
			return
		}
		lots[monthKey(key, n)] = due{granted: year.granted / 12, slack: year.slack + 1, until: &ends, perhaps: n > 0 && amount > 0 && back >= amount}
	}
}

func monthKey(key string, n int) string {
	if n == 0 {
		return key
	}
	return fmt.Sprintf("%s:%d", key, n+1)
}

// monthsLater is the same day of a later month, or its last one.
func monthsLater(t time.Time, n int) time.Time {
	last := time.Date(t.Year(), t.Month()+time.Month(n)+1, 0, t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
	if later := t.AddDate(0, n, 0); later.Day() == t.Day() {
		return later
	}
	return last
}
