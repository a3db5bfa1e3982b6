package account

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/sandbox"
	"github.com/pointsync/pointsync/pkg/sandbox/sandboxtest"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
	"github.com/pointsync/pointsync/pkg/stripegw"
	"github.com/pointsync/pointsync/pkg/token"
)

// renewed is a customer with 500 points of a month. No event reported the next renewal, and the next period began three
// hours ago.
type renewed struct {
	t      *testing.T
	s      *Service
	id     billing.AccountID
	claims token.Claims // of a window that lasts a month from now
	down   atomic.Bool  // whether Stripe is unreachable
	clock  func(time.Duration)
}

// renews makes a customer with a renewal by the given card that no sync has seen.
func renews(t *testing.T, dialect store.Dialect, card string) *renewed {
	t.Helper()
	var offset atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
	local, err := sandbox.New(sandbox.Options{})
	must(t, err)
	r := &renewed{t: t}
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		if r.down.Load() {
			http.Error(out, "{}", http.StatusServiceUnavailable)
			return
		}
		local.Handler().ServeHTTP(out, in)
	}))
	t.Cleanup(func() { server.Close(); must(t, local.Close()) })
	db := storetest.OpenURL(t, storetest.URL(t, dialect), now)
	gateway, err := stripegw.New(
		stripegw.Options{
			Key: sandboxtest.Key, BaseURL: server.URL, HTTPClient: server.Client(), Now: now, MaxRetries: -1,
		},
	)
	must(t, err)
	_, err = gateway.EnsureCatalog(t.Context(), catalog.Default())
	must(t, err)
	keys, err := token.ParseKeys(token.GenerateKey("test"))
	must(t, err)
	syncer := reconcile.New(
		db, gateway, catalog.Default(), reconcile.Policy{PastDueGrace: 72 * time.Hour, RenewalGrace: 2 * time.Hour},
		slog.New(slog.DiscardHandler),
	)
	r.s, err = New(db, token.NewIssuer(keys, "pointsync", "pointsync", now), syncer)
	must(t, err)
	in, err := r.s.Register(t.Context(), "ada@example.com", password)
	must(t, err)
	r.id = in.Account.ID
	customer, err := gateway.CreateCustomer(t.Context(), r.id, in.Account.Email, "")
	must(t, err)
	must(t, db.InTx(t.Context(), func(tx *store.Tx) error { return tx.SetCustomer(t.Context(), r.id, customer) }))
	price, err := gateway.Price(t.Context(), "basic_monthly")
	must(t, err)
	ask := func(method, path string, form url.Values) map[string]any {
		return sandboxtest.Ask(t, server.URL, method, path, form)
	}
	attach := func(card string) string {
		return ask(
			http.MethodPost, "/v1/payment_methods/"+card+"/attach", url.Values{"customer": {string(customer)}},
		)["id"].(string)
	}
	bought := ask(http.MethodPost, "/v1/subscriptions", url.Values{
		"customer": {string(customer)}, "items[0][price]": {string(price)},
		"default_payment_method": {attach("pm_card_visa")},
	})["id"].(string)
	_, err = syncer.Sync(t.Context(), r.id, billing.CauseEvent)
	must(t, err)
	a, err := db.Account(t.Context(), r.id)
	must(t, err)
	ask(http.MethodPost, "/v1/subscriptions/"+bought, url.Values{"default_payment_method": {attach(card)}})
	r.clock = func(d time.Duration) {
		sandboxtest.Advance(t, server.URL, d)
		offset.Add(int64(d))
	}
	r.clock(a.Subscription.CurrentPeriodEnd.Sub(now()) + 3*time.Hour)
	a.Subscription.Window = &billing.Window{From: now().Add(-time.Hour), Until: now().AddDate(0, 1, 0)}
	raw, err := r.s.Mint(t.Context(), a, token.Claims{Account: r.id, Login: in.login})
	must(t, err)
	r.claims, err = r.s.tokens.Parse(raw)
	must(t, err)
	if !r.claims.InWindow(now()) {
		t.Fatal("now is outside the window")
	}
	return r
}

