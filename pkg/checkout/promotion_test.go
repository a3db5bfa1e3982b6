package checkout_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
	"github.com/pointsync/pointsync/pkg/housetest"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// code makes a coupon and a promotion code of the same name at Stripe.
func (s *planShop) code(name string, coupon, limits url.Values) {
	s.t.Helper()
	coupon.Set("id", name)
	s.Ask(http.MethodPost, "/v1/coupons", coupon)
	limits.Set("coupon", name)
	limits.Set("code", name)
	s.Ask(http.MethodPost, "/v1/promotion_codes", limits)
}

// payFor pays an order at a price and returns from the page.
func (s *planShop) payFor(o billing.Order, amount int64) billing.Account {
	s.t.Helper()
	s.Ask(
		http.MethodPost, "/v1/payment_pages/"+string(o.CheckoutID)+"/confirm",
		url.Values{"payment_method": {"pm_card_visa"}, "expected_amount": {fmt.Sprint(amount)}},
	)
	o, a, err := s.service.Status(s.t.Context(), o.AccountID, o.ID)
	must(s.t, err)
	if o.Status != billing.OrderFulfilled {
		s.t.Errorf("the order is %s", o.Status)
	}
	return a
}

// TestPromotion proves that a discount lowers the price and not the points. A code that counts once ends with the first
// payment. A code that counts forever, for everything, grants each period's points.
func TestPromotion(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		s.code("HALFOFF", url.Values{"percent_off": {"50"}, "duration": {"once"}}, url.Values{})
		s.code("FREE", url.Values{"percent_off": {"100"}, "duration": {"forever"}}, url.Values{})
		for _, c := range []struct {
			typed        string
			first, later int64
		}{{"halfoff", 950, 1900}, {"FREE", 0, 0}} {
			a := storetest.NewAccount(t, s.db)
			o := s.order(a.ID, checkout.Request{Item: "pro", Promotion: c.typed})
			if o.Amount != 1900 {
				t.Errorf("the order shows %d", o.Amount)
			}
			a = s.payFor(o, c.first)
			s.wants(a, "active pro", 1200)
			s.Advance(31*day + 3*time.Hour)
			must(t, synced(s.syncer.Sync(t.Context(), a.ID, billing.CauseChange)))
			s.wants(a, "active pro", 1200)
			if paid := s.of("/v1/invoices", a)[0]["amount_paid"]; paid != float64(c.later) ||
				len(s.of("/v1/invoices", a)) != 2 {
				t.Errorf("%s: the renewal cost %v", c.typed, paid)
			}
		}
		a := storetest.NewAccount(t, s.db)
		a = s.payFor(s.order(a.ID, checkout.Request{Item: "pack", Promotion: "FREE"}), 0)
		if a.Available != 100 {
			t.Errorf("a free pack brought %d points", a.Available)
		}
	})
}

// TestPromotionRefused proves that a code that is unknown, used up, someone else's or not for this purchase sells
// nothing, and leaves its key unused.
func TestPromotionRefused(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		half := func() url.Values { return url.Values{"percent_off": {"50"}, "duration": {"once"}} }
		a, other := s.subscriber("basic", 1), s.subscriber("basic", 1)
		s.code("ONCE", half(), url.Values{"max_redemptions": {"1"}})
		s.code("OFF", half(), url.Values{"active": {"false"}})
		s.code("THEIRS", half(), url.Values{"customer": {string(other.CustomerID)}})
		s.code(
			"DEAR", half(),
			url.Values{"restrictions[minimum_amount]": {"600"}, "restrictions[minimum_amount_currency]": {"usd"}},
		)
		s.code("FIRST", half(), url.Values{"restrictions[first_time_transaction]": {"true"}})
		once := checkout.Request{Item: "pack", Promotion: "ONCE", Key: "once"}
		o := s.order(a.ID, once)
		a = s.payFor(o, 250)
		if again := s.order(a.ID, once); again.ID != o.ID {
			t.Errorf("its own repeat is another order: %+v", again)
		}
		before, err := s.db.Orders(t.Context(), a.ID, "", 100)
		must(t, err)
		for _, typed := range []string{"NOSUCH", "ONCE", "OFF", "THEIRS", "DEAR", "FIRST"} {
			_, _, err := s.service.Create(
				t.Context(), a.ID, checkout.Request{Item: "pack", Promotion: typed, Key: typed},
			)
			s.refused(err, billing.EInvalid)
		}
		after, err := s.db.Orders(t.Context(), a.ID, "", 100)
		must(t, err)
		if len(after) != len(before) {
			t.Errorf("%d orders, and %d before", len(after), len(before))
		}
		if o := s.order(a.ID, checkout.Request{Item: "pack", Key: "DEAR"}); o.Status != billing.OrderPending {
			t.Errorf("a refused code has used its key up: %+v", o)
		}
	})
}

// TestPromotionField proves that Stripe's page asks for a code only if the catalogue allows it.
func TestPromotionField(t *testing.T) {
	t.Parallel()
	s := newShop(t, storetest.URL(t, store.SQLite), housetest.Options{Catalog: planItems(t)})
	allows := func() any { return s.list("/v1/checkout/sessions")[0]["allow_promotion_codes"] }
	s.order(storetest.NewAccount(t, s.db).ID, checkout.Request{Item: "pack"})
	if allows() != nil {
		t.Error("the page asks for a code")
	}
	s.Catalog.AllowPromotionCodes = true
	s.order(storetest.NewAccount(t, s.db).ID, checkout.Request{Item: "pack"})
	if allows() != true {
		t.Error("the page does not ask for a code")
	}
}
