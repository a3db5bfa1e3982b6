package account

import (
	"log/slog"
	"net/http"
	"net/url"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/housetest"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
	"github.com/pointsync/pointsync/pkg/token"
)

const password = "correct horse battery"

// newService returns a Service that never asks Stripe in these tests. No password is refused because others take long.
func newService(t testing.TB, db *store.DB) *Service {
	t.Helper()
	return newServiceOf(t, db, nil)
}

func newServiceOf(t testing.TB, db *store.DB, syncer *reconcile.Syncer) *Service {
	t.Helper()
	keys, err := token.ParseKeys(token.GenerateKey("test"))
	must(t, err)
	tokens := token.NewIssuer(keys, "pointsync", "pointsync", db.Now)
	s, err := New(Options{
		DB: db, Tokens: tokens, Receipts: token.NewReceipts(tokens, "pointsync/receipts"), Syncer: syncer,
		Catalog: catalog.Default(), KeyRate: 200,
	})
	must(t, err)
	s.hashers.patience = 0
	return s
}

// world is a Service in a house, with an account that has a customer at Stripe.
type world struct {
	*housetest.House
	t        *testing.T
	db       *store.DB
	s        *Service
	syncer   *reconcile.Syncer
	id       billing.AccountID
	customer billing.CustomerID
	claims   token.Claims // of the account's last token
}

// newWorld returns a world that sells items; nil means the default catalogue.
func newWorld(t *testing.T, dialect store.Dialect, items *catalog.Catalog) *world {
	t.Helper()
	w := &world{House: housetest.New(t, housetest.Options{Catalog: items}), t: t}
	w.db = w.Open(t, storetest.URL(t, dialect))
	w.syncer = w.Syncer(w.db, w.Stripe, slog.New(slog.DiscardHandler))
	w.s = newServiceOf(t, w.db, w.syncer)
	in, err := w.s.Register(t.Context(), "ada@example.com", password)
	must(t, err)
	w.id = in.Account.ID
	w.claims, err = w.s.tokens.Parse(in.Token)
	must(t, err)
	w.customer, err = w.Stripe.CreateCustomer(t.Context(), w.id, in.Account.Email, "")
	must(t, err)
	must(t, w.db.InTx(t.Context(), func(tx *store.Tx) error { return tx.SetCustomer(t.Context(), w.id, w.customer) }))
	return w
}

// attach makes a test card the customer's.
func (w *world) attach(card string) string {
	w.t.Helper()
	form := url.Values{"customer": {string(w.customer)}}
	return w.Ask(http.MethodPost, "/v1/payment_methods/"+card+"/attach", form)["id"].(string)
}

// subscribe pays for a plan at Stripe and returns the subscription's id. The database does not know of it yet.
func (w *world) subscribe(item string) string {
	w.t.Helper()
	price, err := w.Stripe.Price(w.t.Context(), item)
	must(w.t, err)
	return w.Ask(http.MethodPost, "/v1/subscriptions", url.Values{
		"customer": {string(w.customer)}, "items[0][price]": {string(price)},
		"default_payment_method": {w.attach("pm_card_visa")},
	})["id"].(string)
}

// mint replaces the token by one of a, whose window must contain now.
func (w *world) mint(a billing.Account) {
	w.t.Helper()
	raw, err := w.s.Mint(w.t.Context(), a, w.claims)
	must(w.t, err)
	w.claims, err = w.s.tokens.Parse(raw)
	must(w.t, err)
	if !w.claims.InWindow(w.Now()) {
		w.t.Fatal("now is outside the window")
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
