package checkout_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/audit"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// TestTopUp proves that points are bought once when they run low, with the saved card. The order can be refunded like
// any other. After that Stripe and the database agree.
func TestTopUp(t *testing.T) {
	t.Parallel()
	eachTops(t, func(t *testing.T, s *tops) {
		a := s.buyer()
		s.put(a.ID, wish)
		s.spend(a.ID, 50) // 50 are not fewer than 50
		s.run()
		if got := s.automatic(a.ID); len(got) != 0 {
			t.Fatalf("bought too early: %+v", got)
		}
		s.spend(a.ID, 1)
		s.run()
		s.run()
		orders, intents := s.automatic(a.ID), s.intents()
		if len(orders) != 1 || len(intents) != 1 || orders[0].Status != billing.OrderFulfilled || string(
			orders[0].PaymentIntentID,
		) != intents[0]["id"] {
			t.Fatalf("%+v\n%v", orders, intents)
		}
		if i := intents[0]; i["amount"] != 500.0 || i["currency"] != "usd" || i["status"] != "succeeded" ||
			i["customer"] != string(a.CustomerID) {
			t.Errorf("%v", i)
		}
		if got := s.account(a.ID).Available; got != 149 {
			t.Errorf("%d points", got)
		}
		if story := s.story(a.ID); !strings.Contains(
			story, "sync.began sync 2 began: an automatic order asked for it\n",
		) {
			t.Errorf("the timeline does not say who wanted the sync:\n%s", story)
		}
		lots, err := s.db.LotsByGrant(t.Context(), a.ID, "stripe:payment_intent:"+string(orders[0].PaymentIntentID))
		if err != nil || len(lots) != 1 {
			t.Errorf("%+v, %v", lots, err)
		}
		if got := s.get(a.ID); got.Used != 1 || got.Status != billing.TopUpOn || got.Points != 100 ||
			got.Amount != 500 {
			t.Errorf("%+v", got)
		}
		s.sound()
		s.refunds(a, orders[0])
		s.sound()
	})
}

// story returns the account's timeline.
func (s *tops) story(id billing.AccountID) (story string) {
	s.t.Helper()
	moments, _, err := account.Timeline(s.t.Context(), s.db, id, "", 100)
	must(s.t, err)
	for _, m := range moments {
		story += string(m.Kind) + " " + m.Text + "\n"
	}
	return story
}

// sound checks that the audit finds nothing.
func (s *tops) sound() {
	s.t.Helper()
	if b, err := audit.Next(
		s.t.Context(), s.db, "", audit.BatchSize,
	); err != nil || len(b.Violations) != 0 || b.Accounts == 0 {
		s.t.Errorf("the audit: %+v, %v", b, err)
	}
}

// refunds refunds an automatic order.
func (s *tops) refunds(a billing.Account, o billing.Order) {
	s.t.Helper()
	ctx := s.t.Context()
	s.Ask(http.MethodPost, "/v1/refunds", url.Values{"payment_intent": {string(o.PaymentIntentID)}})
	if drift, err := s.syncer.Drift(ctx, a.ID); err != nil || len(drift) != 1 ||
		drift[0].Kind != billing.DriftClawback {
		s.t.Errorf("the drift after a refund: %+v, %v", drift, err)
	}
	_, err := s.syncer.Sync(ctx, a.ID, billing.CauseEvent)
	must(s.t, err)
	if got := s.automatic(a.ID)[0].Status; got != billing.OrderRefunded {
		s.t.Errorf("the order is %s", got)
	}
	if got := s.account(a.ID).Available; got != 49 {
		s.t.Errorf("%d points", got)
	}
	if drift, err := s.syncer.Drift(ctx, a.ID); err != nil || len(drift) != 0 {
		s.t.Errorf("%+v, %v", drift, err)
	}
	must(s.t, ledger.Audit(ctx, s.db, a.ID))
}

