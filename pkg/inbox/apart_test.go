package inbox_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/outbox"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// ofAccounts lists the tables whose rows belong to an account. An event has rows before its account is known, so it is
// stored with the jobs, and so is the record of its replay.
func (w *world) ofAccounts() (tables []string) {
	w.t.Helper()
	rows, err := w.db.SQL().QueryContext(context.Background(), `SELECT table_name FROM information_schema.columns
		WHERE table_schema = 'public' AND column_name = 'account_id'
		AND table_name NOT IN ('inbox_events', 'system_actions')`)
	must(w.t, err)
	defer rows.Close()
	for rows.Next() {
		var table string
		must(w.t, rows.Scan(&table))
		tables = append(tables, table)
	}
	must(w.t, rows.Err())
	if len(tables) < 10 {
		w.t.Fatalf("only %v belong to accounts: does the test look at the right tables?", tables)
	}
	return append(tables, "accounts")
}

// sharing counts the rows of accounts that were written by the transaction of a job. PostgreSQL stores in xmin which
// transaction wrote a row last.
func (w *world) sharing() (n int) {
	w.t.Helper()
	for _, table := range w.ofAccounts() {
		n += w.count("SELECT count(*) FROM " + table + " WHERE xmin::text IN (SELECT xmin::text FROM river_job)")
	}
	return n
}

// Proves on PostgreSQL that no transaction writes both a job and a row of an account. If accounts are spread over
// nodes, one of the two could be committed without the other. The test takes every way to a job: an event, one that is
// not routed, its resolving, a replay, points that fall due or expire, a delivery. No job runs by itself, so each row
// of river_job is as its transaction left it.
func TestJobsAreWrittenApart(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	w := s.replica(t, storetest.URL(t, store.Postgres))
	ctx := t.Context()
	hook, _ := w.endpoint(nil)
	courier := outbox.NewCourier(w.db, true, time.Now, slog.New(slog.DiscardHandler))
	a, o := w.buyer()
	renews := w.draft()
	plan := w.sell(renews, "basic_monthly")
	w.insert(renews, plan)
	subscription := w.pay(plan)["subscription"].(string)
	_, err := w.syncer.Sync(ctx, renews.ID, billing.CauseEvent)
	must(t, err)
	step := func(what string, more int, do func() error) {
		t.Helper()
		before := w.count("SELECT count(*) FROM river_job")
		must(t, do())
		if n := w.count("SELECT count(*) FROM river_job") - before; n < more {
			t.Errorf("%s: %d jobs, want %d", what, n, more)
		}
		if n := w.sharing(); n != 0 {
			t.Errorf("%s: %d rows of accounts were written with a job", what, n)
		}
	}
	step("an event", 1, func() error { w.ring("evt_1", a.CustomerID); return nil })
	refund := fmt.Sprintf(`{"object":"refund","id":%q}`, w.refund(o))
	step(
		"an event that names no customer", 1,
		func() error { return w.deliver(eventOf("evt_2", "refund.created", refund)) },
	)
	w.Advance(20 * time.Second)
	// A sweep in which the refund's event is routed after the account's sync.
	step("a sweep", 0, func() error { return w.inbox.Sweep(ctx) })
	_, err = w.syncer.Sync(ctx, a.ID, billing.CauseEvent)
	must(t, err)
	step("a replay", 1, func() error { return w.inbox.Replay(ctx, "evt_1", "", "test") })
	now := w.Now().UTC().Truncate(time.Microsecond)
	w.park(a, billing.Parking{Approved: true, EndedAt: &now}, &now)
	step("points that fell due", 1, func() error { return w.syncer.LookForDue(ctx, w.jobs) })
	w.Ask(
		http.MethodPost, "/v1/subscriptions/"+subscription,
		url.Values{"default_payment_method": {"pm_card_chargeCustomerFail"}},
	)
	w.Advance(w.account(renews.ID).NextExpiry.Sub(w.Now()) + time.Minute)
	step("points that ran out", 1, func() error { return w.syncer.LookForExpired(ctx, w.jobs) })
	_, err = ledger.Spend(ctx, w.db, w.rich(), ledger.SpendRequest{Amount: 1})
	must(t, err)
	step("a delivery", 1, func() error { return courier.Call(ctx, w.jobs) })
	if hook.ID == "" || w.count("SELECT count(*) FROM deliveries") == 0 {
		t.Error("nothing is to be delivered")
	}
}
