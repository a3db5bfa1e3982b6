package checkout_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// foreign gives an account's customer a subscription of something that is not ours, and returns the subscription's id.
func (s *planShop) foreign(a billing.Account) string {
	s.t.Helper()
	form := url.Values{
		"currency": {"usd"}, "unit_amount": {"2500"}, "recurring[interval]": {"month"},
		"product_data[name]": {"Newsletter"},
	}
	price := s.Ask(http.MethodPost, "/v1/prices", form)["id"].(string)
	card := s.Ask(
		http.MethodPost, "/v1/payment_methods/pm_card_visa/attach", url.Values{"customer": {string(a.CustomerID)}},
	)["id"].(string)
	return s.Ask(http.MethodPost, "/v1/subscriptions", url.Values{
		"customer": {string(a.CustomerID)}, "items[0][price]": {price}, "default_payment_method": {card},
	})["id"].(string)
}

// TestOneTrialEver proves that an account has only one trial. It gets no second one after the first has ended, on
// another plan, after its customer was deleted at Stripe, or after a paid plan. Also proves that someone else's
// subscription does not use up the trial.
func TestOneTrialEver(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		trial := func(a billing.Account, plan string, want billing.SubscriptionStatus) billing.Account {
			t.Helper()
			if a = s.buy(a.ID, checkout.Request{Item: plan}); a.Subscription == nil || a.Subscription.Status != want {
				t.Fatalf("%s begins as %+v, want %s", plan, a.Subscription, want)
			}
			_, err := cancelAt(billing.CancelNow)(s, a.ID, "end-"+string(a.Subscription.ID))
			must(t, err)
			return s.synced(a)
		}
		a := trial(storetest.NewAccount(t, s.db), "try", billing.SubTrialing)
		a = trial(a, "try", billing.SubActive)
		a = trial(a, "try", billing.SubActive)
		s.Ask(http.MethodDelete, "/v1/customers/"+string(a.CustomerID), nil)
		s.synced(a)
		a, err := s.db.Account(t.Context(), a.ID)
		must(t, err)
		trial(a, "try", billing.SubActive)
		trial(trial(storetest.NewAccount(t, s.db), "basic", billing.SubActive), "try", billing.SubActive)

		b := storetest.NewAccount(t, s.db)
		s.order(b.ID, checkout.Request{Item: "pack"}) // makes it a customer
		b, err = s.db.Account(t.Context(), b.ID)
		must(t, err)
		s.foreign(b)
		trial(s.synced(b), "try", billing.SubTrialing)
	})
}

// TestForeignUntouched proves that changing and cancelling act only on our subscription, even if someone else's is
// newer.
func TestForeignUntouched(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		a := s.subscriber("basic", 1)
		s.Advance(time.Minute)
		other := s.foreign(a)
		for key, do := range map[string]ask{"up": changeTo("pro", 1), "end": cancelAt(billing.CancelAtPeriodEnd)} {
			_, err := do(s, a.ID, key)
			must(t, err)
		}
		_, err := cancelAt(billing.CancelNow)(s, a.ID, "now")
		must(t, err)
		if now := s.synced(a); now.Subscription.ID != a.Subscription.ID ||
			now.Subscription.Status != billing.SubCanceled {
			t.Errorf("ours is %+v", now.Subscription)
		}
		sub := s.Ask(http.MethodGet, "/v1/subscriptions/"+other, nil)
		if sub["status"] != "active" || sub["cancel_at_period_end"] != false || len(
			sub["items"].(map[string]any)["data"].([]any),
		) != 1 {
			t.Errorf("the other one is %v", sub["status"])
		}
		s.refused(
			func() error { _, err := cancelAt(billing.CancelNow)(s, a.ID, "again"); return err }(), billing.EConflict,
		)
	})
}

// TestWhatComesIsShown proves that an end and a pause are shown, and end access, however an operator set them.
// Cancelling does not move an earlier end, and moves a later one to the period's end. A resumption withdraws each, and
// restores the window.
func TestWhatComesIsShown(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		a := s.subscriber("basic", 1)
		end := a.Subscription.CurrentPeriodEnd
		for name, c := range map[string]struct {
			at      time.Time
			until   time.Time
			cancels bool
		}{
			"TenDaysAhead": {
				s.db.Now().Add(10 * day).Truncate(time.Second).UTC(),
				s.db.Now().Add(10 * day).Truncate(time.Second).UTC(), false,
			},
			"AfterPeriod": {end.Add(20 * day), end, true},
		} {
			s.subscriptionAt(a, url.Values{"cancel_at": {stampOf(c.at)}})
			sub := s.synced(a).Subscription
			if sub.EndsAt == nil || !sub.EndsAt.Equal(c.at) || !sub.Window.Until.Equal(c.until) ||
				sub.CancelAtPeriodEnd {
				t.Errorf("%s: it ends at %v, access until %v", name, sub.EndsAt, sub.Window)
			}
			_, err := cancelAt(billing.CancelAtPeriodEnd)(s, a.ID, "cancel-"+name)
			if (err == nil) != c.cancels {
				t.Errorf("%s: cancelled with %v", name, err)
			}
			if sub = s.synced(a).Subscription; !sub.Window.Until.Equal(c.until) {
				t.Errorf("%s: after cancelling access lasts until %v", name, sub.Window)
			}
			_, err = resume(s, a.ID, "resume-"+name)
			must(t, err)
			if sub = s.synced(a).Subscription; sub.EndsAt != nil || !sub.Window.Until.Equal(end) {
				t.Errorf("%s: resumed, it ends at %v, access until %v", name, sub.EndsAt, sub.Window)
			}
			s.Advance(time.Minute)
		}
		s.subscriptionAt(a, url.Values{"pause_collection[behavior]": {"void"}})
		if sub := s.synced(a).Subscription; sub.CollectionPaused == nil || sub.CollectionPaused.Until != nil ||
			sub.Status != billing.SubActive {
			t.Errorf("paused, it is %+v", sub)
		}
		_, err := changeTo("pro", 1)(s, a.ID, "up")
		s.refused(err, billing.EConflict)
		_, err = resume(s, a.ID, "collect")
		must(t, err)
		s.wants(a, "active basic", 500)
		if sub := s.synced(a).Subscription; sub.CollectionPaused != nil {
			t.Error("it is paused still")
		}
	})
}
