package reconcile_test

import (
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/housetest"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

var policy = housetest.Policy

const (
	// picture is how many lists a fetch asks for if no order is open: subscriptions, invoices, charges.
	picture = 3
	// fetch is the request that each fetch makes once.
	fetch = "GET /v1/subscriptions"
)

// world is the house of one test, with one database. No webhook comes, so the database learns about Stripe only through
// syncs.
type world struct {
	*housetest.House
	t      *testing.T
	db     *store.DB
	syncer *reconcile.Syncer
	lived  int // how many accounts have lived a recorded life again
}

// eachWorld runs a suite on both databases.
func eachWorld(t *testing.T, f func(w *world)) {
	t.Helper()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		f(newWorld(t, dialect))
	})
}

func newWorld(t *testing.T, dialect store.Dialect) *world {
	t.Helper()
	return worldOf(t, dialect, housetest.Options{})
}

func worldOf(t *testing.T, dialect store.Dialect, o housetest.Options) *world {
	t.Helper()
	w := &world{House: housetest.New(t, o), t: t}
	w.db = w.Open(t, storetest.URL(t, dialect))
	w.syncer = w.newSyncer()
	return w
}

func (w *world) newSyncer() *reconcile.Syncer {
	return w.Syncer(w.db, w.Stripe, slog.New(slog.DiscardHandler))
}

// sell makes c what the shop sells from now on.
func (w *world) sell(c *catalog.Catalog) {
	w.t.Helper()
	w.Sell(c)
	w.syncer = w.newSyncer()
}

// buyer returns an account with a customer at Stripe.
func (w *world) buyer() billing.Account {
	w.t.Helper()
	a := storetest.NewAccount(w.t, w.db)
	customer, err := w.Stripe.CreateCustomer(w.t.Context(), a.ID, a.Email, "")
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
	o.ID, o.AccountID, o.Quantity, o.Status, o.CreatedAt =
		billing.NewOrderID(w.db.Now()), a.ID, 1, billing.OrderPending, w.db.Now()
	o.SuccessURL, o.CancelURL = "https://shop.example/ok", "https://shop.example/no"
	price, err := w.Stripe.Price(ctx, o.Item)
	must(w.t, err)
	page, err := w.Stripe.CreateCheckout(
		ctx, stripegw.NewCheckout{Order: o, Customer: a.CustomerID, Price: price, TrialDays: days},
	)
	must(w.t, err)
	o.CheckoutID, o.URL = page.ID, page.URL
	must(w.t, w.db.InTx(ctx, func(tx *store.Tx) error { return tx.InsertOrder(ctx, o) }))
	return o
}

func (w *world) pay(o billing.Order) map[string]any {
	w.t.Helper()
	return w.Ask(
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
