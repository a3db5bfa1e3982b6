package account

import (
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

// TestSpendOfDueMonth proves the case that a spend inside the window lacks points and a month of a paid year is due.
// The spend's one sync grants the month before the job does, and the month's points can then be spent. A spend that has
// enough points causes no sync.
func TestSpendOfDueMonth(t *testing.T) {
	t.Parallel()
	for _, dialect := range storetest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			var offset atomic.Int64
			now := func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
			db := storetest.OpenURL(t, storetest.URL(t, dialect), now)
			s, stripe, customer := yearly(t, db, now)
			in, err := s.Register(t.Context(), "ada@example.com", password)
			must(t, err)
			must(
				t,
				db.InTx(
					t.Context(),
					func(tx *store.Tx) error { return tx.SetCustomer(t.Context(), in.Account.ID, customer) },
				),
			)
			c, err := s.tokens.Parse(in.Token)
			must(t, err)
			first, err := s.Spend(t.Context(), c, ledger.SpendRequest{Amount: 100}) // outside of a window: it syncs
			must(t, err)
			due := first.Account.Sync.NextGrantAt
			if first.Account.Available != 400 || due == nil {
				t.Fatalf("the first month: %+v, %+v", first.Account.Balance, first.Account.Sync)
			}
			late := due.Sub(now()) + time.Second
			sandboxtest.Advance(t, stripe, late)
			offset.Add(int64(late))
			raw, err := s.Mint(t.Context(), first.Account, c)
			must(t, err)
			c, err = s.tokens.Parse(raw)
			must(t, err)
			if !c.InWindow(now()) {
				t.Fatal("now is outside of the window of a paid year")
			}
			for _, spend := range []struct {
				amount, left, syncs billing.Points
			}{{10, 390, 1}, {450, 50, 2}, {50, 0, 2}} {
				got, err := s.Spend(t.Context(), c, ledger.SpendRequest{Amount: spend.amount})
				if err != nil || got.Account.Available != spend.left || got.Stale {
					t.Errorf("a spend of %d: %+v, %v", spend.amount, got.Account.Balance, err)
				}
				var syncs billing.Points
				must(
					t,
					db.SQL().QueryRowContext(
						t.Context(), "SELECT count(*) FROM syncs WHERE cause = 'spend'",
					).Scan(&syncs),
				)
				if syncs != spend.syncs {
					t.Errorf("after a spend of %d there were %d syncs", spend.amount, syncs)
				}
			}
			must(t, ledger.Audit(t.Context(), db, in.Account.ID))
		})
	}
}

// yearly returns a service in a shop with a yearly plan that grants by the month. It also returns the address of its
// Stripe, and a customer there who has paid for the plan.
func yearly(t *testing.T, db *store.DB, now func() time.Time) (*Service, string, billing.CustomerID) {
	t.Helper()
	local, err := sandbox.New(sandbox.Options{})
	must(t, err)
	server := httptest.NewServer(local.Handler())
	t.Cleanup(func() { server.Close(); must(t, local.Close()) })
	gateway, err := stripegw.New(
		stripegw.Options{Key: sandboxtest.Key, BaseURL: server.URL, HTTPClient: server.Client(), Now: now},
	)
	must(t, err)
	items := &catalog.Catalog{Plans: []billing.Plan{
		{
			ID:            "basic_year",
			Name:          "Basic, by the year",
			Amount:        9000,
			Currency:      "usd",
			Interval:      "year",
			GrantInterval: "month",
			Points:        500,
		},
	}}
	_, err = gateway.EnsureCatalog(t.Context(), items)
	must(t, err)
	keys, err := token.ParseKeys(token.GenerateKey("test"))
	must(t, err)
	syncer := reconcile.New(
		db, gateway, items, reconcile.Policy{PastDueGrace: 72 * time.Hour, RenewalGrace: 2 * time.Hour},
		slog.New(slog.DiscardHandler),
	)
	s, err := New(db, token.NewIssuer(keys, "pointsync", "pointsync", now), syncer)
	must(t, err)

	price, err := gateway.Price(t.Context(), "basic_year")
	must(t, err)
	ask := func(path string, form url.Values) string {
		return sandboxtest.Ask(t, server.URL, http.MethodPost, path, form)["id"].(string)
	}
	customer := ask("/v1/customers", nil)
	method := ask("/v1/payment_methods/pm_card_visa/attach", url.Values{"customer": {customer}})
	ask(
		"/v1/subscriptions",
		url.Values{"customer": {customer}, "items[0][price]": {string(price)}, "default_payment_method": {method}},
	)
	return s, server.URL, billing.CustomerID(customer)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
