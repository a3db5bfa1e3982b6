package billing

import (
	"cmp"
	"time"
)

// NoCap is a cap that no account reaches.
const NoCap Points = 1 << 62

// Caps are the most points that an account may spend: in one request, and on one day (UTC). 0 is no cap.
type Caps struct {
	Request, Day Points
}

// orNone returns the same caps, with NoCap in place of 0.
func (c Caps) orNone() Caps {
	return Caps{Request: cmp.Or(c.Request, NoCap), Day: cmp.Or(c.Day, NoCap)}
}

// CapPolicy says which caps hold for which account. The zero CapPolicy caps nothing.
type CapPolicy struct {
	Default Caps            // without a plan
	Plans   map[string]Caps // while the window of a subscription of that plan contains the time
}

// Of returns the caps of an account at a time, with NoCap for none.
func (p CapPolicy) Of(a Account, now time.Time) Caps {
	if s := a.Subscription; s != nil && s.Window.Contains(now) {
		if caps, ok := p.Plans[s.Plan]; ok {
			return caps.orNone()
		}
	}
	return p.Default.orNone()
}

// Check refuses to take n points if a cap of the account does not allow it. Errors: ERequestCap, EDailyCap.
func (p CapPolicy) Check(a Account, n Points, now time.Time) error {
	caps, spent := p.Of(a, now), a.Day.On(now)
	switch {
	case n > caps.Request:
		return Errorf(ERequestCap, "%d points asked for, and one request may take %d.", n, caps.Request)
	case n > caps.Day-spent:
		e := Errorf(
			EDailyCap, "%d points asked for. The account may spend %d a day (UTC), and has spent %d today.",
			n, caps.Day, spent,
		)
		// No day helps a request that is larger than a whole day's points. The next plan may.
		if n <= caps.Day {
			e.RetryAfter = DayOf(now).Add(24 * time.Hour).Sub(now)
		}
		return e
	}
	return nil
}

// DaySpent is how many points an account has spent on its last day with a spend. Points of a hold count on the day that
// the hold is taken.
type DaySpent struct {
	Day    *time.Time // its first moment, in UTC; nil before the first spend
	Points Points
}

// DayOf returns the first moment of a time's day in UTC.
func DayOf(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// On returns the points that were spent on a time's day. The clocks of two servers differ a little, so a spend may be
// counted on a day that has not begun here. It then counts here too: otherwise servers would reset each other's count.
func (d DaySpent) On(t time.Time) Points {
	if d.Day == nil || d.Day.Before(DayOf(t)) {
		return 0
	}
	return d.Points
}

// Plus returns the count after n more points at a time.
func (d DaySpent) Plus(n Points, t time.Time) DaySpent {
	day := DayOf(t)
	if d.Day != nil && d.Day.After(day) {
		day = *d.Day
	}
	return DaySpent{Day: &day, Points: d.On(t) + n}
}

// Minus returns the count after n points that were taken at a time have come back. What was taken on an earlier day
// changes nothing.
func (d DaySpent) Minus(n Points, taken time.Time) DaySpent {
	if d.Day != nil && !d.Day.After(taken) {
		d.Points = max(0, d.Points-n)
	}
	return d
}
