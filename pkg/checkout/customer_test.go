package checkout_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// changed replaces one text in a handler's response.
func changed(out http.ResponseWriter, h http.Handler, r *http.Request, from, to string) {
	said := httptest.NewRecorder()
	h.ServeHTTP(said, r)
	for name, values := range said.Header() {
		if name != "Content-Length" {
			out.Header()[name] = values
		}
	}
	out.WriteHeader(said.Code)
	body := said.Body.String()
	compact := strings.ReplaceAll(from, `": `, `":`)
	_, _ = out.Write([]byte(strings.ReplaceAll(strings.ReplaceAll(body, from, to), compact, to)))
}

func (s *shop) remove(a billing.Account) {
	s.t.Helper()
	s.Ask(http.MethodDelete, "/v1/customers/"+string(s.accountNow(a.ID).CustomerID), nil)
}

func (s *shop) accountNow(id billing.AccountID) billing.Account {
	s.t.Helper()
	a, err := s.db.Account(s.t.Context(), id)
	must(s.t, err)
	return a
}

// Proves that an account whose customer was deleted at Stripe can buy again, packs and plans, repeatedly. Each time it
// gets a new customer and keeps its points, and the old ids stay known. The subscription ended with its customer, so
// its 500 points are gone and another plan can be bought. The old customer's page is not returned again. No event has
// reported any of it.
func TestDeletedCustomerBuysAgain(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, s *shop) {
		a := storetest.NewAccount(t, s.db)
		s.pay(s.order(a.ID, checkout.Request{Item: "pack_100"}))
		s.pay(s.order(a.ID, checkout.Request{Item: "basic_monthly"}))
		left := s.order(a.ID, checkout.Request{Item: "pack_100", Quantity: 2, Key: "left open"})
		customers := []billing.CustomerID{s.accountNow(a.ID).CustomerID}
		s.remove(a)
		again := s.order(a.ID, checkout.Request{Item: "pack_100", Quantity: 2})
		if again.ID == left.ID {
			t.Error("the page of the old customer was handed out again")
		}
		customers = append(customers, s.accountNow(a.ID).CustomerID)
		s.pay(again)
		if got := s.accountNow(a.ID); got.Available != 300 || got.Subscription == nil ||
			got.Subscription.Status != billing.SubCanceled {
			// 100 + 2 × 100. The plan's 500 expired.
			t.Errorf("100 and 200 points, and no subscription: %d, %+v", got.Available, got.Subscription)
		}
		s.remove(a)
		if o := s.pay(s.order(a.ID, checkout.Request{Item: "pro_monthly"})); o.Status != billing.OrderFulfilled {
			t.Errorf("another plan: %+v", o)
		}
		customers = append(customers, s.accountNow(a.ID).CustomerID)
		// 300 + 1200
		if got := s.accountNow(a.ID); got.Available != 1500 || got.Subscription.Status != billing.SubActive {
			t.Errorf("%d points, %+v", got.Available, got.Subscription)
		}
		former, err := s.db.FormerCustomers(t.Context(), a.ID)
		if err != nil || len(former) != 2 || former[0].ID != customers[0] || former[1].ID != customers[1] ||
			customers[2] == customers[1] {
			t.Errorf("the customers were %v, the former ones are %+v, %v", customers, former, err)
		}
		must(t, ledger.Audit(t.Context(), s.db, a.ID))
		if drift, err := s.syncer.Drift(t.Context(), a.ID); err != nil || len(drift) != 0 {
			t.Errorf("the comparison with Stripe finds %+v, %v", drift, err)
		}
	})
}

// Proves that however many requests race after the deletion, there is one new customer.
func TestDeletedCustomerTogether(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, s *shop) {
		a := storetest.NewAccount(t, s.db)
		s.order(a.ID, checkout.Request{Item: "pack_100"})
		s.remove(a)
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				if _, _, err := s.service.Create(
					t.Context(), a.ID, checkout.Request{Item: "pack_100", Quantity: int64(1 + i%4)},
				); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := len(s.list("/v1/customers")); n != 1 { // the deleted one is not listed
			t.Errorf("%d customers", n)
		}
	})
}

