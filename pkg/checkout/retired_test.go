package checkout_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
)

// TestRetiredItems proves that a retired plan or pack is not sold and that no plan is changed to it. A customer who has
// the plan is charged and granted points as before. A page that was open before is still paid for and grants.
func TestRetiredItems(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		has, other := s.subscriber("basic", 1), s.subscriber("pro", 1)
		open := s.order(other.ID, checkout.Request{Item: "pack"})
		for n := range s.Catalog.Plans {
			s.Catalog.Plans[n].Retired = s.Catalog.Plans[n].ID == "basic"
		}
		s.Catalog.Packs[0].Retired = true
		changes, err := s.Gateway().EnsureCatalog(t.Context(), s.Catalog)
		must(t, err)
		if len(changes) != 2 { // the two prices are archived
			t.Errorf("setup: %q", changes)
		}
		for _, item := range []string{"basic", "pack"} {
			_, _, err := s.service.Create(t.Context(), other.ID, checkout.Request{Item: item})
			s.refused(err, billing.EInvalid)
		}
		_, err = s.service.Change(t.Context(), other.ID, checkout.ChangeRequest{Plan: "basic"})
		s.refused(err, billing.EInvalid)
		_, err = s.service.Preview(t.Context(), other.ID, checkout.ChangeRequest{Plan: "basic"})
		s.refused(err, billing.EInvalid)

		s.Ask(
			http.MethodPost, "/v1/payment_pages/"+string(open.CheckoutID)+"/confirm",
			url.Values{"payment_method": {"pm_card_visa"}},
		)
		must(t, synced(s.syncer.Sync(t.Context(), other.ID, billing.CauseChange)))
		s.wants(other, "active pro", 1200+100)
		s.Advance(32 * day)
		must(t, synced(s.syncer.Sync(t.Context(), has.ID, billing.CauseChange)))
		s.wants(has, "active basic", 500)
		_, err = s.service.Cancel(t.Context(), has.ID, checkout.CancelRequest{At: billing.CancelAtPeriodEnd})
		must(t, err)
	})
}

// TestCutOffAndRetired proves that a change which was cut off before its steps is refused once its plan is retired,
// without a call of Stripe, and leaves its key unused.
func TestCutOffAndRetired(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		a := s.subscriber("basic", 1)
		s.cutOff(a.ID)
		for n := range s.Catalog.Plans {
			s.Catalog.Plans[n].Retired = s.Catalog.Plans[n].ID == "pro"
		}
		s.Gate.Refuse()
		_, err := changeTo("pro", 1)(s, a.ID, "key")
		s.refused(err, billing.EInvalid)
		s.Gate.Open()
		_, err = changeTo("team", 2)(s, a.ID, "key") // another request: the key is free
		must(t, err)
	})
}

// TestPageOfOtherPoints proves that no page is opened while the price at Stripe grants other points than the catalogue
// promises, for a pack or for a plan. The order is deleted.
func TestPageOfOtherPoints(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		s.Catalog.Packs[0].Points, s.Catalog.Plans[0].Points = 90, 450
		a := s.subscriber("pro", 1)
		_, _, err := s.service.Create(t.Context(), a.ID, checkout.Request{Item: "pack"})
		s.refused(err, billing.EStripeRefused)
		_, err = s.service.Preview(
			t.Context(), s.subscriber("team", 1).ID, checkout.ChangeRequest{Plan: "basic", Quantity: 1},
		)
		must(t, err) // cheaper: at the period's end, and free now
		_, err = s.service.Change(t.Context(), a.ID, checkout.ChangeRequest{Plan: "basic"})
		s.refused(err, billing.EStripeRefused)
		if orders, err := s.db.Orders(t.Context(), a.ID, "", 10); err != nil || len(orders) != 1 {
			t.Errorf("%+v, %v", orders, err)
		}
	})
}

// TestCancelNowVoids proves that an immediate cancellation voids the subscription's open invoices, except those whose
// payment is under way. That holds even if the server is stopped after the subscription has ended.
func TestCancelNowVoids(t *testing.T) {
	t.Parallel()
	eachPlanShop(t, func(t *testing.T, s *planShop) {
		a, processing := s.subscriber("basic", 1), s.subscriber("basic", 1)
		for _, each := range []billing.Account{a, processing} {
			id := string(each.Subscription.ID)
			card := s.Ask(
				http.MethodPost, "/v1/payment_methods/pm_card_chargeCustomerFail/attach",
				url.Values{"customer": {string(each.CustomerID)}},
			)["id"].(string)
			s.Ask(http.MethodPost, "/v1/subscriptions/"+id, url.Values{"default_payment_method": {card}})
		}
		s.Advance(32 * day)
		must(t, synced(s.syncer.Sync(t.Context(), a.ID, billing.CauseChange)))
		s.wants(a, "past_due basic", 500)
		cut := s.stopBefore("/void")
		_, err := s.service.Cancel(t.Context(), a.ID, checkout.CancelRequest{At: billing.CancelNow, Key: "end"})
		s.refused(err, billing.EStripeUnavailable)
		cut()
		_, err = s.service.Cancel(t.Context(), a.ID, checkout.CancelRequest{At: billing.CancelNow, Key: "end"})
		must(t, err)
		same := map[any]int{}
		for _, i := range s.of("/v1/invoices", a) {
			same[i["status"]]++
		}
		if same["void"] != 1 || same["paid"] != 1 || len(same) != 2 {
			t.Errorf("the invoices are %v", same)
		}

		must(t, synced(s.syncer.Sync(t.Context(), processing.ID, billing.CauseChange)))
		s.Gate.Intercept(s.underWay)
		_, err = s.service.Cancel(t.Context(), processing.ID, checkout.CancelRequest{At: billing.CancelNow})
		s.Gate.Open()
		must(t, err)
		if open := s.of("/v1/invoices", processing)[0]; open["status"] != "open" {
			t.Errorf("an invoice whose payment is under way is %v", open["status"])
		}
	})
}

// stopBefore makes requests to a path fail, as if the server had lost its connection to Stripe, until the returned
// function is called.
func (s *planShop) stopBefore(end string) func() {
	s.Gate.Intercept(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && len(r.URL.Path) > len(end) && r.URL.Path[len(r.URL.Path)-len(end):] == end {
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, `{"error":{"type":"api_error"}}`)
			return
		}
		s.Gate.Stripe.ServeHTTP(w, r)
	})
	return func() { s.Gate.Open() }
}

// underWay shows the payment of every invoice as processing at the bank.
func (s *planShop) underWay(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || r.URL.Path != "/v1/invoices" {
		s.Gate.Stripe.ServeHTTP(w, r)
		return
	}
	answer := httptest.NewRecorder()
	s.Gate.Stripe.ServeHTTP(answer, r)
	w.WriteHeader(answer.Code)
	fmt.Fprint(w, strings.ReplaceAll(answer.Body.String(), `"requires_payment_method"`, `"processing"`))
}
