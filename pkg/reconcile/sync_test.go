package reconcile_test

import (
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves that a paid pack is fulfilled once, however many syncs run at once and one after the other, on two replicas.
func TestFulfilledOnce(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a := w.buyer()
		o := w.order(a, "pack_100")
		w.sync(a)
		if got := w.orderNow(o); got.Status != billing.OrderPending || got.URL == "" {
			w.t.Errorf("before it was paid the order is %+v", got)
		}
		w.pay(o)
		w.syncTogether(a, 8)
		w.sync(a)
		if got := w.orderNow(o); got.Status != billing.OrderFulfilled || got.URL != "" || got.PaymentIntentID == "" ||
			got.FulfilledAt == nil {
			w.t.Errorf("after it was paid the order is %+v", got)
		}
		w.wantPoints(a.ID, 100, 0)
		if entries := w.entries(a); len(entries) != 1 {
			w.t.Errorf("%d entries: %+v", len(entries), entries)
		}
	})
}

// Proves that a refund claws back its share of the points that the money bought, once, and that points already spent
// become debt.
func TestRefundTakesBack(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a := w.buyer()
		o := w.order(a, "pack_100") // 100 points for 500
		w.pay(o)
		w.sync(a)
		intent := string(w.orderNow(o).PaymentIntentID)
		refund := func(amount int) {
			w.Ask(
				http.MethodPost, "/v1/refunds",
				url.Values{"payment_intent": {intent}, "amount": {strconv.Itoa(amount)}},
			)
			w.sync(a)
			w.sync(a)
		}
		refund(100)
		w.wantPoints(a.ID, 80, 0)
		if got := w.orderNow(o).Status; got != billing.OrderFulfilled {
			w.t.Errorf("a part went back and the order is %s", got)
		}
		_, err := ledger.Spend(w.t.Context(), w.db, a.ID, ledger.SpendRequest{Amount: 50})
		must(w.t, err)
		refund(400)
		w.wantPoints(a.ID, 0, 50)
		if got := w.orderNow(o).Status; got != billing.OrderRefunded {
			w.t.Errorf("all went back and the order is %s", got)
		}
		w.pay(w.order(a, "pack_100"))
		w.sync(a)
		w.wantPoints(a.ID, 50, 0) // the debt is paid first
	})
}

// Proves a subscription's life: its first period, and a renewal that replaces what was left. Then a renewal fails and
// leaves points and window for the grace. The recovery, the refund of that period and the end follow.
func TestSubscriptionLife(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, id := w.subscriber()
		w.wantPoints(a.ID, 500, 0)
		w.wantStatus(a, billing.SubActive, true)
		_, err := ledger.Spend(w.t.Context(), w.db, a.ID, ledger.SpendRequest{Amount: 200})
		must(w.t, err)

		w.renew(a)
		w.wantPoints(a.ID, 500, 0)
		w.wantStatus(a, billing.SubActive, true)

		w.useCard(id, "pm_card_chargeCustomerFail")
		w.renew(a)
		w.wantStatus(a, billing.SubPastDue, true)
		w.wantPoints(a.ID, 500, 0)
		w.Advance(policy.PastDueGrace)
		w.sync(a)
		w.wantStatus(a, billing.SubPastDue, false)
		w.wantPoints(a.ID, 0, 0)

		w.useCard(id, "pm_card_visa")
		invoice := w.Ask(http.MethodGet, "/v1/subscriptions/"+id, nil)["latest_invoice"].(string)
		intent := w.Ask(http.MethodPost, "/v1/invoices/"+invoice+"/pay", nil)["payment_intent"].(string)
		w.sync(a)
		w.wantStatus(a, billing.SubActive, true)
		w.wantPoints(a.ID, 500, 0)

		w.Ask(http.MethodPost, "/v1/refunds", url.Values{"payment_intent": {intent}, "amount": {"450"}})
		w.sync(a)
		w.wantPoints(a.ID, 250, 0)

		w.Ask(http.MethodDelete, "/v1/subscriptions/"+id, nil)
		w.sync(a)
		w.sync(a)
		w.wantStatus(a, billing.SubCanceled, false)
		w.wantPoints(a.ID, 0, 0)
	})
}

