package audit_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/audit"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// breaks are rows that our code never writes. Each statement breaks one rule for one account. $ACC is replaced by the
// account's id.
var breaks = map[string][]string{
	"balance":     nil, // the schema refuses it: TestConstraints
	"entries-sum": {`UPDATE accounts SET available = available + 1, unsettled = unsettled - 1 WHERE id = '$ACC'`},
	"entries-chain": {
		`UPDATE entries SET balance_after = balance_after + 1 WHERE account_id = '$ACC' AND kind = 'spend'`,
	},
	"lots-sum": {`UPDATE accounts SET unsettled = unsettled + 1 WHERE id = '$ACC'`},
	"held-sum": {`UPDATE holds SET amount = amount + 1 WHERE account_id = '$ACC'`},
	"hold-parts": {
		`UPDATE hold_parts SET points = points + 1 WHERE hold_id IN (SELECT id FROM holds WHERE account_id = '$ACC')`,
	},
	"next-expiry": {
		`UPDATE holds SET expires_at = '2029-12-31T00:00:00.000000Z' WHERE account_id = '$ACC' AND status = 'active'`,
		`UPDATE accounts SET next_expiry = NULL WHERE id = '$ACC'`,
		`UPDATE lots SET expires_at = '2031-05-01T00:00:00.000000Z' WHERE account_id = '$ACC' AND expires_at IS NOT NULL`,
	},
	"window": {`UPDATE accounts SET sub_status = 'unpaid' WHERE id = '$ACC'`},
	"ended-points": {
		`UPDATE accounts SET sub_status = 'canceled', window_from = NULL, window_until = NULL WHERE id = '$ACC'`,
	},
	"order-times": {
		`UPDATE orders SET fulfilled_at = NULL WHERE account_id = '$ACC' AND kind = 'pack'`,
		`UPDATE orders SET status = 'pending' WHERE account_id = '$ACC' AND kind = 'plan'`,
	},
	"order-grant": {
		`UPDATE lots SET grant_key = 'stripe:invoice:in_9' WHERE account_id = '$ACC' AND substr(grant_key, 1, 15) = 'stripe:checkout'`,
		`UPDATE lots SET grant_key = 'stripe:invoice:in_9' WHERE account_id = '$ACC' AND substr(grant_key, 1, 21) = 'stripe:payment_intent'`,
		`UPDATE orders SET points = points + 1 WHERE account_id = '$ACC' AND kind = 'pack'`,
	},
	"grant-order": {
		`UPDATE orders SET status = 'expired', fulfilled_at = NULL WHERE account_id = '$ACC' AND kind = 'pack'`,
		`UPDATE orders SET status = 'failed', fulfilled_at = NULL WHERE account_id = '$ACC' AND automatic`,
	},
	"lot-entries": {
		`UPDATE lots SET clawed_back = clawed_back + 1 WHERE account_id = '$ACC'`,
		`UPDATE lots SET granted = granted + 1 WHERE account_id = '$ACC' AND expires_at IS NOT NULL`,
		`UPDATE entries SET lot_id = NULL WHERE account_id = '$ACC' AND kind = 'grant'`,
	},
	"event-ticket": {
		`UPDATE inbox_events SET ticket = 9 WHERE account_id = '$ACC' AND status = 'processed'`,
		`UPDATE inbox_events SET ticket = NULL WHERE account_id = '$ACC' AND status = 'processed'`,
	},
	"event-job": {
		`UPDATE inbox_events SET received_at = '2029-12-31T00:00:00.000000Z' WHERE account_id = '$ACC' AND status = 'pending'`,
	},
	"outgoing-job": {
		`UPDATE deliveries SET created_at = '2029-12-31T00:00:00.000000Z' WHERE account_id = '$ACC'`,
	},
}

// TestRules proves that an account with a normal life breaks no rule. If one row breaks a rule, the audit reports it
// for that account and for no other.
func TestRules(t *testing.T) {
	t.Parallel()
	for rule, statements := range breaks {
		for n, statement := range statements {
			t.Run(rule, func(t *testing.T) {
				t.Parallel()
				storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
					before, broken, after := live(t, db, "1"), live(t, db, "2"), live(t, db, "3")
					clock.Advance(time.Second)
					if found := all(t, db, 2); len(found) != 0 {
						t.Fatalf("of sound accounts: %v", found)
					}
					storetest.Exec(t, db, strings.ReplaceAll(statement, "$ACC", string(broken.ID)))
					found := all(t, db, 2)
					if !slices.ContainsFunc(found, func(v billing.Violation) bool { return v.Rule == rule }) {
						t.Errorf("statement %d: the rule %s is not among %v", n, rule, found)
					}
					for _, v := range found {
						if v.Account != broken.ID || v.Account == before.ID || v.Account == after.ID || v.Detail == "" {
							t.Errorf("of a sound account: %v", v)
						}
					}
				})
			})
		}
	}
}

// TestEventWithoutAccount proves that an event that waits for its account is also found if its job is lost, and only
// once. An event that has a job is not reported.
func TestEventWithoutAccount(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		a := storetest.NewAccount(t, db)
		storetest.NewAccount(t, db)
		write(t, db, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.InsertEvent(ctx, event("evt_lost", "", billing.InboxPending, tx.Now))
			return err
		})
		if found := all(t, db, 1); len(found) != 0 {
			t.Errorf("an event just received: %v", found)
		}
		clock.Advance(time.Hour)
		if found := all(t, db, 1); len(found) != 1 || found[0].Rule != "event-job" || found[0].Account != "" {
			t.Errorf("found %v", found)
		}
		insertJob(t, db, "resolve", `{"event":"evt_lost"}`)
		write(t, db, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.InsertEvent(ctx, event("evt_waits", a.ID, billing.InboxPending, tx.Now.Add(-time.Hour)))
			return err
		})
		insertJob(t, db, "sync", `{"account":"`+string(a.ID)+`","after_ticket":0}`)
		if found := all(t, db, 1); len(found) != 0 {
			t.Errorf("with jobs: %v", found)
		}
	})
}

