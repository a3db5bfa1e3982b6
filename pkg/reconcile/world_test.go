package reconcile_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
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
)

const stripeKey = sandboxtest.Key

var policy = reconcile.Policy{PastDueGrace: 72 * time.Hour, RenewalGrace: 2 * time.Hour}

// world is a database and a local Stripe of one test, with a gate between them. No webhook comes, so the database
// learns only by syncs. Both sides use the sandbox's time, unless the test brings a clock for the database.
type world struct {
	t       *testing.T
	db      *store.DB
	stripe  *stripegw.Gateway
	syncer  *reconcile.Syncer
	sandbox string // past the gate
	gate    *gate
	policy  reconcile.Policy
	offset  atomic.Int64 // how far the sandbox's clock is from the machine's
	lived   int          // how many accounts have repeated a recorded life
}

// eachWorld runs a suite on both databases.
func eachWorld(t *testing.T, f func(w *world)) {
	t.Helper()
	for _, dialect := range storetest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			f(newWorld(t, dialect, nil))
		})
	}
}

// newWorld wires the packages as the program does. If now is nil, it uses the sandbox's clock.
func newWorld(t *testing.T, dialect store.Dialect, now func() time.Time) *world {
	t.Helper()
	local, err := sandbox.New(sandbox.Options{})
	must(t, err)
	w := &world{t: t, gate: &gate{next: local.Handler()}, policy: policy}
	direct, gated := httptest.NewServer(local.Handler()), httptest.NewServer(w.gate)
	t.Cleanup(func() { gated.Close(); direct.Close(); must(t, local.Close()) })
	w.sandbox = direct.URL
	if now == nil {
		now = w.now
	}
	w.db = storetest.OpenURL(t, storetest.URL(t, dialect), now)
	w.stripe, err = stripegw.New(
		stripegw.Options{Key: stripeKey, BaseURL: gated.URL, HTTPClient: gated.Client(), Now: now, MaxRetries: -1},
	)
	must(t, err)
	_, err = w.stripe.EnsureCatalog(t.Context(), catalog.Default())
	must(t, err)
	w.syncer = w.newSyncer()
	return w
}

func (w *world) newSyncer() *reconcile.Syncer {
	return reconcile.New(w.db, w.stripe, catalog.Default(), w.policy, slog.New(slog.DiscardHandler))
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.offset.Load())) }

// advance moves the one clock. When it returns, whatever falls due at Stripe by then has happened.
func (w *world) advance(d time.Duration) {
	w.t.Helper()
	sandboxtest.Advance(w.t, w.sandbox, d)
	w.offset.Add(int64(d))
}

// ask sends a form directly to the sandbox, without the gate, as Stripe's own tools do.
func (w *world) ask(method, path string, form url.Values) map[string]any {
	w.t.Helper()
	return sandboxtest.Ask(w.t, w.sandbox, method, path, form)
}

// buyer returns an account with a customer at Stripe.
func (w *world) buyer() billing.Account {
	w.t.Helper()
	a := storetest.NewAccount(w.t, w.db)
	customer, err := w.stripe.CreateCustomer(w.t.Context(), a.ID, a.Email, "")
	must(w.t, err)
	must(
		w.t,
		w.db.InTx(w.t.Context(), func(tx *store.Tx) error { return tx.SetCustomer(w.t.Context(), a.ID, customer) }),
	)
	return w.account(a.ID)
}

// order returns an order of an item with its page at Stripe, not yet paid.
func (w *world) order(a billing.Account, item string) billing.Order {
	w.t.Helper()
	c, o := catalog.Default(), billing.Order{Item: item}
	if plan, ok := c.Plan(item); ok {
		o.Kind, o.Points, o.Amount, o.Currency = billing.KindPlan, plan.Points, plan.Amount, plan.Currency
	} else if pack, ok := c.Pack(item); ok {
		o.Kind, o.Points, o.Amount, o.Currency = billing.KindPack, pack.Points, pack.Amount, pack.Currency
	}
	return w.orderAs(a, o)
}

// orderAs opens the page of an order whose item and price are given.
func (w *world) orderAs(a billing.Account, o billing.Order) billing.Order {
	w.t.Helper()
	return w.orderWithTrial(a, o, 0)
}

// orderWithTrial is orderAs for a plan that begins with a trial of this many days.
func (w *world) orderWithTrial(a billing.Account, o billing.Order, days int64) billing.Order {
	w.t.Helper()
	ctx := w.t.Context()
	o.ID, o.AccountID, o.Quantity, o.Status, o.CreatedAt = billing.NewOrderID(w.db.Now()), a.ID, 1, billing.OrderPending, w.db.Now()
	o.SuccessURL, o.CancelURL = "https://shop.example/ok", "https://shop.example/no"
	price, err := w.stripe.Price(ctx, o.Item)
	must(w.t, err)
	page, err := w.stripe.CreateCheckout(
		ctx, stripegw.NewCheckout{Order: o, Customer: a.CustomerID, Price: price, TrialDays: days},
	)
	must(w.t, err)
	o.CheckoutID, o.URL = page.ID, page.URL
	must(w.t, w.db.InTx(ctx, func(tx *store.Tx) error { return tx.InsertOrder(ctx, o) }))
	return o
}

func (w *world) pay(o billing.Order) map[string]any {
	w.t.Helper()
	return w.ask(
		http.MethodPost, "/v1/payment_pages/"+string(o.CheckoutID)+"/confirm",
		url.Values{"payment_method": {"pm_card_visa"}},
	)
}

// subscriber returns a buyer who has paid for a plan, and whose subscription the database knows.
func (w *world) subscriber() (billing.Account, string) {
	w.t.Helper()
	a := w.buyer()
	subscription := w.pay(w.order(a, "basic_monthly"))["subscription"].(string)
	w.sync(a)
	return w.account(a.ID), subscription
}

// sync syncs and requires that the sync is applied.
func (w *world) sync(a billing.Account) {
	w.t.Helper()
	applied, err := w.syncer.Sync(w.t.Context(), a.ID, billing.CauseEvent)
	must(w.t, err)
	if !applied {
		w.t.Fatal("the sync was not applied")
	}
}

// syncTogether syncs n times at once, alternating between two replicas.
func (w *world) syncTogether(a billing.Account, n int) {
	w.t.Helper()
	replicas := []*reconcile.Syncer{w.syncer, w.newSyncer()}
	var syncs sync.WaitGroup
	for i := range n {
		syncs.Go(func() {
			if _, err := replicas[i%2].Sync(w.t.Context(), a.ID, billing.CauseEvent); err != nil {
				w.t.Error(err)
			}
		})
	}
	syncs.Wait()
}

func (w *world) account(id billing.AccountID) billing.Account {
	w.t.Helper()
	a, err := w.db.Account(w.t.Context(), id)
	must(w.t, err)
	return a
}

func (w *world) orderNow(o billing.Order) billing.Order {
	w.t.Helper()
	o, err := w.db.Order(w.t.Context(), o.AccountID, o.ID)
	must(w.t, err)
	return o
}

// wantPoints compares the account's points, and audits the account.
func (w *world) wantPoints(id billing.AccountID, available, debt billing.Points) {
	w.t.Helper()
	must(w.t, ledger.Audit(w.t.Context(), w.db, id))
	if a := w.account(id); a.Available != available || a.Debt != debt {
		w.t.Errorf("%d points are available and %d owed, want %d and %d", a.Available, a.Debt, available, debt)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
