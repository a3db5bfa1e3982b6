package simtest

import (
	"fmt"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// compareExpiries holds every expiry that there ever was against Stripe's lists: points of a period run out when it is
// over, when its subscription has ended, or when a later period has begun that does not take over all of them. So
// points that vanished in a period that is long over are seen as well.
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

// mayEnd reports whether points that were bought for a period may have run out by then.
func (s atStripe) mayEnd(source string, bought due, then time.Time) bool {
	if ended, over := s.ends()[source]; over && !then.Before(ended) || !then.Before(bought.to) {
		return true
	}
	for _, later := range s.periods(source, then) {
		begins := later.from
		if later.anew {
			begins = later.to // until then older points live on
		}
		if later.from.After(bought.from) && !then.Before(begins) {
			return true
		}
	}
	return false
}
