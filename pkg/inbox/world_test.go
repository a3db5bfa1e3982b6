package inbox_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/audit"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/housetest"
	"github.com/pointsync/pointsync/pkg/inbox"
	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/outbox"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

const secret = "whsec_test"

// world is a shop and one replica of ours.
type world struct {
	*shop
	t      *testing.T // the replica's test, which may be a subtest of the shop's
	db     *store.DB
	syncer *reconcile.Syncer
	jobs   *jobs.Runner
	inbox  *inbox.Inbox
}

// eachWorld runs a suite on both databases.
func eachWorld(t *testing.T, f func(w *world)) {
	t.Helper()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		s := newShop(t)
		f(s.replica(t, storetest.URL(t, dialect)))
	})
}

// replica wires the packages over a database as the program does. Its jobs do not run before start.
func (s *shop) replica(t *testing.T, databaseURL string) *world {
	t.Helper()
	db := s.Open(t, databaseURL)
	outbox.Attach(db, 0)
	w := &world{shop: s, t: t, db: db, syncer: s.Syncer(db, s.Stripe, slog.New(slog.DiscardHandler))}
	w.wire("whsec_other", secret)
	return w
}

// wire makes the inbox and registers all jobs.
func (w *world) wire(secrets ...string) {
	w.t.Helper()
	log := slog.New(slog.DiscardHandler)
	w.jobs = w.runner()
	w.inbox = inbox.New(inbox.Options{
		DB:               w.db,
		Stripe:           w.Stripe,
		Syncer:           w.syncer,
		Jobs:             w.jobs,
		Secrets:          secrets,
		Log:              log,
		BackfillInterval: w.backfill,
	})
	outbox.NewCourier(w.db, true, time.Now, log).RegisterJobs(w.jobs)
	ledger.RegisterJobs(w.jobs, w.db)
	w.syncer.RegisterJobs(w.jobs)
	audit.RegisterJobs(w.jobs, w.db, w.syncer, log)
}

// logging returns another inbox of the replica, which logs to a buffer, and the runner of its jobs.
func (w *world) logging(to *logBuffer, level slog.Level) (*inbox.Inbox, *jobs.Runner) {
	w.t.Helper()
	runner := w.runner()
	return inbox.New(inbox.Options{
		DB: w.db, Stripe: w.Stripe, Syncer: w.syncer, Jobs: runner, Secrets: []string{secret},
		Log: slog.New(slog.NewTextHandler(to, &slog.HandlerOptions{Level: level})),
	}), runner
}

func (w *world) runner() *jobs.Runner {
	w.t.Helper()
	r, err := jobs.New(w.db, slog.New(slog.DiscardHandler))
	must(w.t, err)
	return r
}

// start lets the jobs run until the test ends.
func (w *world) start(t *testing.T) {
	t.Helper()
	must(t, w.jobs.Start(t.Context()))
	t.Cleanup(func() { must(t, w.jobs.Stop(context.Background())) })
}

// insert makes rows of an account and its orders.
func (w *world) insert(a billing.Account, orders ...billing.Order) {
	w.t.Helper()
	ctx := context.Background()
	must(w.t, w.db.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.InsertAccount(ctx, a); err != nil {
			return err
		}
		for _, o := range orders {
			if err := tx.InsertOrder(ctx, o); err != nil {
				return err
			}
		}
		return nil
	}))
}

func (w *world) insertOrder(o billing.Order) {
	w.t.Helper()
	must(
		w.t,
		w.db.InTx(context.Background(), func(tx *store.Tx) error { return tx.InsertOrder(context.Background(), o) }),
	)
}

// buyer returns an account with a paid order of a pack. Only Stripe knows that it is paid.
func (w *world) buyer() (billing.Account, billing.Order) {
	w.t.Helper()
	a := w.draft()
	o := w.sell(a, "pack_100")
	w.insert(a, o)
	w.pay(o)
	return a, o
}

// yearly returns an account that has paid for the yearly plan, was synced, and has spent some points of its first
// month.
func (w *world) yearly(spends billing.Points) billing.Account {
	w.t.Helper()
	ctx, a := context.Background(), w.draft()
	o := w.sell(a, housetest.BasicYear.ID)
	w.insert(a, o)
	w.pay(o)
	_, err := w.syncer.Sync(ctx, a.ID, billing.CauseEvent)
	must(w.t, err)
	_, err = ledger.Spend(ctx, w.db, a.ID, ledger.SpendRequest{Amount: spends})
	must(w.t, err)
	return a
}