// Proves that a customer who was deleted at Stripe loses the subscription and the period's points, and keeps points
// that were bought without expiry. A Stripe that never knew the customer (the key of another account) takes nothing
// from anyone.
func TestCustomerGone(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, _ := w.subscriber()
		w.pay(w.order(a, "pack_100"))
		w.sync(a)
		w.wantPoints(a.ID, 600, 0)

		stranger := newWorld(w.t, store.SQLite)
		w.Gate.Intercept(stranger.Gate.Stripe.ServeHTTP)
		if _, err := w.syncer.Sync(
			w.t.Context(), a.ID, billing.CauseEvent,
		); billing.CodeOf(err) != billing.EStripeRefused {
			w.t.Errorf("a Stripe without the customer: %v", err)
		}
		w.wantStatus(a, billing.SubActive, true)
		w.Gate.Open()

		w.Ask(http.MethodDelete, "/v1/customers/"+string(a.CustomerID), nil)
		w.sync(a)
		w.wantStatus(a, billing.SubCanceled, false)
		w.wantPoints(a.ID, 100, 0)
	})
}

// Proves that an order whose page expired is given up.
func TestPageRunsOut(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		o := w.order(w.buyer(), "pack_100")
		w.Advance(25 * time.Hour)
		w.sync(w.account(o.AccountID))
		if got := w.orderNow(o); got.Status != billing.OrderExpired || got.URL != "" {
			w.t.Errorf("the order is %+v", got)
		}
		w.wantPoints(o.AccountID, 0, 0)
	})
}

// Proves that a sync that cannot be applied leaves nothing behind: no ticket applied, no order changed, no entry.
func TestApplyIsOneTransaction(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a := w.buyer()
		o := w.order(a, "pack_100")
		w.pay(o)
		breaks, mends := "ALTER TABLE orders ADD CONSTRAINT broken CHECK (status = 'pending')", "ALTER TABLE orders DROP CONSTRAINT broken"
		if w.db.Dialect() == store.SQLite {
			breaks, mends = "CREATE TRIGGER broken BEFORE UPDATE ON orders BEGIN SELECT RAISE(ABORT, 'broken'); END", "DROP TRIGGER broken"
		}
		storetest.Exec(w.t, w.db, breaks) // orders are written after points
		if applied, err := w.syncer.Sync(w.t.Context(), a.ID, billing.CauseEvent); applied || err == nil {
			w.t.Errorf("applied %v, %v", applied, err)
		}
		storetest.Exec(w.t, w.db, mends)
		if got := w.account(a.ID).Sync; got.TicketIssued != 1 || got.TicketApplied != 0 {
			w.t.Errorf("tickets %+v", got)
		}
		w.wantPoints(a.ID, 0, 0)
		w.sync(a)
		w.wantPoints(a.ID, 100, 0)
	})
}

// renew moves the clock past the end of the period and the hour in which Stripe drafts the invoice, and syncs.
func (w *world) renew(a billing.Account) {
	w.t.Helper()
	w.Advance(w.account(a.ID).Subscription.CurrentPeriodEnd.Sub(w.Now()) + 90*time.Minute)
	w.sync(a)
}

func (w *world) useCard(subscription, card string) {
	w.t.Helper()
	w.Ask(http.MethodPost, "/v1/subscriptions/"+subscription, url.Values{"default_payment_method": {card}})
}

// wantStatus compares the subscription, and whether the present time is inside its window.
func (w *world) wantStatus(a billing.Account, status billing.SubscriptionStatus, inside bool) {
	w.t.Helper()
	s := w.account(a.ID).Subscription
	if s.Status != status || s.Window.Contains(w.Now()) != inside {
		w.t.Errorf("the subscription is %s with window %+v, want %s and inside: %v", s.Status, s.Window, status, inside)
	}
}

func (w *world) entries(a billing.Account) []billing.Entry {
	w.t.Helper()
	entries, err := w.db.Entries(w.t.Context(), a.ID, "", 100)
	must(w.t, err)
	return entries
}
