package checkout_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/checkout"
	"github.com/pointsync/pointsync/pkg/housetest"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// plans is a catalogue with plans to change between.
const plans = `
currency: usd
plans:
  - {id: basic, name: Basic, amount: 900, interval: month, points: 500}
  - {id: pro, name: Pro, amount: 1900, interval: month, points: 1200}
  - {id: team, name: Team, amount: 1000, interval: month, points: 600, max_quantity: 20}
  - {id: yearly, name: Yearly, amount: 9000, interval: year, points: 14000}
  - {id: try, name: Try, amount: 1200, interval: month, points: 700, trial_days: 14, trial_points: 50}
  - {id: euro, name: Euro, amount: 900, interval: month, points: 500, currency: eur}
  - {id: euro_pro, name: Euro Pro, amount: 1900, interval: month, points: 1200, currency: eur}
  - {id: euro_year, name: Euro Year, amount: 9000, interval: year, points: 14000, currency: eur}
  - {id: euro_try, name: Euro Try, amount: 1200, interval: month, points: 700, currency: eur, trial_days: 14,
     trial_points: 50}
packs:
  - {id: pack, name: Pack, amount: 500, points: 100}
`

// planShop is a shop of plans. Its gateway does not retry by itself.
type planShop struct{ *shop }

func eachPlanShop(t *testing.T, f func(t *testing.T, s *planShop)) {
	t.Helper()
	eachShopOf(t, housetest.Options{Catalog: planItems(t)}, func(t *testing.T, s *shop) { f(t, &planShop{s}) })
}

func planItems(t *testing.T) *catalog.Catalog {
	t.Helper()
	items, err := catalog.Parse(strings.NewReader(plans))
	must(t, err)
	return items
}

// subscriber returns an account that has paid for a plan, synced ten days later.
func (s *planShop) subscriber(plan string, quantity int64) billing.Account {
	s.t.Helper()
	return s.buy(storetest.NewAccount(s.t, s.db).ID, checkout.Request{Item: plan, Quantity: quantity})
}

func (s *planShop) change(id billing.AccountID, r checkout.ChangeRequest) billing.Account {
	s.t.Helper()
	c, err := s.service.Change(s.t.Context(), id, r)
	must(s.t, err)
	return c.Account
}

// refused requires an error with a code.
func (s *planShop) refused(err error, code billing.Code) {
	s.t.Helper()
	if billing.CodeOf(err) != code {
		s.t.Errorf("got %v, want %s", err, code)
	}
}

// owed requires that a change waits for a payment, and returns the page where it is made.
func (s *planShop) owed(err error) string {
	s.t.Helper()
	var unpaid *checkout.PaymentRequired
	if !errors.As(err, &unpaid) || billing.CodeOf(err) != billing.EPaymentRequired ||
		!strings.HasPrefix(unpaid.URL, "http") {
		s.t.Fatalf("got %v, want a page to pay at", err)
	}
	return unpaid.URL
}

// wants compares the subscription and the points, and audits the account and compares it with Stripe.
func (s *planShop) wants(a billing.Account, state string, available billing.Points) {
	s.t.Helper()
	must(s.t, ledger.Audit(s.t.Context(), s.db, a.ID))
	a, err := s.db.Account(s.t.Context(), a.ID)
	must(s.t, err)
	if got := stateOf(a.Subscription); got != state || a.Available != available {
		s.t.Errorf("it is %q with %d points, want %q with %d", got, a.Available, state, available)
	}
	if _, pending, err := s.db.PendingChange(s.t.Context(), a.ID); pending || err != nil {
		s.t.Errorf("a change is still pending, %v", err)
	}
	drift, err := s.syncer.Drift(s.t.Context(), a.ID)
	must(s.t, err)
	if len(drift) > 0 {
		s.t.Errorf("Stripe says otherwise: %+v", drift)
	}
}

// stateOf describes a subscription in a few words.
func stateOf(sub *billing.Subscription) string {
	words := []string{string(sub.Status), sub.Plan}
	if sub.Quantity != 1 {
		words = append(words, "×", string(rune('0'+sub.Quantity)))
	}
	if sub.CancelAtPeriodEnd {
		words = append(words, "ends")
	}
	if next := sub.Scheduled; next != nil {
		words = append(words, "then", next.Plan)
		if next.Quantity != 1 {
			words = append(words, "×", string(rune('0'+next.Quantity)))
		}
	}
	return strings.Join(words, " ")
}

// of returns the account's objects of one kind at Stripe.
func (s *planShop) of(path string, a billing.Account) (mine []map[string]any) {
	s.t.Helper()
	for _, o := range s.Ask(http.MethodGet, path+"?limit=100&customer="+string(a.CustomerID), nil)["data"].([]any) {
		mine = append(mine, o.(map[string]any))
	}
	return mine
}

// card makes another card the default of an account's subscription.
func (s *planShop) card(a billing.Account, method string) {
	s.t.Helper()
	form := url.Values{"customer": {string(a.CustomerID)}}
	id := s.Ask(http.MethodPost, "/v1/payment_methods/"+method+"/attach", form)["id"].(string)
	s.Ask(http.MethodPost, "/v1/subscriptions/"+string(a.Subscription.ID), url.Values{"default_payment_method": {id}})
}

// browse posts a form to a page of Stripe's as a customer does. It follows no redirect, because the shop that it leads
// to does not exist.
func (s *planShop) browse(page string, form url.Values) {
	s.t.Helper()
	stays := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := stays.PostForm(page, form)
	must(s.t, err)
	must(s.t, resp.Body.Close())
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusSeeOther {
		s.t.Fatalf("%s answers %d", page, resp.StatusCode)
	}
}

func typed(number string) url.Values {
	return url.Values{"card_number": {number}, "exp": {"12/60"}, "cvc": {"123"}, "name": {"Jo"}}
}

// cutAt makes the n-th request to Stripe fail, before it arrives or after it had its effect, and returns how many came.
func (s *planShop) cutAt(n int64, late bool) *atomic.Int64 {
	seen := new(atomic.Int64)
	s.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
		if seen.Add(1) != n {
			s.Gate.Stripe.ServeHTTP(out, r)
			return
		}
		if late {
			s.Gate.Stripe.ServeHTTP(httptest.NewRecorder(), r)
		}
		panic(http.ErrAbortHandler)
	})
	return seen
}
