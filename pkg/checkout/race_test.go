package checkout_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// TestOneCustomer proves that an account has one customer at Stripe, however many of its first purchases run at once.
// The limit on unpaid orders holds among them.
func TestOneCustomer(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, s *shop) {
		a := storetest.NewAccount(t, s.db)
		var all sync.WaitGroup
		for i := range 30 {
			all.Go(func() {
				_, _, err := s.service.Create(
					t.Context(), a.ID,
					checkout.Request{
						Item:     []string{"pack_100", "pack_1000"}[i%2],
						Quantity: int64(1 + i/2%10),
						Key:      fmt.Sprint("key-", i),
					},
				)
				if code := billing.CodeOf(err); err != nil && code != billing.ETooMany {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if got := s.list("/v1/customers"); len(got) != 1 {
			t.Errorf("%d customers", len(got))
		}
		orders, err := s.db.Orders(t.Context(), a.ID, "", 100)
		must(t, err)
		if pages := s.openPages(); len(orders) != pages || pages > 20 || pages < 10 {
			t.Errorf("%d orders, %d open pages", len(orders), pages)
		}
		customer := s.list("/v1/customers")[0]["id"]
		for _, page := range s.list("/v1/checkout/sessions") {
			if page["customer"] != customer {
				t.Errorf("a page of %v, want %v", page["customer"], customer)
			}
		}
	})
}

// TestOneCustomerLater proves that an account gets no second customer if the request that made its customer was cut
// off. That holds even if it returns after Stripe has deleted the request's key, which Stripe keeps for a day.
func TestOneCustomerLater(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]time.Duration{
		"Soon": time.Minute, "NextDay": 26 * time.Hour, "NextMonth": 31 * 24 * time.Hour,
	} {
		for _, dialect := range []store.Dialect{store.SQLite, store.Postgres} {
			t.Run(name+"/"+string(dialect), func(t *testing.T) {
				t.Parallel()
				s := newTops(t, dialect)
				a := storetest.NewAccount(t, s.db)
				s.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
					if r.Method != http.MethodPost || r.URL.Path != "/v1/customers" {
						s.Gate.Stripe.ServeHTTP(out, r)
						return
					}
					s.Gate.Stripe.ServeHTTP(httptest.NewRecorder(), r) // the customer is made, and the reply is lost
					panic(http.ErrAbortHandler)
				})
				_, _, err := s.service.Create(
					t.Context(), a.ID, checkout.Request{Item: "pack_100", Quantity: 1, Key: "first"},
				)
				if billing.CodeOf(err) != billing.EStripeUnavailable {
					t.Fatalf("cut off: %v", err)
				}
				s.Gate.Open()
				s.Advance(away)
				made := s.order(a.ID, checkout.Request{Item: "pack_100", Quantity: 1, Key: "later"})
				if got := s.list("/v1/customers"); len(got) != 1 || s.pay(made).Status != billing.OrderFulfilled {
					t.Errorf("%d customers", len(got))
				}
			})
		}
	}
}

// TestParallelKey proves that one key makes one order and one page, and that all who sent it get the same response.
func TestParallelKey(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, s *shop) {
		a := storetest.NewAccount(t, s.db)
		var mu sync.Mutex
		answers, first := map[string]int{}, 0
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				o, replayed, err := s.service.Create(
					t.Context(), a.ID, checkout.Request{Item: "pro_monthly", Key: "one"},
				)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				if !replayed {
					first++
				}
				answers[string(o.ID)+" "+string(o.CheckoutID)+" "+o.URL]++
			})
		}
		all.Wait()
		if len(answers) != 1 || first != 1 || len(s.list("/v1/checkout/sessions")) != 1 {
			t.Errorf("%d of 10 were first; answers: %v", first, answers)
		}
	})
}

// TestParallelPlans proves that plans that are requested concurrently leave one page that can be paid, because two
// would sell two subscriptions. A request that comes too late is refused, or gets the page that is left.
func TestParallelPlans(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, s *shop) {
		for round := range 5 {
			a := storetest.NewAccount(t, s.db)
			s.order(a.ID, checkout.Request{Item: "pack_100"}) // makes the customer, so that only the pages race
			before := s.openPages()
			var all sync.WaitGroup
			for i := range 4 {
				item := []string{"basic_monthly", "pro_monthly"}[i%2]
				all.Go(func() {
					if _, _, err := s.service.Create(
						t.Context(), a.ID, checkout.Request{Item: item, Key: fmt.Sprint(item, i)},
					); err != nil && billing.CodeOf(err) != billing.EConflict {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if open := s.openPages() - before; open != 1 {
				t.Fatalf("round %d: %d open pages that sell a plan", round, open)
			}
		}
	})
}

// TestPlanPaidDuringAnother proves the case that a plan is paid, and its order fulfilled, while another plan's page is
// being opened. The other page is closed and refused. Otherwise it would sell a second subscription.
func TestPlanPaidDuringAnother(t *testing.T) {
	t.Parallel()
	eachShop(t, func(t *testing.T, s *shop) {
		a := storetest.NewAccount(t, s.db)
		first := s.order(a.ID, checkout.Request{Item: "basic_monthly"})
		s.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost && r.URL.Path == "/v1/checkout/sessions" {
				s.Gate.Open()
				if paid := s.pay(first); paid.Status != billing.OrderFulfilled {
					t.Errorf("the first order is %s", paid.Status)
				}
			}
			s.Gate.Stripe.ServeHTTP(out, r)
		})
		_, _, err := s.service.Create(t.Context(), a.ID, checkout.Request{Item: "pro_monthly"})
		if billing.CodeOf(err) != billing.ESubscriptionExists {
			t.Errorf("a second plan, ordered while the first was paid, answers %v", err)
		}
		if open := s.openPages(); open != 0 {
			t.Errorf("%d open pages could sell a second subscription", open)
		}
	})
}
