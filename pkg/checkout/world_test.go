package checkout_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
	"github.com/pointsync/pointsync/pkg/housetest"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// origins are where the pages of the shop may lead back to.
var origins = billing.Origins{"https://shop.example"}

var discard = slog.New(slog.DiscardHandler)

// shop is a Service in a house with one database.
type shop struct {
	*housetest.House
	t       *testing.T
	db      *store.DB
	service *checkout.Service
	syncer  *reconcile.Syncer
}

// eachShop runs a suite on both databases, in a shop whose gateway retries as in production.
func eachShop(t *testing.T, f func(t *testing.T, s *shop)) {
	t.Helper()
	eachShopOf(t, housetest.Options{Retries: true}, f)
}

func eachShopOf(t *testing.T, o housetest.Options, f func(t *testing.T, s *shop)) {
	t.Helper()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		f(t, newShop(t, storetest.URL(t, dialect), o))
	})
}

func newShop(t *testing.T, databaseURL string, o housetest.Options) *shop {
	t.Helper()
	s := &shop{House: housetest.New(t, o), t: t}
	s.db = s.Open(t, databaseURL)
	s.syncer = s.Syncer(s.db, s.Stripe, discard)
	s.service = checkout.New(s.db, s.Stripe, s.Catalog, s.syncer, origins, discard)
	return s
}

// order orders an item and fails the test if that is refused.
func (s *shop) order(id billing.AccountID, r checkout.Request) billing.Order {
	s.t.Helper()
	o, _, err := s.service.Create(s.t.Context(), id, r)
	must(s.t, err)
	return o
}

// pay pays an order as a program would, and returns to the success page.
func (s *shop) pay(o billing.Order) billing.Order {
	s.t.Helper()
	s.Ask(http.MethodPost, "/v1/payment_pages/"+string(o.CheckoutID)+"/confirm", url.Values{
		"payment_method": {"pm_card_visa"}, "expected_amount": {fmt.Sprint(o.Amount)},
	})
	o, _, err := s.service.Status(s.t.Context(), o.AccountID, o.ID)
	must(s.t, err)
	return o
}

// buy orders an item, pays for it, and returns the account as it is when the customer is back on the success page.
func (s *shop) buy(id billing.AccountID, r checkout.Request) billing.Account {
	s.t.Helper()
	o := s.order(id, r)
	s.Ask(
		http.MethodPost, "/v1/payment_pages/"+string(o.CheckoutID)+"/confirm",
		url.Values{"payment_method": {"pm_card_visa"}},
	)
	_, a, err := s.service.Status(s.t.Context(), id, o.ID)
	must(s.t, err)
	return a
}

// list returns the objects of one kind at Stripe.
func (s *shop) list(path string) (objects []map[string]any) {
	s.t.Helper()
	for _, o := range s.Ask(http.MethodGet, path+"?limit=100", nil)["data"].([]any) {
		objects = append(objects, o.(map[string]any))
	}
	return objects
}

// openPages returns the number of pages at Stripe that could be paid.
func (s *shop) openPages() (n int) {
	s.t.Helper()
	for _, page := range s.list("/v1/checkout/sessions") {
		if page["status"] == "open" {
			n++
		}
	}
	return n
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// synced discards whether a sync was applied.
func synced(_ bool, err error) error { return err }
