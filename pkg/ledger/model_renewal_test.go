package ledger_test

import (
	"slices"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// modelRenewal is a paid period that took over points of earlier ones: how many it may take, and how many it took.
type modelRenewal struct {
	source       string
	period       time.Time
	end          *time.Time
	cap, carried billing.Points
}

// before reports whether a lot is in an earlier period than that of a renewal.
func (l *modelLot) before(r *modelRenewal) bool {
	return l.source == r.source && !l.lives.IsZero() && l.lives.Before(r.period)
}

// grant adds a lot, once for each key. A grant that replaces is the payment of a period: what is left of earlier
// periods goes over into it. If a later period is paid already, the lot goes over into that one at once.
func (m *model) grant(now time.Time, g billing.Grant) {
	if m.find(g.Key) != nil {
		return
	}
	m.releaseDue(now)
	l := &modelLot{nr: len(m.lots), key: g.Key, source: g.Source, end: g.ExpiresAt}
	if g.Period != nil {
		l.origin, l.lives = g.Period.Start, g.Period.Start
	}
	later := m.later(l)
	if g.Replaces && later == nil {
		r := &modelRenewal{source: g.Source, period: l.lives, end: g.ExpiresAt, cap: g.Rollover}
		m.renewals = append(m.renewals, r)
		m.carryOver(r)
	}
	m.enter(billing.EntryGrant, g.Amount)
	for range g.Amount {
		l.points = append(l.points, m.payDebt(&modelPoint{lot: l}))
	}
	m.lots = append(m.lots, l)
	if later != nil {
		m.countAgain(later)
	}
}

// later returns the newest paid period after the one that a lot is for.
func (m *model) later(l *modelLot) (found *modelRenewal) {
	for _, r := range m.renewals {
		if l.before(r) && (found == nil || r.period.After(found.period)) {
			found = r
		}
	}
	return found
}

// carryOver keeps points of earlier periods in one that begins. Those of the newest period come first.
func (m *model) carryOver(r *modelRenewal) {
	m.keep(r, func(l *modelLot) bool { return l.before(r) })
}

// countAgain lets a period that has begun take over the points of one that was paid late. It takes as many as it would
// have if they had been there when it began, minus those of its taken-over points that are gone.
func (m *model) countAgain(r *modelRenewal) {
	there := billing.Points(0)
	for _, l := range m.lots {
		if l.source == r.source && l.lives.Equal(r.period) && l.origin.Before(r.period) {
			there += l.count(free)
		}
	}
	r.carried = max(0, r.carried-there)
	m.keep(r, func(l *modelLot) bool {
		return l.source == r.source && !l.origin.IsZero() && l.origin.Before(r.period) && !l.lives.After(r.period)
	})
}

// keep moves lots into a period, with as many of their free points as there is room for.
func (m *model) keep(r *modelRenewal, which func(*modelLot) bool) {
	lots := slices.DeleteFunc(slices.Clone(m.lots), func(l *modelLot) bool {
		return !which(l) || l.ended || l.count(free)+l.count(held) == 0
	})
	slices.SortFunc(lots, newerFirst)
	for _, l := range lots {
		if r.cap == 0 {
			m.endLot(l)
			continue
		}
		there := l.in(free)
		kept := min(len(there), int(max(0, r.cap-r.carried)))
		m.expire(l, there[kept:])
		if kept > 0 && !l.lives.Equal(r.period) {
			m.enter(billing.EntryRollover, 0)
		}
		r.carried += billing.Points(kept)
		l.lives, l.end = r.period, r.end
	}
}

func (m *model) payDebt(p *modelPoint) *modelPoint {
	if m.debt > 0 {
		m.debt--
		move([]*modelPoint{p}, used)
	}
	return p
}
