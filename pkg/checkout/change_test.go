package checkout_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

const day = 24 * time.Hour

// TestUpNow proves that an upgrade happens at once and costs exactly what its preview said, and brings the points that
// it said.
func TestUpNow(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		for _, c := range []struct {
			from, to   string
			have, want int64
			state      string
		}{
			{"basic", "pro", 1, 1, "active pro"},
			{"team", "team", 2, 5, "active team × 5"},
			{"basic", "team", 1, 3, "active team × 3"},
			{"basic", "yearly", 1, 1, "active yearly"},
		} {
			a := s.subscriber(c.from, c.have)
			s.Advance(10*day + 7*time.Hour + 13*time.Second)
			before := a.Available
			p, err := s.service.Preview(t.Context(), a.ID, checkout.ChangeRequest{Plan: c.to, Quantity: c.want})
			must(t, err)
			if p.Effect != checkout.EffectNow || p.AmountDue <= 0 || p.Points <= 0 || len(p.Lines) < 2 ||
				p.Quantity != c.want {
				t.Fatalf("%s: %+v", c.state, p)
			}
			s.Advance(5 * time.Minute) // the customer takes this long to decide
			r := checkout.ChangeRequest{Plan: c.to, Quantity: c.want, ProrationDate: p.ProrationDate, Key: "up"}
			a = s.change(a.ID, r)
			invoice := s.of("/v1/invoices", a)[0]
			if got := int64(
				invoice["amount_paid"].(float64),
			); got != p.AmountDue || invoice["billing_reason"] != "subscription_update" {
				t.Errorf("%s: paid %d, the preview said %d", c.state, got, p.AmountDue)
			}
			s.wants(a, c.state, before+p.Points)
			again, err := s.service.Change(t.Context(), a.ID, r)
			if err != nil || !again.Replayed || len(s.of("/v1/invoices", a)) != 2 {
				t.Errorf("a repeat: %+v, %v", again, err)
			}
			r.Quantity++
			_, err = s.service.Change(t.Context(), a.ID, r)
			if c.to == "team" {
				s.refused(err, billing.EKeyReused)
			}
		}
	})
}

// TestDownLater proves that a downgrade waits for the period's end, is shown until then, and takes nothing away before.
func TestDownLater(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		a := s.subscriber("pro", 1)
		s.Advance(10 * day)
		p, err := s.service.Preview(t.Context(), a.ID, checkout.ChangeRequest{Plan: "basic"})
		must(t, err)
		if p.Effect != checkout.EffectPeriodEnd || p.AmountDue != 0 || p.ProrationDate != 0 || !p.At.Equal(
			a.Subscription.CurrentPeriodEnd,
		) {
			t.Errorf("the preview: %+v", p)
		}
		a = s.change(a.ID, checkout.ChangeRequest{Plan: "basic"})
		s.wants(a, "active pro then basic", 1200)
		if next := a.Subscription.Scheduled; !next.At.Equal(a.Subscription.CurrentPeriodEnd) {
			t.Errorf("it is scheduled for %s", next.At)
		}
		_, err = s.service.Change(t.Context(), a.ID, checkout.ChangeRequest{Plan: "team", Quantity: 21})
		s.refused(err, billing.EInvalid)
		s.change(a.ID, checkout.ChangeRequest{Plan: "team"}) // another change replaces it
		s.wants(a, "active pro then team", 1200)
		s.Advance(22 * day)
		must(t, synced(s.syncer.Sync(t.Context(), a.ID, billing.CauseChange)))
		s.wants(a, "active team", 600)
		s.Advance(31 * day) // and it stays so
		must(t, synced(s.syncer.Sync(t.Context(), a.ID, billing.CauseChange)))
		s.wants(a, "active team", 600)
	})
}

// TestDownKeepsDiscount proves that a downgrade keeps a lasting discount.
func TestDownKeepsDiscount(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		a := s.subscriber("pro", 1)
		s.Ask("POST", "/v1/coupons", url.Values{"id": {"half"}, "percent_off": {"50"}, "duration": {"forever"}})
		s.Ask("POST", "/v1/subscriptions/"+string(a.Subscription.ID), url.Values{"coupon": {"half"}})
		s.change(a.ID, checkout.ChangeRequest{Plan: "basic"})
		s.Advance(32 * day)
		if paid := s.of("/v1/invoices", a)[0]["amount_paid"]; paid != 450.0 {
			t.Errorf("the renewal cost %v", paid)
		}
	})
}

