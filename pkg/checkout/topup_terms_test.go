package checkout_test

import (
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// TestTopUpAgreedPoints proves that a top-up buys the points that its customer agreed to, for the agreed amount, or
// stops. 100 points for 5 dollars is a different deal from 99 or 101 points for the same 5 dollars.
func TestTopUpAgreedPoints(t *testing.T) {
	t.Parallel()
	eachTops(t, func(t *testing.T, s *tops) {
		a := s.buyer() // 100 points
		pack := &s.Catalog.Packs[0]
		two := wish
		two.Quantity = 2
		s.put(a.ID, wish)
		s.spend(a.ID, 60) // 40 are fewer than 50
		pack.Points = 99
		s.wantStopped(a, "fewer points", 100)
		s.put(a.ID, wish) // agreed to: 99
		pack.Points = 100
		s.wantStopped(a, "more points", 99)
		s.put(a.ID, two) // agreed to: 2 × 100
		pack.Points = 150
		s.wantStopped(a, "more points in each of two", 200)
		s.put(a.ID, wish) // agreed to: 150
		pack.Points = 100
		s.put(a.ID, wish) // agreed to: 100
		storetest.Exec(t, s.db, `UPDATE top_ups SET points = 0`)
		s.wantStopped(a, "agreed to before points were noted", 0)
		s.put(a.ID, wish)
		pack.Points = 80
		pack.Points = 100 // as if the change had been undone before any run
		s.run()
		if got := s.get(a.ID); got.Status != billing.TopUpOn || got.Points != 100 || s.account(a.ID).Available != 140 ||
			len(s.intents()) != 1 {
			t.Errorf("40 and the 100 that were agreed to: %+v, %+v", s.account(a.ID).Balance, got)
		}
	})
}

// TestTopUpOrderKeepsPoints proves that an order that was written before the pack changed brings what was agreed: 100
// points, although the pack has 80 when it is charged. The next one stops.
func TestTopUpOrderKeepsPoints(t *testing.T) {
	t.Parallel()
	eachTops(t, func(t *testing.T, s *tops) {
		a := s.low()
		s.Gate.Refuse()
		s.run()
		s.Gate.Open()
		if got := s.automatic(a.ID); len(got) != 1 || got[0].Status != billing.OrderPending || got[0].Points != 100 {
			t.Fatalf("with Stripe away: %+v", got)
		}
		s.Catalog.Packs[0].Points = 80
		s.untilRetried()
		s.run()
		if got := s.account(a.ID); got.Available != 140 {
			t.Errorf("40 and 100: %+v", got.Balance)
		}
		s.spend(a.ID, 100)
		s.Advance(coolOff)
		s.run()
		if got := s.get(a.ID); got.Reason != billing.TopUpPriceChanged || len(s.automatic(a.ID)) != 1 ||
			len(s.intents()) != 1 {
			t.Errorf("the next one: %+v", got)
		}
	})
}

// wantStopped runs the job, and requires that it buys nothing and waits for the customer, who agreed to that number of
// points.
func (s *tops) wantStopped(a billing.Account, name string, agreed billing.Points) {
	s.t.Helper()
	s.run()
	if got := s.get(a.ID); got.Status != billing.TopUpAttention || got.Reason != billing.TopUpPriceChanged ||
		got.Points != agreed || len(s.automatic(a.ID)) != 0 || len(s.intents()) != 0 {
		s.t.Errorf("%s: %+v, orders %+v", name, got, s.automatic(a.ID))
	}
}
