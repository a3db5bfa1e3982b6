package reconcile_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// accountIs returns a gateway to a Stripe that only knows the account of its key. It returns the account with that id,
// or a refusal with that status.
func accountIs(t *testing.T, id string, status int, key string) *stripegw.Gateway {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/account" {
			t.Errorf("asked for %s", r.URL)
		}
		out.WriteHeader(status)
		_, _ = out.Write([]byte(`{"id":"` + id + `","object":"account","error":{"type":"invalid_request_error"}}`))
	}))
	t.Cleanup(server.Close)
	g, err := stripegw.New(stripegw.Options{Key: key, BaseURL: server.URL, HTTPClient: server.Client(), MaxRetries: -1})
	must(t, err)
	return g
}

// Proves that a database belongs to the first Stripe account and mode that it met, and that another one is refused by
// name. A key that may not read the account is compared by its mode, and does not tie an untied database. If Stripe is
// unreachable, nothing is decided.
func TestLink(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		for _, step := range []struct {
			name, id, key string
			status        int
			want          billing.Code
			says          []string
		}{
			{"RestrictedFirst", "", "rk_test_1", 403, "", nil},
			{"First", "acct_one", "sk_test_1", 200, "", nil},
			{"Again", "acct_one", "sk_test_2", 200, "", nil},
			{"Restricted", "", "rk_test_1", 403, "", nil},
			{
				"Another", "acct_two", "sk_test_1", 200, billing.EConflict,
				[]string{"acct_one in test mode", "acct_two in test mode", "stripe unlink"},
			},
			{"Away", "acct_two", "sk_test_1", 500, billing.EStripeUnavailable, nil},
			{"KeyRefused", "acct_two", "sk_test_1", 401, billing.EStripeRefused, nil},
			{"StillTheFirst", "acct_one", "sk_test_1", 200, "", nil},
		} {
			_, err := reconcile.Link(t.Context(), db, accountIs(t, step.id, step.status, step.key))
			if billing.CodeOf(err) != step.want {
				t.Errorf("%s: %v, want %q", step.name, err, step.want)
			}
			for _, text := range step.says {
				if err == nil || !strings.Contains(err.Error(), text) {
					t.Errorf("%s: %v does not say %q", step.name, err, text)
				}
			}
		}
		if l, err := db.StripeLink(t.Context()); err != nil || l != (billing.StripeLink{AccountID: "acct_one"}) {
			t.Errorf("%+v, %v", l, err)
		}
	})
}

// Proves that the mode is compared. Points of a rehearsal are not spent in production with a key of the same account.
// Nor are they spent with a key that may not read the account. A live key only works with the real Stripe, so here the
// database is the live one.
func TestLinkOfAnotherMode(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		must(t, db.InTx(t.Context(), func(tx *store.Tx) error {
			return tx.SaveStripeLink(t.Context(), billing.StripeLink{AccountID: "acct_one", Livemode: true})
		}))
		for _, status := range []int{200, 403} {
			_, err := reconcile.Link(t.Context(), db, accountIs(t, "acct_one", status, "sk_test_1"))
			if billing.CodeOf(err) != billing.EConflict || !strings.Contains(err.Error(), "acct_one in live mode") {
				t.Errorf("status %d: %v", status, err)
			}
		}
	})
}

// Proves that an untied database keeps its points and history, belongs to the next Stripe account, and sells there. The
// account has 100 points of a pack and 500 of a plan. The database is untied, the account buys 100 points at another
// sandbox, and it has 700. Its plan is gone.
func TestUnlink(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		ctx := w.t.Context()
		a, _ := w.subscriber()
		w.pay(w.order(a, "pack_100"))
		w.sync(a)
		w.order(a, "pack_1000") // never paid
		_, err := reconcile.Link(ctx, w.db, w.Stripe)
		must(w.t, err)
		other := newWorld(w.t, store.SQLite)
		if _, err := reconcile.Link(ctx, w.db, other.Stripe); billing.CodeOf(err) != billing.EConflict {
			w.t.Errorf("another sandbox: %v", err)
		}
		n, err := w.db.Linked(ctx)
		if want := (billing.Unlinked{Customers: 1, Subscriptions: 1, Orders: 1}); err != nil || n != want {
			w.t.Errorf("%+v, %v; want %+v", n, err, want)
		}
		must(w.t, w.db.InTx(ctx, func(tx *store.Tx) error { return tx.UnlinkStripe(ctx) }))
		w.wantPoints(a.ID, 600, 0)
		if got := w.account(a.ID); got.CustomerID != "" || got.Subscription != nil {
			w.t.Errorf("%q, %+v", got.CustomerID, got.Subscription)
		}
		if n, err := w.db.Linked(ctx); err != nil || n != (billing.Unlinked{}) {
			w.t.Errorf("left: %+v, %v", n, err)
		}
		w.House = other.House
		w.syncer = w.newSyncer()
		if _, err := reconcile.Link(ctx, w.db, w.Stripe); err != nil {
			w.t.Errorf("the other sandbox: %v", err)
		}
		customer, err := w.Stripe.CreateCustomer(ctx, a.ID, a.Email, "")
		must(w.t, err)
		must(w.t, w.db.InTx(ctx, func(tx *store.Tx) error { return tx.SetCustomer(ctx, a.ID, customer) }))
		a = w.account(a.ID)
		w.pay(w.order(a, "pack_100"))
		w.sync(a)
		w.wantPoints(a.ID, 700, 0)
		if drift, err := w.syncer.Drift(ctx, a.ID); err != nil || len(drift) != 0 {
			w.t.Errorf("the comparison finds %+v, %v", drift, err)
		}
	})
}