// TestTakeBack proves what withdraws a scheduled change: a change to the current plan, a resumption, and any other
// change.
func TestTakeBack(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		resume := func(a billing.Account) error {
			_, err := s.service.Resume(t.Context(), a.ID, checkout.ResumeRequest{Key: ""})
			return err
		}
		cancel := func(a billing.Account) error {
			_, err := s.service.Cancel(t.Context(), a.ID, checkout.CancelRequest{At: billing.CancelAtPeriodEnd})
			return err
		}
		a := s.subscriber("pro", 1)
		_, err := s.service.Change(t.Context(), a.ID, checkout.ChangeRequest{Plan: "pro"})
		s.refused(err, billing.EConflict)
		s.refused(resume(a), billing.EConflict)
		s.change(a.ID, checkout.ChangeRequest{Plan: "basic"})
		s.change(a.ID, checkout.ChangeRequest{Plan: "pro"})
		s.wants(a, "active pro", 1200)
		s.change(a.ID, checkout.ChangeRequest{Plan: "basic"})
		must(t, resume(a))
		s.wants(a, "active pro", 1200)
		must(t, cancel(a))
		s.wants(a, "active pro ends", 1200)
		s.refused(cancel(a), billing.EConflict)
		must(t, resume(a))
		s.wants(a, "active pro", 1200)
		must(t, cancel(a))
		s.Advance(time.Minute) // restores the budget for syncs
		s.change(a.ID, checkout.ChangeRequest{Plan: "basic"})
		s.wants(a, "active pro then basic", 1200)
		must(t, cancel(a))
		s.wants(a, "active pro ends", 1200)
		s.change(a.ID, checkout.ChangeRequest{Plan: "yearly"})
		s.wants(a, "active yearly", a.Available+14000-1200)
		// A date that someone set.
		s.Ask("POST", "/v1/subscriptions/"+string(a.Subscription.ID), url.Values{"cancel_at": {"4000000000"}})
		must(t, resume(a))
		if end := s.of("/v1/subscriptions", a)[0]["cancel_at"]; end != nil {
			t.Errorf("it ends at %v", end)
		}
		_, err = s.service.Cancel(t.Context(), a.ID, checkout.CancelRequest{At: billing.CancelNow, Key: "end"})
		must(t, err)
		s.refused(resume(a), billing.EConflict)
	})
}

// TestTrialChange proves that a change during a trial happens at once, costs nothing, and leaves the trial as it is.
func TestTrialChange(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		a := s.subscriber("try", 1)
		s.wants(a, "trialing try", 50)
		end := a.Subscription.CurrentPeriodEnd
		for _, plan := range []string{"pro", "basic", "yearly", "basic"} {
			a = s.change(a.ID, checkout.ChangeRequest{Plan: plan})
			s.wants(a, "trialing "+plan, 50)
		}
		if invoices := s.of("/v1/invoices", a); len(invoices) != 1 || !a.Subscription.CurrentPeriodEnd.Equal(end) {
			t.Errorf("%d invoices, the trial ends at %s", len(invoices), a.Subscription.CurrentPeriodEnd)
		}
		s.Advance(14*day + 2*time.Hour)
		must(t, synced(s.syncer.Sync(t.Context(), a.ID, billing.CauseChange)))
		s.wants(a, "active basic", 500)
	})
}

// TestPausedResumes proves that a paused subscription is resumed by charging it, and that nothing else is possible
// before.
func TestPausedResumes(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		a := storetest.NewAccount(t, s.db)
		s.order(a.ID, checkout.Request{Item: "pack"}) // makes it a customer
		a, err := s.db.Account(t.Context(), a.ID)
		must(t, err)
		price := s.Ask(
			"GET", "/v1/prices?lookup_keys[]=pointsync_try", nil,
		)["data"].([]any)[0].(map[string]any)["id"].(string)
		s.Ask("POST", "/v1/subscriptions", url.Values{
			"customer": {string(a.CustomerID)}, "items[0][price]": {price}, "trial_period_days": {"14"},
			"trial_settings[end_behavior][missing_payment_method]": {"pause"},
		})
		s.Advance(14*day + time.Hour)
		_, err = s.service.Change(t.Context(), a.ID, checkout.ChangeRequest{Plan: "pro"})
		s.refused(err, billing.EConflict)
		a, err = s.db.Account(t.Context(), a.ID)
		must(t, err)
		s.wants(a, "paused try", 50)
		s.card(a, "pm_card_visa")
		c, err := s.service.Resume(t.Context(), a.ID, checkout.ResumeRequest{Key: "on"})
		must(t, err)
		s.wants(c.Account, "active try", 700)
		again, err := s.service.Resume(t.Context(), a.ID, checkout.ResumeRequest{Key: "on"})
		if err != nil || !again.Replayed || len(s.of("/v1/charges", a)) != 1 {
			t.Errorf("a repeat: %+v, %v", again, err)
		}
	})
}

// TestChangeOfPrice proves that no plan is changed to a price that is not the catalogue's.
func TestChangeOfPrice(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		a := s.subscriber("basic", 1)
		product := s.Ask(
			"GET", "/v1/prices?lookup_keys[]=pointsync_pro", nil,
		)["data"].([]any)[0].(map[string]any)["product"].(string)
		s.Ask("POST", "/v1/prices", url.Values{
			"product": {product}, "unit_amount": {"2900"}, "currency": {"usd"}, "recurring[interval]": {"month"},
			"lookup_key": {"pointsync_pro"}, "transfer_lookup_key": {"true"}, "metadata[pointsync_item]": {"pro"},
		})
		_, err := s.service.Preview(t.Context(), a.ID, checkout.ChangeRequest{Plan: "pro"})
		s.refused(err, billing.EStripeRefused)
		_, err = s.service.Change(t.Context(), a.ID, checkout.ChangeRequest{Plan: "pro", Key: "key"})
		s.refused(err, billing.EStripeRefused)
		s.wants(a, "active basic", 500)
	})
}
