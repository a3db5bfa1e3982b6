package ledger_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// model is what the ledger must look like from outside, in the plainest way: every spend is taken out of the lots at
// once, and what time has brought is done before anything else happens. It is right where it is easy to see so.
type model struct {
	lots    []*modelLot  // oldest first
	holds   []*modelHold // oldest first
	debt    billing.Points
	entries []string // "kind amount"
}

type modelLot struct {
	nr                             int // in the order of granting
	key, source                    string
	granted, remaining, clawedBack billing.Points
	clawedOwn, expired             billing.Points
	end                            *time.Time
	ended                          bool // it was seen to end: nothing comes back to it
}

// modelHold is an active hold, or, without points, one that has ended.
type modelHold struct {
	from map[*modelLot]billing.Points
	end  time.Time
}

func (h *modelHold) points() (sum billing.Points) {
	for _, n := range h.from {
		sum += n
	}
	return sum
}

func (m *model) held() (sum billing.Points) {
	for _, h := range m.holds {
		sum += h.points()
	}
	return sum
}

func (m *model) available() (sum billing.Points) {
	for _, l := range m.lots {
		sum += l.remaining
	}
	return sum
}

// passTime gives back what is in holds whose time is over, and ends the lots that have run out by now.
func (m *model) passTime(now time.Time) {
	due := slices.DeleteFunc(slices.Clone(m.holds), func(h *modelHold) bool { return h.points() == 0 || h.end.After(now) })
	slices.SortStableFunc(due, func(a, b *modelHold) int { return a.end.Compare(b.end) })
	for _, h := range due {
		m.giveBack(h, 0)
		m.enter(billing.EntryRelease, 0)
	}
	m.end(func(l *modelLot) bool { return l.ended || l.end != nil && !l.end.After(now) })
}

func (m *model) end(which func(*modelLot) bool) {
	for _, l := range m.lots {
		if !which(l) {
			continue
		}
		if l.remaining > 0 {
			m.enter(billing.EntryExpire, -l.remaining)
			l.expired += l.remaining
		}
		l.remaining, l.ended = 0, true
	}
}

func (m *model) hold(n billing.Points, end time.Time) bool {
	if m.available() < n {
		return false
	}
	h := &modelHold{from: map[*modelLot]billing.Points{}, end: end}
	for _, l := range m.burnOrder() {
		part := min(n, l.remaining)
		h.from[l] = part
		l.remaining -= part
		n -= part
	}
	m.holds = append(m.holds, h)
	m.enter(billing.EntryHold, 0)
	return true
}

// capture spends n points of a hold, and release none: the rest goes back.
func (m *model) capture(now time.Time, h *modelHold, n billing.Points) {
	m.giveBack(h, n)
	m.enter(billing.EntryCapture, -n)
	m.passTime(now)
}

func (m *model) release(now time.Time, h *modelHold) {
	m.giveBack(h, 0)
	m.enter(billing.EntryRelease, 0)
	m.passTime(now)
}

func (m *model) giveBack(h *modelHold, used billing.Points) {
	for _, l := range inBurnOrder(slices.Collect(maps.Keys(h.from))) {
		back := h.from[l] - min(used, h.from[l])
		used -= h.from[l] - back
		pays := min(m.debt, back)
		m.debt -= pays
		l.remaining += back - pays
	}
	h.from = nil
}

func (m *model) grant(now time.Time, g billing.Grant) {
	if m.find(g.Key) != nil {
		return
	}
	if g.Replaces && (g.ExpiresAt == nil || g.ExpiresAt.After(now)) {
		m.rollOver(g)
	}
	pays := min(m.debt, g.Amount)
	m.debt -= pays
	m.lots = append(m.lots, &modelLot{nr: len(m.lots), key: g.Key, source: g.Source, granted: g.Amount, remaining: g.Amount - pays, end: g.ExpiresAt})
	m.enter(billing.EntryGrant, g.Amount)
}

// rollOver ends the older lots of a grant's source, but for so many points of those that end last.
func (m *model) rollOver(g billing.Grant) {
	left := g.Rollover
	older := m.inUse(func(l *modelLot) bool { return l.source == g.Source && !l.ended && l.remaining+m.holdsOf(l) > 0 })
	for _, l := range slices.Backward(older) {
		if left == 0 {
			m.end(func(other *modelLot) bool { return other == l })
			continue
		}
		kept := min(left, l.remaining)
		if gone := l.remaining - kept; gone > 0 {
			m.enter(billing.EntryExpire, -gone)
			l.expired += gone
		}
		if kept > 0 {
			m.enter(billing.EntryRollover, 0)
		}
		l.remaining, l.end = kept, g.ExpiresAt
		left -= kept
	}
}

