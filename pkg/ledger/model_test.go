package ledger_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// model is an account's points in the most literal way. Every single point is a thing with a place. docs/grants.md,
// docs/states.md and the decisions 3, 7 and 8 say what is done to it, one by one, at once. The model was written from
// those pages alone.
type model struct {
	lots     []*modelLot     // oldest first
	holds    []*modelHold    // oldest first
	renewals []*modelRenewal // in the order in which they were paid
	debt     billing.Points
	live     bool     // the account has a subscription that continues
	entries  []string // "kind amount"
}

// place is where a point is.
type place int

const (
	free    place = iota
	held          // set aside by a hold
	used          // spent, captured, or gone into a debt
	clawed        // taken back with its money
	expired       // expired unused
)

type modelPoint struct {
	lot  *modelLot
	at   place
	hold *modelHold // while it is held
}

type modelLot struct {
	nr          int // in the order of granting
	key, source string
	origin      time.Time // when the period began that it was granted for; zero if it belongs to none
	lives       time.Time // when the period began that it is in now
	end         *time.Time
	ended       bool // it was ended: what comes back to it expires
	points      []*modelPoint
	elsewhere   billing.Points // clawed back for this lot, but out of other lots, or as debt
}

func (l *modelLot) in(at place) (found []*modelPoint) {
	for _, p := range l.points {
		if p.at == at {
			found = append(found, p)
		}
	}
	return found
}

func (l *modelLot) count(at place) billing.Points { return billing.Points(len(l.in(at))) }

func (m *model) total(at place) (sum billing.Points) {
	for _, l := range m.lots {
		sum += l.count(at)
	}
	return sum
}

func (m *model) available() billing.Points { return m.total(free) }
func (m *model) held() billing.Points      { return m.total(held) }

// burnOrder returns the points in the order of their use: soonest expiry first, then the oldest.
func (m *model) burnOrder() []*modelLot {
	return slices.SortedStableFunc(slices.Values(m.lots), func(a, b *modelLot) int {
		switch {
		case a.end == nil && b.end == nil:
			return cmp.Compare(a.nr, b.nr)
		case a.end == nil:
			return 1
		case b.end == nil:
			return -1
		}
		return cmp.Or(a.end.Compare(*b.end), cmp.Compare(a.nr, b.nr))
	})
}

// first returns the n points of a place that are used first.
func (m *model) first(at place, n billing.Points) (found []*modelPoint) {
	for _, l := range m.burnOrder() {
		found = append(found, l.in(at)...)
	}
	return found[:min(int(n), len(found))]
}

func move(points []*modelPoint, to place) {
	for _, p := range points {
		p.at, p.hold = to, nil
	}
}

// passTime releases expired holds, then ends expired lots.
func (m *model) passTime(now time.Time) {
	m.releaseDue(now)
	for _, l := range m.lots {
		if l.ended || l.over(now) && !m.overdue(l, now) {
			m.endLot(l)
		}
	}
}

func (l *modelLot) over(now time.Time) bool { return l.end != nil && !l.end.After(now) }

// overdue reports whether a lot has expired and waits for a sync: Stripe may give it a later expiry.
func (m *model) overdue(l *modelLot, now time.Time) bool {
	return m.live && !l.lives.IsZero() && !l.ended && l.over(now)
}

// sync ends overdue lots after Stripe was asked.
func (m *model) sync(now time.Time) {
	m.passTime(now)
	for _, l := range m.lots {
		if l.over(now) {
			m.endLot(l)
		}
	}
}

// endLot ends a lot: its free points are gone, those in holds stay there.
func (m *model) endLot(l *modelLot) {
	m.expire(l, l.in(free))
	l.ended = true
}

func (m *model) expire(l *modelLot, points []*modelPoint) {
	if len(points) > 0 {
		move(points, expired)
		m.enter(billing.EntryExpire, -billing.Points(len(points)))
	}
}