// TestTopUpOfDebt proves that debt is topped up, but not because of the refund that caused it: the customer enables the
// top-up again.
func TestTopUpOfDebt(t *testing.T) {
	t.Parallel()
	eachTops(t, func(t *testing.T, s *tops) {
		a := s.buyer()
		s.put(a.ID, wish)
		s.spend(a.ID, 100)
		paid := s.list("/v1/charges")[0]["payment_intent"].(string)
		s.Ask(http.MethodPost, "/v1/refunds", url.Values{"payment_intent": {paid}})
		_, err := s.syncer.Sync(t.Context(), a.ID, billing.CauseEvent)
		must(t, err)
		if got := s.account(a.ID); got.Debt != 100 {
			t.Fatalf("%+v", got.Balance)
		}
		s.run()
		if got := s.automatic(a.ID); len(got) != 0 {
			t.Errorf("the refund caused a purchase: %+v", got)
		}
		s.put(a.ID, wish)
		s.run()
		if got := s.account(a.ID); got.Debt != 0 || len(s.automatic(a.ID)) != 1 {
			t.Errorf("%+v", got.Balance)
		}
	})
}

// TestErrTopUp proves which top-ups are refused, and that a disabled or deleted one buys nothing.
func TestErrTopUp(t *testing.T) {
	t.Parallel()
	eachTops(t, func(t *testing.T, s *tops) {
		ctx := t.Context()
		stranger := storetest.NewAccount(t, s.db)
		if _, err := s.replicas[0].Put(ctx, stranger.ID, wish); billing.CodeOf(err) != billing.EConflict {
			t.Errorf("without a customer: %v", err)
		}
		s.pay(s.order(stranger.ID, checkout.Request{Item: "pack_100"}))
		if _, err := s.replicas[0].Put(ctx, stranger.ID, wish); billing.CodeOf(err) != billing.EConflict {
			t.Errorf("without a saved card: %v", err)
		}
		off := wish
		off.Enabled = false
		if got, err := s.replicas[0].Put(ctx, stranger.ID, off); err != nil || got.Status != billing.TopUpOff {
			t.Errorf("off: %+v, %v", got, err)
		}
		for _, w := range []checkout.TopUpRequest{
			{Pack: "pro_monthly"}, {Pack: "pack_7"}, {Pack: "pack_100", Quantity: 11},
		} {
			w.Threshold, w.MonthlyLimit = 1, 1
			if _, err := s.replicas[0].Put(ctx, stranger.ID, w); billing.CodeOf(err) != billing.EInvalid {
				t.Errorf("%+v: %v", w, err)
			}
		}
		a := s.buyer()
		s.put(a.ID, off)
		s.spend(a.ID, 60)
		s.run()
		s.put(a.ID, wish)
		must(t, s.replicas[1].Delete(ctx, a.ID, ""))
		s.run()
		if got, err := s.replicas[0].Get(ctx, a.ID); got != nil || err != nil || len(s.automatic(a.ID)) != 0 {
			t.Errorf("%+v, %v, %+v", got, err, s.automatic(a.ID))
		}
	})
}

// TestTopUpMethod proves which payment method is charged: the customer's default, otherwise the subscription's,
// otherwise the one saved last.
func TestTopUpMethod(t *testing.T) {
	t.Parallel()
	eachTops(t, func(t *testing.T, s *tops) {
		a := s.low()
		attach := func(name string) string {
			return s.Ask(
				http.MethodPost, "/v1/payment_methods/"+name+"/attach", url.Values{"customer": {string(a.CustomerID)}},
			)["id"].(string)
		}
		charged := func(want string) {
			t.Helper()
			s.run()
			if i := s.intents()[0]; i["payment_method"] != want || i["status"] != "succeeded" {
				t.Errorf("%v was charged, want %s: %v", i["payment_method"], want, i["status"])
			}
			s.Advance(coolOff)
			s.spend(a.ID, 100)
		}
		charged(attach("pm_card_mastercard"))
		s.pay(s.order(a.ID, checkout.Request{Item: "basic_monthly"}))
		subscription := s.list("/v1/subscriptions")[0]
		s.spend(a.ID, s.account(a.ID).Available-40)
		attach("pm_card_amex") // saved last, but not the one charged
		charged(subscription["default_payment_method"].(string))
		charged(s.card(a, "pm_card_visa"))
	})
}

