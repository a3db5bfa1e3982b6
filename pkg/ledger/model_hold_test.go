package ledger_test

import (
	"cmp"
	"slices"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// modelHold is a hold, active while points of it are held.
type modelHold struct {
	end   time.Time
	since map[*modelLot]time.Time // when the period of a lot began, as of the making of the hold
}

func (m *model) releaseDue(now time.Time) {
	var due []*modelHold
	for _, h := range m.holds {
		if m.pointsOf(h) > 0 && !h.end.After(now) {
			due = append(due, h)
		}
	}
	slices.SortStableFunc(due, func(a, b *modelHold) int { return a.end.Compare(b.end) })
	for _, h := range due {
		m.enter(billing.EntryRelease, 0)
		m.giveBack(h)
	}
}

func (m *model) hold(now time.Time, n billing.Points, lasts time.Duration) bool {
	points := m.spendable(now, n)
	if points == nil {
		return false
	}
	h := &modelHold{end: now.Add(lasts), since: map[*modelLot]time.Time{}}
	for _, p := range points {
		p.at, p.hold = held, h
		h.since[p.lot] = p.lot.lives
	}
	m.holds = append(m.holds, h)
	m.enter(billing.EntryHold, 0)
	return true
}

func (m *model) pointsOf(h *modelHold) billing.Points { return billing.Points(len(m.inHold(h))) }

func (m *model) inHold(h *modelHold) (found []*modelPoint) {
	return slices.DeleteFunc(m.first(held, m.held()), func(p *modelPoint) bool { return p.hold != h })
}

// capture spends n points of a hold. The rest goes back.
func (m *model) capture(now time.Time, h *modelHold, n billing.Points) {
	m.enter(billing.EntryCapture, -n)
	move(m.inHold(h)[:n], used)
	m.giveBack(h)
	m.passTime(now)
}

func (m *model) release(now time.Time, h *modelHold) {
	m.enter(billing.EntryRelease, 0)
	m.giveBack(h)
	m.passTime(now)
}

// giveBack returns a hold's points. They pay debt first, and then go where they came from. They expire if a renewal
// would not have taken them over, had they been there at the renewal. Those of the lot for the newest period expire
// last.
func (m *model) giveBack(h *modelHold) {
	var back []*modelPoint
	for _, p := range m.inHold(h) {
		if m.payDebt(p); p.at == held {
			back = append(back, p)
		}
	}
	slices.SortStableFunc(back, func(a, b *modelPoint) int { return newerFirst(a.lot, b.lot) })
	over := map[*modelLot][]*modelPoint{}
	for _, p := range back {
		if p.lot.ended || m.carries(p.lot, h) {
			move([]*modelPoint{p}, free) // what comes back to an ended lot expires with the next passTime
		} else {
			over[p.lot] = append(over[p.lot], p)
		}
	}
	for _, l := range m.lots {
		m.expire(l, over[l])
	}
}

// carries reports whether each renewal since a hold was made has room for one more point of a lot. If so, it counts
// the point in them.
func (m *model) carries(l *modelLot, h *modelHold) bool {
	since := slices.SortedFunc(
		slices.Values(m.renewals), func(a, b *modelRenewal) int { return a.period.Compare(b.period) },
	)
	for _, r := range since {
		if l.source != r.source || h.since[l].IsZero() || !h.since[l].Before(r.period) {
			continue
		}
		if r.carried >= r.cap {
			return false
		}
		r.carried++
	}
	return true
}

// newerFirst orders lots by the period that they were granted for.
func newerFirst(a, b *modelLot) int {
	return -cmp.Or(a.origin.Compare(b.origin), cmp.Compare(a.nr, b.nr))
}
