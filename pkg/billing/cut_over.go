package billing

import "time"

// CutOver is how an account was taken over from the system that sold to its Stripe customer before.
type CutOver struct {
	At      time.Time // what was paid before this, the earlier system delivered
	Running bool      // except the periods that contain At: they are granted here
}

// Grants reports whether a part of a paid period is granted here. paid is when its invoice was paid, from and until are
// the part's times. later means that the part is a later month of a period whose points come month by month. Those that
// begin at the cut-over or after it are granted here, because the earlier system had not delivered them yet.
func (c *CutOver) Grants(paid, from, until time.Time, later bool) bool {
	switch {
	case c == nil, !paid.Before(c.At):
		return true
	case later && !from.Before(c.At):
		return true
	}
	return c.Running && !from.After(c.At) && until.After(c.At)
}
