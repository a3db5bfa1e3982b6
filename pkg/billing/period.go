package billing

import "time"

// Period is a period of a subscription. Start is inside it, End is not.
type Period struct {
	Start, End time.Time
	Inner      bool // it is one of the months of a longer period, and not the last one: its end never moves
}

// BegunPeriod is a period that a grant began.
type BegunPeriod struct {
	AccountID AccountID
	Source    string
	Period
	ExpiresAt *time.Time // of the lot that was granted for it
	Rollover  Points     // how many points of earlier periods may be kept in it, at most
	Carried   Points     // how many are kept, or were until they were used
}

// Room returns how many more points of earlier periods may be kept in the period.
func (p BegunPeriod) Room() Points { return p.Rollover - p.Carried }

// RolloverAll is the Rollover of a plan that keeps all its points.
const RolloverAll = MaxPoints
