package checkout_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
	"github.com/pointsync/pointsync/pkg/housetest"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// budgetShop is a shop of plans on two replicas of one database. A test can stop its clock.
type budgetShop struct {
	*shop
	stopped  atomic.Pointer[time.Time]
	services [2]*checkout.Service
	topUps   [2]*checkout.TopUps
}

func eachBudgetShop(t *testing.T, f func(t *testing.T, s *budgetShop)) {
	t.Helper()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		s, databaseURL := &budgetShop{}, storetest.URL(t, dialect)
		s.shop = newShop(t, databaseURL, housetest.Options{Catalog: planItems(t), Now: s.now})
		for n := range s.services {
			db, gateway, log := s.Open(t, databaseURL), s.Gateway(), slog.New(slog.DiscardHandler)
			syncer := s.Syncer(db, gateway, log)
			s.services[n] = checkout.New(db, gateway, s.Catalog, syncer, origins, log)
			s.topUps[n] = checkout.NewTopUps(db, gateway, s.Catalog, syncer, coolOff, log)
		}
		s.service = s.services[0]
		f(t, s)
	})
}

// now returns the machine's time until the test stops the clock.
func (s *budgetShop) now() time.Time {
	if at := s.stopped.Load(); at != nil {
		return *at
	}
	return time.Now()
}

// stop stops the clock, or moves the stopped one.
func (s *budgetShop) stop(later time.Duration) {
	at := s.now().Add(later)
	s.stopped.Store(&at)
}

// buyer returns a customer of a plan, with a key that has its order.
func (s *budgetShop) buyer() billing.Account {
	s.t.Helper()
	return s.buy(storetest.NewAccount(s.t, s.db).ID, checkout.Request{Item: "basic", Key: "first"})
}

// requests are the kinds of request that ask Stripe: how the n-th caller makes one, and a request at Stripe that only
// it causes.
var requests = map[billing.RequestKind]struct {
	ask    func(ctx context.Context, s *budgetShop, replica int, id billing.AccountID, n int) error
	stripe string
}{
	billing.RequestCheckout: {func(ctx context.Context, s *budgetShop, replica int, id billing.AccountID, n int) error {
		_, _, err := s.services[replica].Create(
			ctx, id, checkout.Request{Item: "pack", Quantity: 1, SuccessURL: fmt.Sprint("https://shop.example/", n)},
		)
		return err
	}, "POST /v1/checkout/sessions"},
	billing.RequestPromotion: {func(
		ctx context.Context, s *budgetShop, replica int, id billing.AccountID, n int,
	) error {
		_, _, err := s.services[replica].Create(
			ctx, id, checkout.Request{Item: "pack", Promotion: fmt.Sprint("GUESS", n)},
		)
		return err
	}, "GET /v1/promotion_codes"},
	billing.RequestPortal: {func(ctx context.Context, s *budgetShop, replica int, id billing.AccountID, _ int) error {
		_, err := s.services[replica].Portal(ctx, id, checkout.PortalRequest{})
		return err
	}, "POST /v1/billing_portal/sessions"},
	billing.RequestTopUp: {func(ctx context.Context, s *budgetShop, replica int, id billing.AccountID, _ int) error {
		_, err := s.topUps[replica].Put(
			ctx, id, checkout.TopUpRequest{Enabled: true, Pack: "pack", Threshold: 5, MonthlyLimit: 1},
		)
		return err
	}, "GET /v1/customers/{customer}"},
	billing.RequestSubscription: {func(
		ctx context.Context, s *budgetShop, replica int, id billing.AccountID, _ int,
	) error {
		_, err := s.services[replica].Preview(ctx, id, checkout.ChangeRequest{Plan: "pro"})
		return err
	}, "POST /v1/invoices/create_preview"},
}

