package reconcile_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// wantDrift compares the kinds of drift that an account has.
func (w *world) wantDrift(a billing.Account, want ...billing.DriftKind) {
	w.t.Helper()
	found, err := w.syncer.Drift(w.t.Context(), a.ID)
	must(w.t, err)
	var got []string
	for _, d := range found {
		got = append(got, string(d.Kind))
	}
	var wanted []string
	for _, k := range want {
		wanted = append(wanted, string(k))
	}
	if strings.Join(got, " ") != strings.Join(wanted, " ") {
		w.t.Errorf("got %q, want %q: %v", got, wanted, found)
	}
}

// repaired repairs an account, and requires that exactly this drift is left.
func (w *world) repaired(a billing.Account, left ...billing.DriftKind) {
	w.t.Helper()
	rest, err := w.syncer.Repair(w.t.Context(), a.ID)
	must(w.t, err)
	if len(rest) != len(left) {
		w.t.Errorf("left: %v, want %v", rest, left)
	}
	w.wantDrift(a, left...)
	must(w.t, ledger.Audit(w.t.Context(), w.db, a.ID))
}

// Proves that a synced account has no drift. Whatever happens at Stripe without a sync shows as drift, without changing
// anything, and a repair leaves none: a purchase, a refund, a failed renewal, the end.
func TestDriftOfALife(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a := w.buyer()
		w.wantDrift(a)
		id := w.pay(w.order(a, "basic_monthly"))["subscription"].(string)
		pack := w.order(a, "pack_100")
		w.pay(pack)
		w.wantDrift(
			a, billing.DriftMissing, billing.DriftOrder, billing.DriftOrder, billing.DriftGrant, billing.DriftGrant,
		)
		w.wantPoints(a.ID, 0, 0)
		w.repaired(a)
		w.wantPoints(a.ID, 600, 0)

		intent := string(w.orderNow(pack).PaymentIntentID)
		w.Ask(http.MethodPost, "/v1/refunds", url.Values{"payment_intent": {intent}, "amount": {"100"}})
		w.wantDrift(a, billing.DriftClawback)
		w.repaired(a)
		w.wantPoints(a.ID, 580, 0)

		w.useCard(id, "pm_card_chargeCustomerFail")
		w.renew(a)
		w.wantDrift(a)
		w.Advance(policy.PastDueGrace)
		w.wantDrift(a)
		w.Ask(http.MethodDelete, "/v1/subscriptions/"+id, nil)
		w.wantDrift(a, billing.DriftStatus, billing.DriftPointsExpiry)
		w.repaired(a)
		w.Ask(http.MethodDelete, "/v1/customers/"+string(a.CustomerID), nil)
		w.wantDrift(a)
	})
}

// Proves that a repair finds what no sync reads any more: a payment long before the watermark whose points were never
// granted.
func TestRepairBehindTheWatermark(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, _ := w.subscriber()
		lots, err := w.db.AllLots(w.t.Context(), a.ID)
		must(w.t, err)
		for range 3 {
			w.renew(a)
		}
		w.wantDrift(a)
		storetest.Exec(w.t, w.db, fmt.Sprintf(`UPDATE lots SET grant_key = 'lost' WHERE id = '%s'`, lots[0].ID))
		w.sync(a)
		w.wantDrift(a, billing.DriftGrant)
		w.repaired(a)
		if _, granted, err := w.db.LotByGrant(w.t.Context(), a.ID, lots[0].GrantKey); err != nil || !granted {
			w.t.Errorf("granted: %v, %v", granted, err)
		}
		if now, err := ledger.Current(w.t.Context(), w.db, a.ID); err != nil || now.Available != 500 {
			w.t.Errorf("%d points, %v: those of a period long over run out at once", now.Available, err)
		}
	})
}

// Proves that what only a person can repair is left, and reported again: two subscriptions that bill, and points that
// no one paid for. Also proves that a difference in a single row is repaired.
func TestRepairLeaves(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a := w.buyer()
		one, two := w.order(a, "basic_monthly"), w.order(a, "basic_monthly")
		w.pay(one)
		w.pay(two)
		w.sync(a)
		storetest.Change(w.t, w.db, a.ID, func(ctx context.Context, tx *store.Tx, locked billing.Account) error {
			_, _, err := ledger.Grant(
				ctx, tx, locked, billing.Grant{Key: "stripe:invoice:in_nowhere:il_1", Source: "x", Amount: 5},
			)
			return err
		})
		storetest.Exec(w.t, w.db, fmt.Sprintf(
			`UPDATE accounts SET sub_plan = 'pro_monthly', window_until = window_from WHERE id = '%s'`, a.ID,
		))
		w.wantDrift(a, billing.DriftPrice, billing.DriftSecond, billing.DriftPayment)
		w.repaired(a, billing.DriftSecond, billing.DriftPayment)
	})
}

// Proves that if Stripe does not reply, or never knew the customer, the comparison returns an error and no drift, and
// changes nothing. An account without a customer has no drift.
func TestDriftUntold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, store.Postgres)
	a, _ := w.subscriber()
	before := w.account(a.ID)
	w.Gate.Refuse()
	if found, err := w.syncer.Drift(t.Context(), a.ID); billing.CodeOf(err) != billing.EStripeUnavailable ||
		found != nil {
		t.Errorf("Stripe away: %v, %v", found, err)
	}
	w.Gate.Intercept(newWorld(t, store.SQLite).Gate.Stripe.ServeHTTP)
	if found, err := w.syncer.Drift(t.Context(), a.ID); billing.CodeOf(err) != billing.EStripeRefused || found != nil {
		t.Errorf("another Stripe: %v, %v", found, err)
	}
	w.Gate.Open()
	if after := w.account(a.ID); after.Version != before.Version ||
		after.Sync.TicketIssued != before.Sync.TicketIssued {
		t.Errorf("a comparison changed the account: %+v", after)
	}
	if left, err := w.syncer.Repair(t.Context(), storetest.NewAccount(t, w.db).ID); err != nil || left != nil {
		t.Errorf("without a customer: %v, %v", left, err)
	}
}

// Proves that a comparison starts over if the account is synced while it runs. Its picture is older than the database,
// and the difference between the two is no drift.
func TestDriftDuringSync(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, id := w.subscriber()
		h := w.Gate.Hold(string(a.CustomerID))
		type result struct {
			found []billing.Drift
			err   error
		}
		slow := make(chan result, 1)
		go func() {
			found, err := w.syncer.Drift(context.Background(), a.ID)
			slow <- result{found, err}
		}()
		h.Wait(w.t, picture)
		w.Gate.Pass(string(a.CustomerID))
		w.Ask(http.MethodPost, "/v1/subscriptions/"+id, url.Values{"cancel_at_period_end": {"true"}})
		w.sync(a)
		h.Release()
		if r := <-slow; r.err != nil || len(r.found) != 0 {
			w.t.Errorf("found %v, %v", r.found, r.err)
		}
	})
}

// Proves that an account that is synced several times in a row is compared afterwards.
func TestDriftOfBusyAccount(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, _ := w.subscriber()
		var syncs atomic.Int32
		w.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v1/subscriptions" && syncs.Add(1) <= 3 { // the comparison's own request
				err := w.db.InTx(r.Context(), func(tx *store.Tx) error {
					return tx.IssueTicket(r.Context(), a.ID, tx.Now)
				})
				if err != nil {
					w.t.Error(err)
				}
			}
			w.Gate.Stripe.ServeHTTP(out, r)
		})
		w.wantDrift(a)
	})
}
