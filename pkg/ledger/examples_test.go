package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// TestPeriodExamples checks the ledger and its model against the numbers that docs/grants.md gives as examples, under
// "When a period's points end", rules 2 to 5. The plan brings 500 points a period, and 300 of them may roll over.
func TestPeriodExamples(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rollover billing.Points
		play     func(s *story)
		want     billing.Points
	}{
		"ChangeBeforeTheRenewalIsPaid": {0, func(s *story) { s.pays(1, 500); s.changes(2, 700); s.pays(2, 500) }, 1200},
		"ChangeAfterIt":                {0, func(s *story) { s.pays(1, 500); s.pays(2, 500); s.changes(2, 700) }, 1200},
		"ChangeLastsUntilTheNextOne": {
			0, func(s *story) { s.pays(1, 500); s.changes(2, 700); s.pays(2, 500); s.pays(3, 500) }, 500,
		},
		"Cap": {300, func(s *story) { s.pays(1, 500); s.spends(100); s.pays(2, 500) }, 800},
		// March failed, April carried 300 of February and 100 of them were spent. In time or late: 300 − 100 + 500 of
		// April.
		"PaidLate":   {300, func(s *story) { s.pays(1, 300); s.pays(3, 500); s.spends(100); s.pays(2, 500) }, 700},
		"PaidInTime": {300, func(s *story) { s.pays(1, 300); s.pays(2, 500); s.pays(3, 500); s.spends(100) }, 700},
		"HeldOver":   {300, func(s *story) { s.pays(1, 500); s.holdsOver(2, 500, 0) }, 800},
		"HeldOverTwice": {300, func(s *story) {
			s.pays(1, 500)
			s.holdsOver(2, 500, 0)
			s.holdsOver(3, 800, 0)
		}, 800},
		"HeldAndCaptured":   {300, func(s *story) { s.pays(1, 500); s.holdsOver(2, 500, 100) }, 800},
		"HeldBesideFree":    {300, func(s *story) { s.pays(1, 500); s.holdsOver(2, 300, 0) }, 800},
		"HeldOverTwoAtOnce": {300, func(s *story) { s.pays(1, 500); s.holdsOver(2, 500, 0, 3) }, 800},
		"HeldBeforeALatePeriod": {300, func(s *story) {
			s.pays(1, 500)
			// Nothing was free when the third began. 300 of the second go over, and leave no room.
			s.holdsOver(3, 500, 0, 2)
		}, 800},
		"HeldWithoutRollover": {0, func(s *story) { s.pays(1, 500); s.holdsOver(2, 500, 0) }, 500},
		"HeldWhereAllRolls":   {billing.RolloverAll, func(s *story) { s.pays(1, 500); s.holdsOver(2, 500, 0) }, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
				s := newStory(t, db, clock)
				s.rollover = c.rollover
				c.play(s)
				s.wantBalance(billing.Balance{Available: c.want})
				if got := s.model.available(); got != c.want || s.model.held() != 0 {
					t.Errorf("the model has %d points, want %d", got, c.want)
				}
				s.wantModelLots()
			})
		})
	}
}

const period = 100 * time.Hour

// pays grants the n-th period.
func (s *story) pays(n int, points billing.Points) {
	s.book.t.Helper()
	s.both(
		n,
		billing.Grant{Key: fmt.Sprintf("%s:period:%d", s.id, n), Amount: points, Replaces: true, Rollover: s.rollover},
		0,
	)
}

// changes grants what a change brought, ten minutes after the n-th period began.
func (s *story) changes(n int, points billing.Points) {
	s.book.t.Helper()
	s.both(n, billing.Grant{Key: fmt.Sprintf("%s:change:%d", s.id, n), Amount: points}, 10*time.Minute)
}

func (s *story) both(n int, g billing.Grant, after time.Duration) {
	s.book.t.Helper()
	begins := storetest.Epoch.Add(time.Duration(n) * period)
	g.Source, g.Period = "subscription", &billing.Period{Start: begins.Add(after), End: begins.Add(period)}
	g.ExpiresAt = new(g.Period.End.Add(2 * time.Hour))
	s.model.grant(s.clock.Now(), g)
	if !s.tryGrant(g) {
		s.book.t.Fatalf("%s granted nothing", g.Key)
	}
}

func (s *story) spends(n billing.Points) {
	s.book.t.Helper()
	s.model.spend(s.clock.Now(), n)
	s.spend(n)
}

// holdsOver holds points, grants the n-th period and others, and then captures some of the hold and releases the rest.
func (s *story) holdsOver(n int, points, captured billing.Points, others ...int) {
	s.book.t.Helper()
	s.model.hold(s.clock.Now(), points, time.Hour)
	hold := s.hold(points, time.Hour).ID
	for _, each := range append([]int{n}, others...) {
		s.pays(each, 500)
	}
	made := s.model.holds[len(s.model.holds)-1]
	if captured > 0 {
		s.model.capture(s.clock.Now(), made, captured)
		s.capture(hold, captured)
		return
	}
	s.model.release(s.clock.Now(), made)
	s.release(hold)
}
