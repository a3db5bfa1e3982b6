package checkout_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
)

// TestTopUpStopsWhenMoneyGoesBack proves that returned money causes no automatic purchase. The top-up buys 100 points
// as soon as there are fewer than 50. In each case money is returned, points are clawed back, and the cool-off passes
// five times. After that the only automatic orders are those from before. If the top-up stopped, the customer enables
// it again, and it buys once more: the money that is known to be returned does not stop it a second time.
func TestTopUpStopsWhenMoneyGoesBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		back   func(s *tops, a billing.Account)
		status billing.TopUpStatus
		reason billing.TopUpReason
		orders int // automatic ones, before the customer enables it again
		points billing.Points
		debt   billing.Points
	}{
		// 100 bought by hand, 60 spent: 40. 100 bought automatically: 140. The bank takes the 100 back: 40 again, below
		// the threshold.
		"DisputeOfAutomatic": {automaticDisputed, billing.TopUpAttention, billing.TopUpDisputed, 1, 40, 0},
		// The same, and a fifth of the money is refunded: 100 × 1/5 = 20 points of 140.
		"PartOfAutomatic": {automaticRefunded(100), billing.TopUpAttention, billing.TopUpRefunded, 1, 120, 0},
		"WholeAutomatic":  {automaticRefunded(500), billing.TopUpAttention, billing.TopUpRefunded, 1, 40, 0},
		// 100 of the first pack, 100 of a second one by a card whose payment the bank takes back: 100 are left, not
		// below the threshold.
		"DisputeOfPack": {
			packDisputed("pm_card_createDispute"), billing.TopUpAttention, billing.TopUpDisputed, 0, 100, 0,
		},
		// 100 and the plan's 500, which the bank takes back.
		"DisputeOfPlan": {planDisputed, billing.TopUpAttention, billing.TopUpDisputed, 0, 100, 0},
		// No money moved: 100 and 100.
		"Inquiry": {packDisputed("pm_card_createDisputeInquiry"), billing.TopUpOn, "", 0, 200, 0},
		// 100 bought by hand, 30 spent, and all refunded: 70 − 100 is a debt of 30. The refund would cause a purchase.
		"RefundBelowThreshold": {packRefunded(30, 500), billing.TopUpAttention, billing.TopUpRefunded, 0, 0, 30},
		// Two fifths of it: 100 − 40 = 60, not below 50.
		"RefundAboveThreshold": {packRefunded(0, 200), billing.TopUpOn, "", 0, 60, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachTops(t, func(t *testing.T, s *tops) {
				a := s.buyer()
				s.put(a.ID, wish)
				c.back(s, a)
				for range 5 {
					s.syncNow(a.ID)
					s.run()
					s.Advance(coolOff + time.Minute)
				}
				if got := s.get(a.ID); got.Status != c.status || got.Reason != c.reason {
					t.Errorf("the top-up is %s (%s), want %s (%s)", got.Status, got.Reason, c.status, c.reason)
				}
				if got := len(s.automatic(a.ID)); got != c.orders || len(s.intents()) != c.orders {
					t.Errorf("%d automatic orders and %d charges, want %d", got, len(s.intents()), c.orders)
				}
				if got := s.account(a.ID); got.Available != c.points || got.Debt != c.debt {
					t.Errorf("%d points and a debt of %d, want %d and %d", got.Available, got.Debt, c.points, c.debt)
				}
				s.sound()
				if c.status == billing.TopUpAttention {
					s.switchedOnAgain(a, c.orders)
				}
			})
		})
	}
}

