package account

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/housetest"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// oldShop is a house whose Stripe has the subscribers of another system. Each has paid two months of 7.00 usd, which
// began at the same time, at a price that the other system made and an operator adopted as one of basic_monthly.
type oldShop struct {
	*housetest.House
	t     *testing.T
	db    *store.DB
	price string
	ids   map[string]billing.CustomerID // by name
	cut   time.Time
}

// newOldShop returns a shop on a new database. Each subscriber is a name and the form of the customer.
func newOldShop(t *testing.T, dialect store.Dialect, subscribers map[string]url.Values) *oldShop {
	t.Helper()
	s := &oldShop{House: housetest.New(t, housetest.Options{}), t: t, ids: map[string]billing.CustomerID{}}
	s.db = s.Open(t, storetest.URL(t, dialect))
	s.price = s.newPrice()
	for name, form := range subscribers {
		s.customer(name, form)
		s.subscribe(name, s.price)
	}
	s.Advance(32 * 24 * time.Hour)
	plan, _ := s.Catalog.Plan("basic_monthly")
	_, err := s.Stripe.AdoptPrice(t.Context(), billing.PriceID(s.price), plan, true)
	must(t, err)
	s.cut = s.Now().Truncate(time.Second) // as the command does
	return s
}

func (s *oldShop) newPrice() string {
	product := s.Ask(http.MethodPost, "/v1/products", url.Values{"name": {"Old"}})["id"].(string)
	return s.Ask(http.MethodPost, "/v1/prices", url.Values{"product": {product}, "currency": {"usd"},
		"unit_amount": {"700"}, "recurring[interval]": {"month"}})["id"].(string)
}

func (s *oldShop) customer(name string, form url.Values) {
	s.ids[name] = billing.CustomerID(s.Ask(http.MethodPost, "/v1/customers", form)["id"].(string))
}

func (s *oldShop) subscribe(name, price string) {
	customer := string(s.ids[name])
	card := s.Ask(http.MethodPost, "/v1/payment_methods/pm_card_visa/attach", url.Values{"customer": {customer}})
	s.Ask(http.MethodPost, "/v1/subscriptions", url.Values{"customer": {customer}, "items[0][price]": {price},
		"default_payment_method": {card["id"].(string)}})
}

// importer returns an Import into a database, with opening balances by name.
func (s *oldShop) importer(db *store.DB, balances map[string]OpeningBalance) *Import {
	i := &Import{
		DB: db, Stripe: s.Stripe, Syncer: s.Syncer(db, s.Stripe, slog.New(slog.DiscardHandler)),
		CutOver: billing.CutOver{At: s.cut}, ExternalID: "external_id",
		Balances: map[billing.CustomerID]OpeningBalance{},
		Wait:     func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}
	for name, b := range balances {
		i.Balances[s.ids[name]] = b
	}
	return i
}

// run runs an import and returns a line for each customer: the outcome, the reason or the points.
func (s *oldShop) run(i *Import) map[string]string {
	s.t.Helper()
	lines := map[string]string{}
	must(s.t, i.Run(s.t.Context(), func(Read) {}, func(done Imported) error {
		line := fmt.Sprintf("%s %d+%d", done.Outcome, done.Granted, done.Opening)
		if done.Outcome == ImportSkipped {
			line = string(done.Reason)
		}
		if done.Outcome == ImportFailed {
			line = "failed"
		}
		lines[s.nameOf(done.Customer)] = strings.TrimSuffix(line, " 0+0")
		return nil
	}))
	return lines
}

func (s *oldShop) nameOf(id billing.CustomerID) string {
	for name, one := range s.ids {
		if one == id {
			return name
		}
	}
	return string(id)
}

// row returns the account of a customer.
func (s *oldShop) row(name string) (a billing.Account) {
	s.t.Helper()
	must(s.t, s.db.InTx(s.t.Context(), func(tx *store.Tx) (err error) {
		a, err = tx.LockAccountByCustomer(s.t.Context(), s.ids[name])
		return err
	}))
	return a
}

// wantPoints returns the account of a customer, which must have this many points, and be as Stripe and the ledger say.
func (s *oldShop) wantPoints(name string, points billing.Points) billing.Account {
	s.t.Helper()
	a := s.row(name)
	must(s.t, ledger.Audit(s.t.Context(), s.db, a.ID))
	drift, err := s.Syncer(s.db, s.Stripe, slog.New(slog.DiscardHandler)).Drift(s.t.Context(), a.ID)
	if err != nil || len(drift) > 0 || a.Available != points {
		s.t.Errorf("%s has %d points, want %d; drift %v (%v)", name, a.Available, points, drift, err)
	}
	return a
}

var errKilled = errors.New("killed")