// spendable returns the n points that are used first, of those that are not overdue, or nil if there are too few.
func (m *model) spendable(now time.Time, n billing.Points) []*modelPoint {
	points := slices.DeleteFunc(m.first(free, m.available()), func(p *modelPoint) bool { return m.overdue(p.lot, now) })
	if len(points) < int(n) {
		return nil
	}
	return points[:n]
}

func (m *model) spend(now time.Time, n billing.Points) bool {
	points := m.spendable(now, n)
	if points == nil {
		return false
	}
	move(points, used)
	m.enter(billing.EntrySpend, -n)
	return true
}

// clawback takes back the points of a lot whose money went back: out of the lot itself, then out of others, then as
// debt. No one owes points that expired unused.
func (m *model) clawback(key string, total billing.Points) {
	own := m.find(key)
	if own == nil {
		return
	}
	had := billing.Points(len(own.points)) - own.count(expired)
	n := min(total, had) - own.clawedBack()
	if n <= 0 {
		return
	}
	m.enter(billing.EntryClawback, -n)
	mine := own.in(free)
	mine = mine[:min(int(n), len(mine))]
	move(mine, clawed)
	missing := n - billing.Points(len(mine))
	others := m.first(free, missing)
	move(others, used)
	own.elsewhere += missing
	m.debt += missing - billing.Points(len(others))
}

func (l *modelLot) clawedBack() billing.Points { return l.count(clawed) + l.elsewhere }

// restore gives back points that were clawed back beyond a total. First come those of other lots or of debt, in a lot
// without an expiry. Then come those of the lot itself.
func (m *model) restore(now time.Time, key string, total billing.Points) {
	own := m.find(key)
	if own == nil || total >= own.clawedBack() {
		return
	}
	n := own.clawedBack() - total
	m.enter(billing.EntryRestore, n)
	other := min(n, own.elsewhere)
	own.elsewhere -= other
	again := &modelLot{nr: len(m.lots), key: "restored", source: "restored"}
	for range other {
		again.points = append(again.points, m.payDebt(&modelPoint{lot: again}))
	}
	m.lots = append(m.lots, again)
	for _, p := range own.in(clawed)[:n-other] {
		move([]*modelPoint{p}, free)
		m.payDebt(p)
	}
	m.passTime(now)
}

// moveEnd gives the lots of a source another expiry, unless they were ended.
func (m *model) moveEnd(source string, at *time.Time) {
	for _, l := range m.lots {
		if l.source == source && !l.ended && l.count(free)+l.count(held) > 0 {
			l.end = at
		}
	}
}

func (m *model) find(key string) *modelLot {
	for _, l := range m.lots {
		if l.key == key {
			return l
		}
	}
	return nil
}

// nextEnd returns when the passage of time alone next changes something.
func (m *model) nextEnd() (next *time.Time) {
	sooner := func(t *time.Time) {
		if t != nil && (next == nil || t.Before(*next)) {
			next = t
		}
	}
	for _, l := range m.lots {
		if !l.ended && l.count(free)+l.count(held) > 0 {
			sooner(l.end)
		}
	}
	for _, h := range m.holds {
		if m.pointsOf(h) > 0 {
			sooner(&h.end)
		}
	}
	return next
}

// lotsText lists the lots with points left in burn order. Then come those of which all is held, in the order of their
// keys, because their turn comes when a hold ends.
func (m *model) lotsText() string {
	var texts, rest []string
	for _, l := range m.burnOrder() {
		switch text := lotText(l.key, l.count(free), l.count(held)); {
		case l.count(free) > 0:
			texts = append(texts, text)
		case l.count(held) > 0:
			rest = append(rest, text)
		}
	}
	slices.Sort(rest)
	return strings.Join(append(texts, rest...), ", ")
}

func (m *model) enter(kind billing.EntryKind, amount billing.Points) {
	m.entries = append(m.entries, fmt.Sprintf("%s %d", kind, amount))
}