func (m *model) spend(n billing.Points) bool {
	if m.available() < n {
		return false
	}
	m.take(m.burnOrder(), n)
	m.enter(billing.EntrySpend, -n)
	return true
}

func (m *model) clawback(key string, total billing.Points) {
	own := m.find(key)
	if own == nil {
		return
	}
	if total = min(total, own.granted-own.expired); total <= own.clawedBack {
		return
	}
	n := total - own.clawedBack
	own.clawedBack = total
	own.clawedOwn += min(n, own.remaining)
	m.debt += m.take(append([]*modelLot{own}, m.burnOrder()...), n)
	m.enter(billing.EntryClawback, -n)
}

// restore gives back what other lots had, or debt, before what the lot itself had.
func (m *model) restore(now time.Time, key string, total billing.Points) {
	own := m.find(key)
	if own == nil || total >= own.clawedBack {
		return
	}
	back := own.clawedBack - total
	other := min(back, own.clawedBack-own.clawedOwn)
	own.clawedBack, own.clawedOwn = total, own.clawedOwn-(back-other)
	m.enter(billing.EntryRestore, back)
	for _, part := range []struct {
		lot    *modelLot
		points billing.Points
	}{{&modelLot{nr: len(m.lots), key: "restored", source: "restored"}, other}, {own, back - other}} {
		pays := min(m.debt, part.points)
		m.debt -= pays
		part.lot.remaining += part.points - pays
		if part.lot != own && part.lot.remaining > 0 {
			m.lots = append(m.lots, part.lot)
		}
	}
	m.passTime(now)
}

func (m *model) expire(source string, at *time.Time) {
	for _, l := range m.lots {
		if l.source == source && !l.ended && (l.remaining > 0 || m.holdsOf(l) > 0) {
			l.end = at
		}
	}
}

// take lowers the lots in their order by n in all, and answers what they lack.
func (m *model) take(lots []*modelLot, n billing.Points) billing.Points {
	for _, l := range lots {
		part := min(n, l.remaining)
		l.remaining -= part
		n -= part
	}
	return n
}

func (m *model) find(key string) *modelLot {
	for _, l := range m.lots {
		if l.key == key {
			return l
		}
	}
	return nil
}

// burnOrder is the lots with points left: soonest end first, then oldest.
func (m *model) burnOrder() []*modelLot {
	return m.inUse(func(l *modelLot) bool { return l.remaining > 0 })
}

func (m *model) inUse(which func(*modelLot) bool) []*modelLot {
	return inBurnOrder(slices.DeleteFunc(slices.Clone(m.lots), func(l *modelLot) bool { return !which(l) }))
}

func inBurnOrder(lots []*modelLot) []*modelLot {
	slices.SortStableFunc(lots, func(a, b *modelLot) int {
		switch {
		case a.end != nil && b.end != nil && !a.end.Equal(*b.end):
			return a.end.Compare(*b.end)
		case (a.end == nil) != (b.end == nil):
			return cmp.Compare(boolToInt(a.end == nil), boolToInt(b.end == nil))
		}
		return cmp.Compare(a.nr, b.nr)
	})
	return lots
}

func (m *model) holdsOf(l *modelLot) (sum billing.Points) {
	for _, h := range m.holds {
		sum += h.from[l]
	}
	return sum
}

// nextEnd is when the next thing happens by itself.
func (m *model) nextEnd() (next *time.Time) {
	for _, l := range m.lots {
		if !l.ended && l.end != nil && l.remaining+m.holdsOf(l) > 0 && (next == nil || l.end.Before(*next)) {
			next = l.end
		}
	}
	for _, h := range m.holds {
		if h.points() > 0 && (next == nil || h.end.Before(*next)) {
			next = &h.end
		}
	}
	return next
}

func (m *model) lotsText() string {
	var texts []string
	for _, l := range m.inUse(func(l *modelLot) bool { return l.remaining > 0 || m.holdsOf(l) > 0 }) {
		texts = append(texts, lotText(l.key, l.remaining, m.holdsOf(l)))
	}
	return strings.Join(texts, ", ")
}

func (m *model) enter(kind billing.EntryKind, amount billing.Points) {
	m.entries = append(m.entries, fmt.Sprintf("%s %d", kind, amount))
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
