package checkout_test

import (
	"log/slog"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
	"github.com/pointsync/pointsync/pkg/housetest"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

const coolOff = 10 * time.Minute

// tops is a shop with top-ups on two replicas. A test may change the catalogue between two runs.
type tops struct {
	*shop
	replicas [2]*checkout.TopUps
	url      string // of the database
}

// eachTops runs a suite on both databases.
func eachTops(t *testing.T, f func(t *testing.T, s *tops)) {
	t.Helper()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		f(t, newTops(t, dialect))
	})
}

func newTops(t *testing.T, dialect store.Dialect) *tops {
	t.Helper()
	s := &tops{url: storetest.URL(t, dialect)}
	s.shop = newShop(t, s.url, housetest.Options{})
	s.wire()
	// What a test does within three days is within one month, which the limits count by.
	if _, next := billing.MonthOf(s.Now()); next.Sub(s.Now()) < 3*24*time.Hour {
		s.Advance(next.Sub(s.Now()))
	}
	return s
}

// wire makes the replicas, with the house's policy.
func (s *tops) wire() {
	s.t.Helper()
	for i := range s.replicas {
		db, gateway, log := s.Open(s.t, s.url), s.Gateway(), slog.New(slog.DiscardHandler)
		s.syncer = s.Syncer(db, gateway, log)
		s.replicas[i] = checkout.NewTopUps(db, gateway, s.Catalog, s.syncer, coolOff, log)
	}
}

// buyer returns an account with 100 points and a card that is saved but not the default.
func (s *tops) buyer() billing.Account {
	s.t.Helper()
	a := storetest.NewAccount(s.t, s.db)
	s.pay(s.order(a.ID, checkout.Request{Item: "pack_100", SaveMethod: true}))
	return s.account(a.ID)
}

func (s *tops) account(id billing.AccountID) billing.Account {
	s.t.Helper()
	a, err := s.db.Account(s.t.Context(), id)
	must(s.t, err)
	return a
}

// wish is a top-up of 100 points for 5 dollars as soon as there are fewer than 50.
var wish = checkout.TopUpRequest{Enabled: true, Pack: "pack_100", Threshold: 50, MonthlyLimit: 10}

// low returns a buyer whose top-up is due: 40 points are left, fewer than the 50 of wish.
func (s *tops) low() billing.Account {
	s.t.Helper()
	a := s.buyer()
	s.put(a.ID, wish)
	s.spend(a.ID, 60)
	return a
}

func (s *tops) put(id billing.AccountID, w checkout.TopUpRequest) {
	s.t.Helper()
	_, err := s.replicas[0].Put(s.t.Context(), id, w)
	must(s.t, err)
}

func (s *tops) get(id billing.AccountID) checkout.TopUpState {
	s.t.Helper()
	t, err := s.replicas[0].Get(s.t.Context(), id)
	must(s.t, err)
	return *t
}

func (s *tops) spend(id billing.AccountID, n billing.Points) {
	s.t.Helper()
	_, err := ledger.Spend(s.t.Context(), s.db, id, ledger.SpendRequest{Amount: n})
	must(s.t, err)
}

func (s *tops) run() { s.t.Helper(); must(s.t, s.replicas[0].Run(s.t.Context())) }

// automatic lists the automatic orders, newest first.
func (s *tops) automatic(id billing.AccountID) (found []billing.Order) {
	s.t.Helper()
	orders, err := s.db.Orders(s.t.Context(), id, "", 100)
	must(s.t, err)
	for _, o := range orders {
		if o.Automatic {
			found = append(found, o)
		}
	}
	return found
}

// intents lists the payments of automatic orders at Stripe. Those of pages have no off-session item in their metadata.
func (s *tops) intents() (found []map[string]any) {
	s.t.Helper()
	for _, i := range s.list("/v1/payment_intents") {
		if i["metadata"].(map[string]any)[billing.MetadataItem] != nil {
			found = append(found, i)
		}
	}
	return found
}

// card makes a test card the customer's default.
func (s *tops) card(a billing.Account, name string) string {
	s.t.Helper()
	id := s.Ask(
		http.MethodPost, "/v1/payment_methods/"+name+"/attach", url.Values{"customer": {string(a.CustomerID)}},
	)["id"].(string)
	s.Ask(
		http.MethodPost, "/v1/customers/"+string(a.CustomerID),
		url.Values{"invoice_settings[default_payment_method]": {id}},
	)
	return id
}

// untilRetried moves the clock to when an order that could not be charged a moment ago is retried.
func (s *tops) untilRetried() { s.t.Helper(); s.Advance(time.Minute) }

// isCharge reports whether a request to Stripe charges a saved card.
func isCharge(r *http.Request) bool {
	return r.Method == http.MethodPost && r.URL.Path == "/v1/payment_intents"
}