// deliver accepts a body that Stripe signed now.
func (w *world) deliver(body string) error {
	return w.inbox.Accept(context.Background(), []byte(body), signed(body, secret, w.Now()))
}

// signed returns the header that Stripe would send with a body.
func signed(body, secret string, at time.Time) string {
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp + "." + body))
	return "t=" + stamp + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// ring delivers an event that says little more than its customer.
func (w *world) ring(id string, customer billing.CustomerID) {
	w.t.Helper()
	must(w.t, w.deliver(eventOf(id, "customer.updated", fmt.Sprintf(`{"object":"customer","id":%q}`, customer))))
}

// eventOf returns an event's body.
func eventOf(id, kind, object string) string {
	return fmt.Sprintf(
		`{"id":%q,"object":"event","type":%q,"api_version":"2023-10-16","created":1700000000,"livemode":false,"data":{"object":%s}}`,
		id, kind, object,
	)
}

// event reads an event from the inbox.
func (w *world) event(id string) billing.InboxEvent {
	w.t.Helper()
	e, err := w.db.Event(context.Background(), billing.StripeEventID(id))
	must(w.t, err)
	return e
}

func (w *world) account(id billing.AccountID) billing.Account {
	w.t.Helper()
	a, err := w.db.Account(context.Background(), id)
	must(w.t, err)
	return a
}

// count returns the result of a query for one number.
func (w *world) count(query string) int { w.t.Helper(); return storetest.Count(w.t, w.db, query) }

// exec changes rows in ways that our code does not.
func (w *world) exec(statement string) { w.t.Helper(); storetest.Exec(w.t, w.db, statement) }

const (
	unfinishedJobs = "SELECT count(*) FROM river_job WHERE queue <> 'looks' AND finalized_at IS NULL"
	// eventJobs counts only the jobs of events. Other jobs, such as one that begins a walk, may run at any moment.
	eventJobs     = "SELECT count(*) FROM river_job WHERE kind IN ('sync', 'resolve') AND finalized_at IS NULL"
	pendingEvents = "SELECT count(*) FROM inbox_events WHERE status = 'pending'"
)

// waitIdle waits until every event is processed and no job is left. It goes on waiting as long as their number falls
// now and then.
func (w *world) waitIdle() {
	w.t.Helper()
	left := func() int { return w.count(pendingEvents) + w.count(unfinishedJobs) }
	for fewest := left(); fewest > 0; fewest = left() {
		storetest.WaitFor(w.t, "every event is answered and no job is left", func() bool { return left() < fewest })
	}
}

// wantStatus waits until an event has this status.
func (w *world) wantStatus(id string, status billing.InboxStatus) {
	w.t.Helper()
	storetest.WaitFor(w.t, id+" is "+string(status), func() bool { return w.event(id).Status == status })
}

// dump returns an account's rows without what differs from run to run: our ids, creation times, tickets.
func (w *world) dump(id billing.AccountID) string {
	w.t.Helper()
	var out strings.Builder
	for _, query := range []string{
		`SELECT id, customer_id, available, held, debt, unsettled, next_expiry, version, sub_id, sub_plan, sub_status, sub_period_start, sub_period_end,
			sub_cancels, window_from, window_until, invoices_since FROM accounts WHERE id = '%s'`,
		`SELECT id, item, status, checkout_id, url, payment_intent_id, subscription_id, fulfilled_at IS NULL FROM orders WHERE account_id = '%s' ORDER BY checkout_id`,
		`SELECT grant_key, source, granted, remaining, clawed_back, expires_at FROM lots WHERE account_id = '%s' ORDER BY grant_key`,
		`SELECT e.seq, e.kind, e.amount, e.balance_after, e.description, l.grant_key FROM entries e LEFT JOIN lots l ON l.id = e.lot_id
			WHERE e.account_id = '%s' ORDER BY e.seq`,
	} {
		out.WriteString(storetest.Dump(w.t, w.db, fmt.Sprintf(query, id)))
	}
	return out.String()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
