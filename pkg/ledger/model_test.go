package ledger_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// model is what the ledger must look like from outside, in the plainest way: every spend is taken out of the lots at
// once, and lots that have run out are ended before anything else happens. It is right where it is easy to see so.
type model struct {
	lots    []*modelLot // oldest first
	debt    billing.Points
	entries []string // "kind amount"
}

type modelLot struct {
	key, source                    string
	granted, remaining, clawedBack billing.Points
	end                            *time.Time
}

func (m *model) available() (sum billing.Points) {
	for _, l := range m.lots {
		sum += l.remaining
	}
	return sum
}

// passTime ends the lots that have run out by now.
func (m *model) passTime(now time.Time) {
	m.end(func(l *modelLot) bool { return l.end != nil && !l.end.After(now) })
}

func (m *model) end(which func(*modelLot) bool) {
	for _, l := range m.lots {
		if l.remaining > 0 && which(l) {
			m.enter(billing.EntryExpire, -l.remaining)
			l.remaining = 0
		}
	}
}

func (m *model) grant(now time.Time, g billing.Grant) {
	if m.find(g.Key) != nil {
		return
	}
	if g.Replaces && (g.ExpiresAt == nil || g.ExpiresAt.After(now)) {
		m.end(func(l *modelLot) bool { return l.source == g.Source })
	}
	pays := min(m.debt, g.Amount)
	m.debt -= pays
	m.lots = append(m.lots, &modelLot{key: g.Key, source: g.Source, granted: g.Amount, remaining: g.Amount - pays, end: g.ExpiresAt})
	m.enter(billing.EntryGrant, g.Amount)
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
	if own == nil || total <= own.clawedBack {
		return
	}
	n := total - own.clawedBack
	own.clawedBack = total
	m.debt += m.take(append([]*modelLot{own}, m.burnOrder()...), n)
	m.enter(billing.EntryClawback, -n)
}

func (m *model) expire(source string, at *time.Time) {
	for _, l := range m.lots {
		if l.source == source && l.remaining > 0 {
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
	left := slices.DeleteFunc(slices.Clone(m.lots), func(l *modelLot) bool { return l.remaining == 0 })
	slices.SortStableFunc(left, func(a, b *modelLot) int {
		switch {
		case a.end == nil || b.end == nil:
			return cmp.Compare(boolToInt(a.end == nil), boolToInt(b.end == nil))
		default:
			return a.end.Compare(*b.end)
		}
	})
	return left
}

func (m *model) nextEnd() *time.Time {
	if order := m.burnOrder(); len(order) > 0 {
		return order[0].end
	}
	return nil
}

func (m *model) lotsText() string {
	var texts []string
	for _, l := range m.burnOrder() {
		texts = append(texts, fmt.Sprintf("%s %d", l.key, l.remaining))
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