// Proves that of 60 concurrent requests of an account, sent through two replicas, no more reach Stripe than the budget
// of their kind allows. All others are told when to retry, and exactly then one more succeeds. This delays neither
// another kind nor another account.
func TestRequestBudgets(t *testing.T) {
	t.Parallel()
	eachBudgetShop(t, func(t *testing.T, s *budgetShop) {
		buyers, other := map[billing.RequestKind]billing.Account{}, s.buyer()
		for kind := range requests {
			buyers[kind] = s.buyer()
		}
		for kind, r := range requests {
			a := buyers[kind]
			s.stop(time.Hour) // all budgets are full, and no time passes
			budget, path := billing.RequestBudgets[kind], strings.ReplaceAll(
				r.stripe, "{customer}", string(a.CustomerID),
			)
			before := s.Gate.Asked(path)
			var mu sync.Mutex
			var waits []time.Duration
			var all sync.WaitGroup
			for n := range 60 {
				all.Go(func() {
					var e *billing.Error
					if err := r.ask(t.Context(), s, n%2, a.ID, n); errors.As(err, &e) && e.Code == billing.ETooMany {
						mu.Lock()
						waits = append(waits, e.RetryAfter)
						mu.Unlock()
					}
				})
			}
			all.Wait()
			// A preview also takes a sync, which has its own budget, so fewer than 20 previews may reach the invoice.
			if got := s.Gate.Asked(path) - before; got > budget.Burst ||
				kind != billing.RequestSubscription && got != budget.Burst || len(waits) < 60-budget.Burst {
				t.Errorf(
					"%s: of 60 requests %d reached Stripe and %d were refused, want %d and %d", kind, got, len(waits),
					budget.Burst, 60-budget.Burst,
				)
			}
			for _, wait := range waits {
				if wait <= 0 || wait > max(budget.Every, 10*time.Second) {
					t.Errorf("%s: come again in %s", kind, wait)
				}
			}
			if err := r.ask(t.Context(), s, 0, other.ID, 60); billing.CodeOf(err) == billing.ETooMany {
				t.Errorf("%s: another account was refused: %v", kind, err)
			}
			s.stop(budget.Every)
			if err := r.ask(t.Context(), s, 1, a.ID, 61); billing.CodeOf(err) == billing.ETooMany {
				t.Errorf("%s: refused when it was to come again: %v", kind, err)
			}
			if err := r.ask(t.Context(), s, 0, a.ID, 62); billing.CodeOf(err) != billing.ETooMany {
				t.Errorf("%s: two went through when one was due: %v", kind, err)
			}
		}
	})
}

// Proves that a repeat whose reply is in the database uses no budget, and works even when the budget is used up: the
// order of a key, a change that is done. A repeat that has to ask Stripe uses budget: a change that waits for its
// payment.
func TestRequestBudgetOfRepeats(t *testing.T) {
	t.Parallel()
	eachBudgetShop(t, func(t *testing.T, s *budgetShop) {
		a := s.buyer()
		s.stop(time.Hour)
		change := func(plan, key string) error {
			_, err := s.service.Change(t.Context(), a.ID, checkout.ChangeRequest{Plan: plan, Key: key})
			return err
		}
		must(t, change("pro", "done"))
		for range 2 * billing.RequestBudgets[billing.RequestCheckout].Burst {
			if _, replayed, err := s.service.Create(
				t.Context(), a.ID, checkout.Request{Item: "basic", Key: "first"},
			); err != nil || !replayed {
				t.Fatalf("the repeat of an order: %v", err)
			}
			must(t, change("pro", "done"))
		}
		s.decline(a)
		s.stop(time.Hour)
		paid := 0
		for range 30 {
			switch err := change("yearly", "waits"); billing.CodeOf(err) {
			case billing.EPaymentRequired:
				paid++
			case billing.ETooMany:
			default:
				t.Fatalf("got %v", err)
			}
		}
		if want := billing.RequestBudgets[billing.RequestSubscription].Burst; paid != want {
			t.Errorf("%d of 30 repeats asked Stripe, want %d", paid, want)
		}
	})
}

// Proves that repeats of a change that is cut off again and again use budget as well, because each of them asks Stripe.
func TestRequestBudgetOfCutOffs(t *testing.T) {
	t.Parallel()
	eachBudgetShop(t, func(t *testing.T, s *budgetShop) {
		a := s.buyer()
		s.stop(time.Hour)
		s.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				panic(http.ErrAbortHandler)
			}
			s.Gate.Stripe.ServeHTTP(out, r)
		})
		asked := 0
		for range 30 {
			_, err := s.service.Change(t.Context(), a.ID, checkout.ChangeRequest{Plan: "pro", Key: "cut"})
			switch billing.CodeOf(err) {
			case billing.EStripeUnavailable:
				asked++
			case billing.ETooMany:
			default:
				t.Fatalf("got %v", err)
			}
		}
		if want := billing.RequestBudgets[billing.RequestSubscription].Burst; asked != want {
			t.Errorf("%d of 30 repeats asked Stripe, want %d", asked, want)
		}
	})
}

// decline makes Stripe decline the customer's card from now on.
func (s *budgetShop) decline(a billing.Account) {
	s.t.Helper()
	method := s.Ask(
		http.MethodPost, "/v1/payment_methods/pm_card_chargeCustomerFail/attach",
		url.Values{"customer": {string(a.CustomerID)}},
	)
	s.Ask(
		http.MethodPost, "/v1/customers/"+string(a.CustomerID),
		url.Values{"invoice_settings[default_payment_method]": {method["id"].(string)}},
	)
	s.Ask(
		http.MethodPost, "/v1/subscriptions/"+string(a.Subscription.ID),
		url.Values{"default_payment_method": {method["id"].(string)}},
	)
}
