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

// modelHold is a hold, active while points of it are held.
type modelHold struct {
	end   time.Time
	since map[*modelLot]time.Time // when the period of a lot began, as of the making of the hold
}

// modelRenewal is a paid period that took over points of earlier ones: how many it may take, and how many it took.
type modelRenewal struct {
	source       string
	period       time.Time
	end          *time.Time
	cap, carried billing.Points
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

// before reports whether a lot is in an earlier period than that of a renewal.
func (l *modelLot) before(r *modelRenewal) bool {
	return l.source == r.source && !l.lives.IsZero() && l.lives.Before(r.period)
}

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