// switchedOnAgain lets the customer enable the top-up. It buys once, and the money returned before does not stop it.
func (s *tops) switchedOnAgain(a billing.Account, orders int) {
	s.t.Helper()
	s.card(a, "pm_card_visa")
	s.put(a.ID, wish)
	if left := s.account(a.ID).Available; left >= wish.Threshold {
		s.spend(a.ID, left-wish.Threshold+1)
	}
	s.run()
	s.syncNow(a.ID)
	if got := s.get(a.ID); got.Status != billing.TopUpOn || len(s.automatic(a.ID)) != orders+1 {
		s.t.Errorf(
			"switched on again: %s (%s), %d automatic orders, want on and %d", got.Status, got.Reason,
			len(s.automatic(a.ID)), orders+1,
		)
	}
}

func (s *tops) syncNow(id billing.AccountID) {
	s.t.Helper()
	_, err := s.syncer.Sync(s.t.Context(), id, billing.CauseEvent)
	must(s.t, err)
}

func automaticDisputed(s *tops, a billing.Account) {
	s.card(a, "pm_card_createDispute")
	s.spend(a.ID, 60)
	s.run()
}

func automaticRefunded(amount int64) func(s *tops, a billing.Account) {
	return func(s *tops, a billing.Account) {
		s.spend(a.ID, 60)
		s.run()
		s.refund(s.automatic(a.ID)[0].PaymentIntentID, amount)
	}
}

func (s *tops) refund(payment billing.PaymentIntentID, amount int64) {
	s.t.Helper()
	s.Ask(
		http.MethodPost, "/v1/refunds", url.Values{"payment_intent": {string(payment)}, "amount": {fmt.Sprint(amount)}},
	)
}

func packDisputed(card string) func(s *tops, a billing.Account) {
	return func(s *tops, a billing.Account) {
		s.payWith(s.order(a.ID, checkout.Request{Item: "pack_100"}), card)
	}
}

func planDisputed(s *tops, a billing.Account) {
	s.payWith(s.order(a.ID, checkout.Request{Item: "basic_monthly"}), "pm_card_createDispute")
}

func (s *tops) payWith(o billing.Order, card string) {
	s.t.Helper()
	s.Ask(http.MethodPost, "/v1/payment_pages/"+string(o.CheckoutID)+"/confirm", url.Values{"payment_method": {card}})
}

func packRefunded(spent billing.Points, amount int64) func(s *tops, a billing.Account) {
	return func(s *tops, a billing.Account) {
		if spent > 0 {
			s.spend(a.ID, spent)
		}
		orders, err := s.db.Orders(s.t.Context(), a.ID, "", 1)
		must(s.t, err)
		s.refund(orders[0].PaymentIntentID, amount)
	}
}

// TestTopUpStopsOnce proves that a dispute that is won differs from a second dispute of another payment. The first adds
// nothing new, and the second stops the top-up again. Money that was returned while the top-up was off stops nothing
// when it is enabled.
func TestTopUpStopsOnce(t *testing.T) {
	t.Parallel()
	eachTops(t, func(t *testing.T, s *tops) {
		a := s.buyer()
		off := wish
		off.Enabled = false
		s.put(a.ID, off)
		packDisputed("pm_card_createDispute")(s, a)
		s.syncNow(a.ID)
		if got := s.get(a.ID); got.Status != billing.TopUpOff {
			t.Errorf("a dispute while it is off: %s", got.Status)
		}
		s.put(a.ID, wish)
		dispute := s.list("/v1/disputes")[0]["id"].(string)
		s.Ask(
			http.MethodPost, "/v1/disputes/"+dispute,
			url.Values{"evidence[uncategorized_text]": {"winning_evidence"}, "submit": {"true"}},
		)
		s.syncNow(a.ID)
		if got := s.get(a.ID); got.Status != billing.TopUpOn {
			t.Errorf("the dispute is won: %s (%s)", got.Status, got.Reason)
		}
		packDisputed("pm_card_createDispute")(s, a)
		s.syncNow(a.ID)
		if got := s.get(a.ID); got.Status != billing.TopUpAttention || got.Reason != billing.TopUpDisputed {
			t.Errorf("a second dispute: %s (%s)", got.Status, got.Reason)
		}
	})
}