func (r *renewed) want(available billing.Points) {
	r.t.Helper()
	got, err := r.s.Read(r.t.Context(), r.claims)
	if err != nil || got.Account.Available != available {
		r.t.Errorf("%d points (%v), want %d", got.Account.Available, err, available)
	}
}

func eachDialect(t *testing.T, f func(t *testing.T, dialect store.Dialect)) {
	t.Helper()
	for _, dialect := range storetest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			f(t, dialect)
		})
	}
}

// TestReadBeforeSync proves that a read before the sync takes away nothing that the sync keeps. A renewal failed, or
// was paid, and its event is late. The 500 points are shown. A spend of 10 inside the window syncs first. If the
// renewal failed, 490 of them are left, which last for 72 hours. If it was paid, the old ones are replaced, and 490 of
// the new ones are left.
func TestReadBeforeSync(t *testing.T) {
	t.Parallel()
	for _, card := range []string{"pm_card_chargeCustomerFail", "pm_card_mastercard"} {
		t.Run(card, func(t *testing.T) {
			t.Parallel()
			eachDialect(t, func(t *testing.T, dialect store.Dialect) {
				r := renews(t, dialect, card)
				r.want(500)
				r.want(500)
				spent, err := r.s.Spend(t.Context(), r.claims, ledger.SpendRequest{Amount: 10})
				if err != nil || spent.Account.Available != 490 || spent.Stale {
					t.Fatalf("%+v, stale %v, %v", spent.Account.Balance, spent.Stale, err)
				}
				r.want(490)
				r.clock(60 * time.Hour)
				r.want(490)
				must(t, ledger.Audit(t.Context(), r.s.db, r.id))
			})
		})
	}
}

// TestOverdueWaitsForStripe proves that overdue points are neither lost nor spent while Stripe is unreachable, or while
// the account's budget for syncs is used up. A spend and a hold that need them are told to retry. Requests for which
// other points suffice succeed. When Stripe is back, all points are there.
func TestOverdueWaitsForStripe(t *testing.T) {
	t.Parallel()
	eachDialect(t, func(t *testing.T, dialect store.Dialect) {
		r := renews(t, dialect, "pm_card_chargeCustomerFail")
		must(t, r.s.db.InTx(t.Context(), func(tx *store.Tx) error {
			a, err := tx.LockAccount(t.Context(), r.id)
			if err != nil {
				return err
			}
			_, _, err = ledger.Grant(t.Context(), tx, a, billing.Grant{Key: "admin:1", Source: "admin", Amount: 50})
			return err
		}))
		r.down.Store(true)
		for n := range 7 { // the last ones have no budget left
			_, err := r.s.Spend(t.Context(), r.claims, ledger.SpendRequest{Amount: 60})
			if e := new(billing.Error); billing.CodeOf(err) != billing.EStripeUnavailable || !errors.As(err, &e) ||
				e.RetryAfter <= 0 {
				t.Errorf("spend %d: %v, want %s", n+1, err, billing.EStripeUnavailable)
			}
			if _, err := r.s.Hold(
				t.Context(), r.claims, ledger.HoldRequest{Amount: 60, TTL: time.Hour},
			); billing.CodeOf(err) != billing.EStripeUnavailable {
				t.Errorf("hold %d: %v, want %s", n+1, err, billing.EStripeUnavailable)
			}
		}
		if spent, err := r.s.Spend(
			t.Context(), r.claims, ledger.SpendRequest{Amount: 50},
		); err != nil || spent.Account.Available != 500 {
			t.Errorf("a spend of other points: %+v, %v", spent.Account.Balance, err)
		}
		r.want(500)
		r.down.Store(false)
		r.clock(time.Minute) // restores some of the budget
		if spent, err := r.s.Spend(
			t.Context(), r.claims, ledger.SpendRequest{Amount: 500},
		); err != nil || spent.Account.Available != 0 {
			t.Errorf("with Stripe back: %+v, %v", spent.Account.Balance, err)
		}
		must(t, ledger.Audit(t.Context(), r.s.db, r.id))
	})
}