// TestTopUpDeclined proves that a declined charge makes the order fail. No one can pay it later, and it does not count
// in the month. The third in a row stops the top-up until the customer enables it again.
func TestTopUpDeclined(t *testing.T) {
	t.Parallel()
	eachTops(t, func(t *testing.T, s *tops) {
		a := s.buyer()
		s.put(a.ID, wish)
		s.card(a, "pm_card_chargeCustomerFail")
		s.spend(a.ID, 60)
		for n := 1; n <= billing.MaxDeclines; n++ {
			s.run()
			s.run()
			orders := s.automatic(a.ID)
			if len(orders) != n || orders[0].Status != billing.OrderFailed ||
				orders[0].DeclineCode != "generic_decline" {
				t.Fatalf("after %d: %+v", n, orders)
			}
			if i := s.intents()[0]; i["status"] != "canceled" {
				t.Errorf("the intent can still be paid: %v", i["status"])
			}
			s.Advance(coolOff)
		}
		s.run()
		got := s.get(a.ID)
		if got.Status != billing.TopUpAttention || got.Reason != billing.TopUpDeclined || got.Used != 0 ||
			len(s.automatic(a.ID)) != 3 {
			t.Errorf("%+v, %d orders", got, len(s.automatic(a.ID)))
		}
		if drift, err := s.syncer.Drift(t.Context(), a.ID); err != nil || len(drift) != 0 {
			t.Errorf("%+v, %v", drift, err)
		}
		s.card(a, "pm_card_visa")
		s.put(a.ID, wish)
		s.run()
		if got := s.get(a.ID); got.Status != billing.TopUpOn || got.Declines != 0 || got.Used != 1 ||
			s.account(a.ID).Available != 140 {
			t.Errorf("%+v", got)
		}
	})
}

// TestTopUpAuthentication proves that if the bank requires the customer to authenticate, the top-up stops at once.
func TestTopUpAuthentication(t *testing.T) {
	t.Parallel()
	eachTops(t, func(t *testing.T, s *tops) {
		a := s.buyer()
		s.put(a.ID, wish)
		s.card(a, "pm_card_authenticationRequired")
		s.spend(a.ID, 60)
		s.run()
		s.Advance(coolOff)
		s.run()
		orders, got := s.automatic(a.ID), s.get(a.ID)
		if len(orders) != 1 || orders[0].Status != billing.OrderFailed ||
			orders[0].DeclineCode != billing.DeclineAuthentication {
			t.Errorf("%+v", orders)
		}
		if got.Status != billing.TopUpAttention || got.Reason != billing.TopUpAuthentication ||
			s.intents()[0]["status"] != "canceled" {
			t.Errorf("%+v, %v", got, s.intents())
		}
	})
}

// TestTopUpStops proves that a top-up waits for its customer if there is nothing left to charge, or if the deal has
// changed. Also proves that nothing is charged if the price at Stripe differs from the catalogue's.
func TestTopUpStops(t *testing.T) {
	t.Parallel()
	eachTops(t, func(t *testing.T, s *tops) {
		ctx := t.Context()
		a := s.low()
		dearer := s.Catalog.Packs[0]
		if dearer.ID != "pack_100" {
			t.Fatal(dearer.ID)
		}
		s.Catalog.Packs[0].Amount++
		s.run()
		if got := s.get(a.ID); got.Reason != billing.TopUpPriceChanged || len(s.automatic(a.ID)) != 0 {
			t.Errorf("a dearer pack: %+v", got)
		}
		s.put(a.ID, wish) // agreed to, but Stripe's price is still the old one
		s.run()
		if got := s.automatic(a.ID); len(got) != 1 || got[0].Status != billing.OrderPending || len(s.intents()) != 0 {
			t.Errorf("another price at Stripe: %+v", got)
		}
		s.Catalog.Packs[0] = dearer
		s.untilRetried()
		for _, m := range s.list("/v1/customers/" + string(a.CustomerID) + "/payment_methods") {
			s.Ask(http.MethodPost, "/v1/payment_methods/"+m["id"].(string)+"/detach", nil)
		}
		s.run()
		if got := s.get(a.ID); got.Reason != billing.TopUpNoMethod || len(s.intents()) != 0 {
			t.Errorf("no card any more: %+v", got)
		}
		s.card(a, "pm_card_visa")
		s.Advance(givenUp)
		s.run()
		_, err := s.syncer.Sync(ctx, a.ID, billing.CauseEvent)
		must(t, err)
		if got := s.automatic(a.ID); got[0].Status != billing.OrderExpired || len(s.intents()) != 0 {
			t.Errorf("what was not charged in time: %+v", got)
		}
	})
}

// givenUp is longer than the age at which an order without a payment is given up.
const givenUp = reconcile.UnchargedAge + time.Minute
