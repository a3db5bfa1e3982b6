package inbox_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/housetest"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// retryAfter is when a failed renewal is retried once. After that the subscription is canceled.
const retryAfter = 72 * time.Hour

// shop is the house with the plans that a test sells. No webhook comes except those that a test delivers.
type shop struct {
	*housetest.House
	t        *testing.T
	backfill time.Duration // of replicas made from now on; 0: they do not walk Stripe's list by themselves
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{House: housetest.New(t, housetest.Options{}), t: t}
	s.Control("settings", fmt.Sprintf(`{"retry_days":[%g]}`, retryAfter.Hours()/24))
	return s
}

// sells adds plans to the default ones, for replicas made from now on.
func (s *shop) sells(plans ...billing.Plan) {
	s.t.Helper()
	s.Catalog.Plans = append(s.Catalog.Plans, plans...)
	s.Sell(s.Catalog)
}

// draft returns an account with a customer at Stripe that no database knows yet.
func (s *shop) draft() billing.Account {
	s.t.Helper()
	now := s.Now().UTC().Truncate(time.Second)
	a := billing.Account{ID: billing.NewAccountID(now), Sync: billing.SyncState{BudgetAt: now}, CreatedAt: now}
	a.Email = strings.ReplaceAll(string(a.ID), "_", "-") + "@example.com"
	var err error
	a.CustomerID, err = s.Stripe.CreateCustomer(s.t.Context(), a.ID, a.Email, "")
	must(s.t, err)
	return a
}

// sell opens the page of an order that no database knows yet.
func (s *shop) sell(a billing.Account, item string) billing.Order {
	s.t.Helper()
	c, now := s.Catalog, s.Now().UTC().Truncate(time.Second)
	o := billing.Order{
		ID: billing.NewOrderID(now), AccountID: a.ID, Item: item, Quantity: 1, Status: billing.OrderPending,
		SuccessURL: "https://shop.example/ok", CancelURL: "https://shop.example/no", CreatedAt: now,
	}
	if plan, ok := c.Plan(item); ok {
		o.Kind, o.Points, o.Amount, o.Currency = billing.KindPlan, plan.Points, plan.Amount, plan.Currency
	} else if pack, ok := c.Pack(item); ok {
		o.Kind, o.Points, o.Amount, o.Currency = billing.KindPack, pack.Points, pack.Amount, pack.Currency
	}
	price, err := s.Stripe.Price(s.t.Context(), item)
	must(s.t, err)
	page, err := s.Stripe.CreateCheckout(
		s.t.Context(), stripegw.NewCheckout{Order: o, Customer: a.CustomerID, Price: price},
	)
	must(s.t, err)
	o.CheckoutID, o.URL = page.ID, page.URL
	return o
}

func (s *shop) pay(o billing.Order) map[string]any {
	s.t.Helper()
	return s.Ask(
		http.MethodPost, "/v1/payment_pages/"+string(o.CheckoutID)+"/confirm",
		url.Values{"payment_method": {"pm_card_visa"}},
	)
}