// TestOutgoingWithoutJob proves that an outgoing event about no account is also found if its job is lost. It is not
// reported if it has a job, if its time has not come, or if the endpoint is disabled.
func TestOutgoingWithoutJob(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		storetest.NewAccount(t, db)
		storetest.NewAccount(t, db)
		write(t, db, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.InsertWebhook(ctx, billing.Webhook{ID: "whk_1", CreatedAt: tx.Now}, 1)
			must(t, err)
			return tx.InsertDeliveries(
				ctx, billing.Delivery{ID: "msg_1", WebhookID: "whk_1", Type: billing.OutTest, CreatedAt: tx.Now},
			)
		})
		if found := all(t, db, 1); len(found) != 0 {
			t.Errorf("an event just written: %v", found)
		}
		clock.Advance(time.Hour)
		if found := all(t, db, 1); len(found) != 1 || found[0].Rule != "outgoing-job" || found[0].Account != "" {
			t.Errorf("found %v", found)
		}
		for _, c := range []struct{ does, undoes string }{
			{
				`UPDATE deliveries SET next_at = '2999-01-01T00:00:00.000000Z'`,
				`UPDATE deliveries SET next_at = '1970-01-01T00:00:00.000000Z'`,
			},
			{
				`UPDATE webhooks SET disabled_at = created_at, disabled_why = 'gone'`,
				`UPDATE webhooks SET disabled_at = NULL, disabled_why = ''`,
			},
		} {
			storetest.Exec(t, db, c.does)
			if found := all(t, db, 1); len(found) != 0 {
				t.Errorf("after %s: %v", c.does, found)
			}
			storetest.Exec(t, db, c.undoes)
		}
		insertJob(t, db, "deliver", `{"webhook":"whk_1"}`)
		if found := all(t, db, 1); len(found) != 0 {
			t.Errorf("with a job: %v", found)
		}
	})
}

// TestStep proves that the periodic walk runs in steps of limited size that continue where the last one stopped. It
// begins again an hour later, and keeps the last run's count in the meantime. It counts every account once, even if
// several replicas step at a time.
func TestStep(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		const accounts = 5*audit.BatchSize + 1
		for range accounts - 1 {
			storetest.NewAccount(t, db)
		}
		clock.Advance(time.Second) // ids sort by time
		last := storetest.NewAccount(t, db)
		storetest.Exec(t, db, `UPDATE accounts SET unsettled = 1 WHERE id = '`+string(last.ID)+`'`)
		step := func() billing.AuditRun { t.Helper(); return steps(t, db, 1) }

		if run := step(); run.Accounts != 5*audit.BatchSize || run.Findings != 0 || run.EndedAt != nil ||
			run.LastEndedAt != nil {
			t.Errorf("after one step: %+v", run)
		}
		run := step()
		if run.Accounts != accounts || run.Findings != 1 || run.EndedAt == nil || run.LastFindings != 1 ||
			run.LastEndedAt == nil {
			t.Errorf("after two steps: %+v", run)
		}
		clock.Advance(time.Hour - time.Microsecond)
		if again := step(); !again.BeganAt.Equal(*run.BeganAt) || again.Accounts != accounts {
			t.Errorf("too early: %+v", again)
		}
		clock.Advance(time.Microsecond)
		storetest.Exec(t, db, `UPDATE accounts SET unsettled = 0`)
		if run := step(); run.Accounts != 5*audit.BatchSize || run.LastFindings != 1 || run.EndedAt != nil {
			t.Errorf("an hour later: %+v", run)
		}
		if run := step(); run.LastFindings != 0 || run.Findings != 0 || run.EndedAt == nil {
			t.Errorf("at the second run's end: %+v", run)
		}
		clock.Advance(2 * time.Hour)
		if run := steps(t, db, 4); run.Accounts != 5*audit.BatchSize && run.Accounts != accounts {
			t.Errorf("of four at once: %+v", run)
		}
	})
}

// steps takes one step on several replicas at once.
func steps(t *testing.T, db *store.DB, replicas int) billing.AuditRun {
	t.Helper()
	var group sync.WaitGroup
	for range replicas {
		group.Go(func() {
			if err := audit.Step(
				context.Background(), db, func(context.Context) error { return nil }, slog.New(slog.DiscardHandler),
			); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	run, err := db.AuditRun(context.Background(), billing.RunAudit)
	must(t, err)
	return run
}

// Proves that the audit reports nothing about a hold that outlives its lot: while all of the lot is held, after the
// lot's end, and after the hold's.
func TestHoldOutlivesLot(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		a := storetest.NewAccount(t, db)
		end := db.Now().Add(time.Hour)
		must(t, db.InTx(t.Context(), func(tx *store.Tx) error {
			locked, err := tx.LockAccount(t.Context(), a.ID)
			must(t, err)
			grant(t, tx, locked, billing.Grant{Key: "gift:1", Source: "gift", Amount: 5, ExpiresAt: &end})
			return nil
		}))
		_, err := ledger.Hold(t.Context(), db, a.ID, ledger.HoldRequest{Amount: 5, TTL: 3 * time.Hour})
		must(t, err)
		for range 5 {
			if found := all(t, db, 10); len(found) != 0 {
				t.Errorf("at %v: %v", clock.Now(), found)
			}
			clock.Advance(time.Hour)
			_, err := ledger.Current(t.Context(), db, a.ID)
			must(t, err)
		}
	})
}
