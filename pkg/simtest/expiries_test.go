package simtest

import (
	"fmt"
	"slices"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// compareExpiries compares every past expiry with Stripe's lists. Points of a period expire when it is over, or when
// its subscription has ended. They also expire when a later period has begun that does not take over all of them. So it
// also notices points that vanished in a period that ended long ago.
func (s atStripe) compareExpiries(lots []billing.Lot, entries []billing.Entry, now time.Time) string {
	wanted, byID := s.lotsDue(now), map[billing.LotID]billing.Lot{}
	for _, lot := range lots {
		byID[lot.ID] = lot
	}
	for _, e := range entries {
		lot, known := byID[e.LotID]
		if want := wanted[lot.GrantKey]; !known || e.Kind != billing.EntryExpire || want.most || want.to.IsZero() ||
			s.mayEnd(lot.Source, want, e.CreatedAt) {
			continue
		}
		return fmt.Sprintf(
			"%d points of %s ran out at %s, in the middle of their period", -e.Amount, lot.GrantKey, e.CreatedAt,
		)
	}
	return ""
}

// compareClawbacks checks that no refund took points that had expired unused before it. Points that were held then, and
// expired later, may have been taken from other lots instead. The newest entry comes first.
func compareClawbacks(lots []billing.Lot, entries []billing.Entry) string {
	for _, lot := range lots {
		left, back := lot.Granted, billing.Points(0)
		for _, e := range slices.Backward(entries) {
			switch {
			case e.LotID != lot.ID:
			case e.Kind == billing.EntryExpire:
				left += e.Amount
			case e.Kind == billing.EntryRestore:
				back -= e.Amount
			case e.Kind == billing.EntryClawback:
				if back -= e.Amount; back > left {
					return fmt.Sprintf(
						"%d points of %s were clawed back, and %d had not expired before", back, lot.GrantKey, left,
					)
				}
			}
		}
	}
	return ""
}

// mayEnd reports whether points that were bought for a period may have expired by then.
func (s atStripe) mayEnd(source string, bought due, then time.Time) bool {
	if ended, over := s.ends()[source]; over && !then.Before(ended) || !then.Before(bought.to) {
		return true
	}
	for _, later := range s.periods(source, then) {
		begins := later.from
		if later.byChange {
			begins = later.to // until then older points stay
		}
		if later.from.After(bought.from) && !then.Before(begins) {
			return true
		}
	}
	return false
}
