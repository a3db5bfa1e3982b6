package sandbox

import "time"

// next returns the first end of a billing period after a time, in Unix seconds (UTC). It counts whole intervals from
// the anchor. Months keep the anchor's day and clamp it to the month's end: 31 Jan, 29 Feb, 31 Mar.
func (r *recurring) next(anchor, after int64) int64 {
	if anchor > after {
		return anchor
	}
	start := time.Unix(anchor, 0).UTC()
	for k := (after - anchor) / r.longest(); ; k++ {
		if end := r.step(start, int(k*r.IntervalCount)).Unix(); end > after {
			return end
		}
	}
}

// last returns the latest end of a billing period that is not after a time. The anchor may be later than that time.
func (r *recurring) last(anchor, at int64) int64 {
	start := time.Unix(anchor, 0).UTC()
	k := int64(0)
	if anchor <= at {
		k = (at - anchor) / r.longest()
	}
	for r.step(start, int((k+1)*r.IntervalCount)).Unix() <= at {
		k++
	}
	for r.step(start, int(k*r.IntervalCount)).Unix() > at {
		k--
	}
	return r.step(start, int(k*r.IntervalCount)).Unix()
}

// longestSeconds are the greatest lengths of an interval, in seconds.
var longestSeconds = map[string]int64{"day": 86400, "week": 7 * 86400, "month": 31 * 86400, "year": 366 * 86400}

// longest returns the greatest length of a period, in seconds.
func (r *recurring) longest() int64 { return longestSeconds[r.Interval] * r.IntervalCount }

func (r *recurring) step(start time.Time, n int) time.Time {
	switch r.Interval {
	case "day":
		return start.AddDate(0, 0, n)
	case "week":
		return start.AddDate(0, 0, 7*n)
	case "year":
		n *= 12
	}
	first := time.Date(
		start.Year(), start.Month()+time.Month(n), 1, start.Hour(), start.Minute(), start.Second(), 0, time.UTC,
	)
	lastDay := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(start.Day(), lastDay)-1)
}

func (r *recurring) same(other *recurring) bool {
	return r.Interval == other.Interval && r.IntervalCount == other.IntervalCount
}

// monthsAfter returns the time that is a number of months after start, clamped to the month's end.
func monthsAfter(start, months int64) int64 {
	return (&recurring{Interval: "month"}).step(time.Unix(start, 0).UTC(), int(months)).Unix()
}
