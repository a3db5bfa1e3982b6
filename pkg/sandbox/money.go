package sandbox

import (
	"fmt"

	"github.com/pointsync/pointsync/pkg/sandbox/pages"
)

func money(amount int64, currency string) string { return pages.Amount(amount, currency) }

// each returns an interval in words, such as "month" or "3 months".
func (r *recurring) each() string {
	if r.IntervalCount == 1 {
		return r.Interval
	}
	return fmt.Sprintf("%d %ss", r.IntervalCount, r.Interval)
}