// Proves that money that is refunded to a deleted customer is clawed back from the account. The event names the old
// customer, and finds the account. Of the pack's 100 points and the new one's 100, 100 are left.
func TestRefundOfDeletedCustomer(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, s *shop) {
		a := storetest.NewAccount(t, s.db)
		old := s.pay(s.order(a.ID, checkout.Request{Item: "pack_100"}))
		customer := s.accountNow(a.ID).CustomerID
		s.remove(a)
		s.pay(s.order(a.ID, checkout.Request{Item: "pack_100"}))
		charge := s.Ask(
			http.MethodPost, "/v1/refunds", url.Values{"payment_intent": {string(old.PaymentIntentID)}},
		)["charge"].(string)
		a.CustomerID = customer
		s.event(a, "charge.refunded", billing.ObjectCharge, charge)
		_, err := s.syncer.Sync(t.Context(), a.ID, billing.CauseEvent)
		must(t, err)
		if got := s.accountNow(a.ID); got.Available != 100 || got.Debt != 0 {
			t.Errorf("%d points, a debt of %d", got.Available, got.Debt)
		}
	})
}

// event stores an event about an object of the account's customer, who may be an earlier one by now.
func (s *shop) event(a billing.Account, kind string, object billing.ObjectType, id string) {
	s.t.Helper()
	must(s.t, s.db.InTx(s.t.Context(), func(tx *store.Tx) error {
		found, err := tx.LockAccountByCustomer(s.t.Context(), a.CustomerID)
		if err != nil || found.ID != a.ID {
			s.t.Errorf("the customer leads to %q, %v", found.ID, err)
		}
		_, err = tx.InsertEvent(s.t.Context(), billing.InboxEvent{
			ID: billing.StripeEventID("evt_" + id), Type: kind, ObjectType: object, ObjectID: id,
			CustomerID: a.CustomerID, AccountID: a.ID, Status: billing.InboxPending,
			CreatedAt: tx.Now, ReceivedAt: tx.Now,
		})
		return err
	}))
}

// Proves what a deleted customer means elsewhere: the portal returns a conflict, not Stripe's refusal. A customer that
// Stripe never knew is a refusal everywhere, because that means the key of another account.
func TestDeletedCustomerElsewhere(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, s *shop) {
		a := storetest.NewAccount(t, s.db)
		s.order(a.ID, checkout.Request{Item: "pack_100"})
		s.remove(a)
		if _, err := s.service.Portal(
			t.Context(), a.ID, checkout.PortalRequest{},
		); billing.CodeOf(err) != billing.EConflict {
			t.Errorf("the portal: %v", err)
		}
		other := storetest.NewAccount(t, s.db)
		must(
			t,
			s.db.InTx(
				t.Context(), func(tx *store.Tx) error { return tx.SetCustomer(t.Context(), other.ID, "cus_elsewhere") },
			),
		)
		if _, _, err := s.service.Create(
			t.Context(), other.ID, checkout.Request{Item: "pack_100"},
		); billing.CodeOf(err) != billing.EStripeRefused {
			t.Errorf("a customer of another account: %v", err)
		}
		if got := s.accountNow(other.ID).CustomerID; got != "cus_elsewhere" {
			t.Errorf("it was replaced by %s", got)
		}
	})
}

// Proves that an account without an email can buy: however many requests race, there is one customer, which has no
// email. Nothing but the idempotency key leads to it before it is known here.
func TestCustomerWithoutEmail(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, s *shop) {
		now := s.db.Now()
		a := billing.Account{
			ID: billing.NewAccountID(now), ExternalID: "user-1", Sync: billing.SyncState{BudgetAt: now}, CreatedAt: now,
		}
		must(t, s.db.InTx(t.Context(), func(tx *store.Tx) error { return tx.InsertAccount(t.Context(), a) }))
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				_, _, err :=
					s.service.Create(t.Context(), a.ID, checkout.Request{Item: "pack_100", Quantity: int64(1 + i)})
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		customers := s.list("/v1/customers")
		if len(customers) != 1 || customers[0]["email"] != nil {
			t.Errorf("the customers: %v", customers)
		}
		s.pay(s.order(a.ID, checkout.Request{Item: "pack_100"}))
		if got := s.accountNow(a.ID).Available; got != 100 {
			t.Errorf("%d points, want the pack's 100", got)
		}
	})
}
