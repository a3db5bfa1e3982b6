package store_test

import (
	"context"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// broken holds a statement for each rule of the schema that breaks it.
var broken = map[string]string{
	"accounts_available":   `UPDATE accounts SET available = -1`,
	"accounts_held":        `UPDATE accounts SET held = -1`,
	"accounts_debt":        `UPDATE accounts SET debt = 1, available = 1`,
	"accounts_unsettled":   `UPDATE accounts SET unsettled = -1`,
	"accounts_sub_status":  `UPDATE accounts SET sub_id = 'sub_1', sub_status = 'asleep'`,
	"accounts_tickets":     `UPDATE accounts SET ticket_applied = 1`,
	"accounts_cut_over":    `UPDATE accounts SET cut_over_running = true`,
	"accounts_window":      `UPDATE accounts SET window_from = created_at`,
	"accounts_sub":         `UPDATE accounts SET sub_status = 'active'`,
	"orders_kind":          `UPDATE orders SET kind = 'gift'`,
	"orders_quantity":      `UPDATE orders SET quantity = 0`,
	"orders_points":        `UPDATE orders SET points = -1`,
	"orders_amount":        `UPDATE orders SET amount = -1`,
	"orders_status":        `UPDATE orders SET status = 'lost'`,
	"lots_granted":         `UPDATE lots SET granted = -1, remaining = -1, clawed_back = -1`,
	"lots_remaining":       `UPDATE lots SET remaining = -1`,
	"lots_period":          `UPDATE lots SET period_start = created_at`,
	"periods_carried":      `UPDATE periods SET carried = rollover + 1`,
	"lots_clawed_own":      `UPDATE lots SET clawed_own = 1`,
	"lots_expired":         `UPDATE lots SET expired = granted + 1`,
	"lots_held":            `UPDATE lots SET remaining = granted + 1`,
	"lots_clawed_back":     `UPDATE lots SET clawed_back = granted + 1`,
	"entries_kind":         `UPDATE entries SET kind = 'gift', amount = -1`,
	"entries_sign":         `UPDATE entries SET kind = 'spend'`,
	"entries_held":         `UPDATE entries SET held = 1`,
	"entries_by_kind":      `UPDATE entries SET by_kind = 'nobody'`,
	"entries_by":           `UPDATE entries SET by_kind = 'service'`,
	"service_keys_scopes":  `UPDATE service_keys SET scopes = ''`,
	"service_keys_revoked": `UPDATE service_keys SET revoked_by = 'acc_1'`,
	"entries_hold":         `UPDATE entries SET hold_id = 'hld_1'`,
	"holds_amount":         `UPDATE holds SET amount = 0`,
	"holds_status":         `UPDATE holds SET status = 'lost', ended_at = created_at`,
	"holds_captured":       `UPDATE holds SET captured = 1`,
	"holds_ended":          `UPDATE holds SET status = 'released'`,
	"hold_parts_points":    `UPDATE hold_parts SET points = 0`,
	"inbox_events_status":  `UPDATE inbox_events SET status = 'lost'`,
	"inbox_events_pending": `UPDATE inbox_events SET status = 'processed'`,
	"lots_account_id_fkey": `INSERT INTO lots SELECT 'acc_nobody', id, grant_key, source, granted, remaining, held,
		expired, clawed_back, clawed_own, expires_at, ended_at, period_start, period_end, period_inner, period_origin,
		created_at FROM lots`,
	"entries_lot_id_fkey":           `UPDATE entries SET lot_id = 'lot_nowhere'`,
	"audit_runs_kind":               `UPDATE audit_runs SET kind = 'other'`,
	"accounts_role":                 `UPDATE accounts SET role = 'root'`,
	"accounts_sub_quantity":         `UPDATE accounts SET sub_quantity = -1`,
	"accounts_sub_next":             `UPDATE accounts SET sub_next_plan = 'pro'`,
	"subscription_changes_kind":     `UPDATE subscription_changes SET kind = 'whim'`,
	"subscription_changes_quantity": `UPDATE subscription_changes SET quantity = -1`,
	"subscription_changes_status":   `UPDATE subscription_changes SET status = 'lost', ended_at = created_at`,
	"subscription_changes_unpaid":   `UPDATE subscription_changes SET status = 'unpaid', ended_at = created_at`,
	"subscription_changes_ended":    `UPDATE subscription_changes SET status = 'done'`,
	"syncs_cause":                   `UPDATE syncs SET cause = 'whim'`,
	"syncs_outcome":                 `UPDATE syncs SET outcome = 'lost', ended_at = began_at`,
	"syncs_ended":                   `UPDATE syncs SET ended_at = began_at`,
	"admin_actions_action":          `UPDATE admin_actions SET action = 'whim'`,
	"admin_actions_entry":           `UPDATE admin_actions SET action = 'grant'`,
	"entries_hold_id_fkey":          `UPDATE entries SET kind = 'hold', amount = 0, held = 1, hold_id = 'hld_nowhere'`,
	"holds_account_id_fkey": `INSERT INTO holds SELECT 'acc_nobody', id, amount, captured, status, action, quantity,
		description, metadata, expires_at, created_at, ended_at FROM holds`,
	"accounts_spent_points":            `UPDATE accounts SET spent_points = -1`,
	"entries_action":                   `UPDATE entries SET action = 'picture'`,
	"entries_quantity":                 `UPDATE entries SET kind = 'spend', amount = -1, action = 'picture', quantity = 0`,
	"holds_action":                     `UPDATE holds SET quantity = 1`,
	"holds_quantity":                   `UPDATE holds SET action = 'picture', quantity = 0`,
	"admin_actions_entry_seq_fkey":     `UPDATE admin_actions SET action = 'grant', entry_seq = 99`,
	"system_actions_action":            `UPDATE system_actions SET action = 'whim'`,
	"hold_parts_lot_id_fkey":           `UPDATE hold_parts SET lot_id = 'lot_nowhere'`,
	"orders_automatic":                 `UPDATE orders SET automatic = true`,
	"top_ups_status":                   `UPDATE top_ups SET status = 'asleep'`,
	"top_ups_reason":                   `UPDATE top_ups SET status = 'needs_attention'`,
	"top_ups_quantity":                 `UPDATE top_ups SET quantity = 0`,
	"top_ups_points":                   `UPDATE top_ups SET points = -1`,
	"top_ups_amount":                   `UPDATE top_ups SET amount = 0`,
	"top_ups_threshold":                `UPDATE top_ups SET threshold = 0`,
	"top_ups_monthly_limit":            `UPDATE top_ups SET monthly_limit = 0`,
	"top_ups_declines":                 `UPDATE top_ups SET declines = -1`,
	"returned_charges_refunded":        `UPDATE returned_charges SET refunded = -1`,
	"returned_charges_disputed":        `UPDATE returned_charges SET disputed = -1`,
	"returned_charges_account_id_fkey": `UPDATE returned_charges SET account_id = 'acc_nobody'`,
	"former_customers_reason":          `UPDATE former_customers SET reason = 'whim'`,
	"former_customers_account_id_fkey": `UPDATE former_customers SET account_id = 'acc_nobody'`,
	"stripe_links_one":                 `UPDATE stripe_links SET kind = 'second'`,
	"accounts_low_points":              `UPDATE accounts SET low_points = -1`,
	"accounts_disabled":                `UPDATE accounts SET disabled_at = created_at`,
	"accounts_deleted":                 `UPDATE accounts SET deleted_at = created_at`,
	"accounts_sub_paused":              `UPDATE accounts SET sub_paused_until = created_at`,
	"accounts_parked":                  `UPDATE accounts SET parked_at = created_at`,
	"attempts_kind":                    `UPDATE attempts SET kind = 'whim'`,
	"subscription_changes_look_at":     `UPDATE subscription_changes SET look_at = NULL`,
	"event_walks_kind":                 `UPDATE event_walks SET kind = 'whim'`,
	"event_walks_walk":                 `UPDATE event_walks SET walk_since = CURRENT_TIMESTAMP`,
	"webhooks_disabled":                `UPDATE webhooks SET disabled_at = created_at`,
	"deliveries_status":                `UPDATE deliveries SET status = 'lost'`,
	"deliveries_attempts":              `UPDATE deliveries SET attempts = -1`,
	"deliveries_put_off":               `UPDATE deliveries SET put_off = -1`,
	"deliveries_delivered":             `UPDATE deliveries SET status = 'delivered'`,
	"request_budgets_kind":             `UPDATE request_budgets SET kind = 'whim'`,
	"request_budgets_account_id_fkey":  `UPDATE request_budgets SET account_id = 'acc_nobody'`,
	"deliveries_account_id_fkey":       `UPDATE deliveries SET account_id = 'acc_nobody'`,
	"requests_operation":               `UPDATE requests SET operation = 'whim'`,
	"requests_idempotency_key":         `UPDATE requests SET idempotency_key = ''`,
	"mail_tokens_kind":                 `UPDATE mail_tokens SET kind = 'whim'`,
	"mail_tokens_account_id_fkey":      `UPDATE mail_tokens SET account_id = 'acc_nobody'`,
	"requests_result":                  `UPDATE requests SET result = ''`,
	"requests_account_id_fkey":         `UPDATE requests SET account_id = 'acc_nobody'`,
}

// Proves that no check of the schema is missing above.
func TestEveryCheckIsBroken(t *testing.T) {
	t.Parallel()
	schema, err := os.ReadFile("migrations/00001_schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	checks := regexp.MustCompile(`CONSTRAINT (\w+)\s+CHECK`).FindAllStringSubmatch(string(schema), -1)
	if n := strings.Count(string(schema), "CHECK ("); n != len(checks) || n < 80 {
		t.Errorf("%d of %d checks have a name", len(checks), n)
	}
	for _, m := range checks {
		if broken[m[1]] == "" {
			t.Errorf("no statement breaks %s", m[1])
		}
	}
}

// Proves that the database itself refuses rows that our code should never write. Each statement breaks one rule, and
// the refusal names that rule.
func TestConstraints(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		insertOneOfEach(t, db)
		for name, statement := range broken {
			err := db.InTx(context.Background(), func(tx *store.Tx) error {
				_, err := tx.SQL().Exec(statement)
				return err
			})
			if db.Dialect() == store.SQLite && strings.HasSuffix(name, "_fkey") {
				name = "FOREIGN KEY" // SQLite does not say which
			}
			// PostgreSQL checks in the order of names, so a row that breaks two rules may name the other one.
			if err == nil || !strings.Contains(err.Error(), name) && name != "lots_granted" {
				t.Errorf("%s: got %v, want a refusal by %s", statement, err, name)
			}
		}
	})
}

// Proves that one business fact grants one lot to an account. TestOneAccountForOneCustomer proves that no fact reaches
// two accounts.
func TestUniqueKeys(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := insertOneOfEach(t, db)
		other := storetest.NewAccount(t, db)
		insert := func(id billing.AccountID) error {
			return write(db, func(ctx context.Context, tx *store.Tx) error { return tx.InsertLot(ctx, aLot(db, id)) })
		}
		if insert(a.ID) == nil {
			t.Error("a grant key was used twice")
		}
		if err := insert(other.ID); err != nil {
			t.Errorf("one grant key of two accounts: %v", err)
		}
	})
}

// Proves that an account has at most one pending change of its subscription.
func TestOnePendingChange(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a, other := insertOneOfEach(t, db), storetest.NewAccount(t, db)
		insert := func(c billing.SubscriptionChange) error {
			return write(db, func(ctx context.Context, tx *store.Tx) error { return tx.InsertChange(ctx, c) })
		}
		if insert(aChange(db, a.ID)) == nil {
			t.Error("two changes of one account are pending")
		}
		done, now := aChange(db, a.ID), db.Now()
		done.Status, done.EndedAt = billing.ChangeDone, &now
		if err := errors.Join(insert(done), insert(aChange(db, other.ID))); err != nil {
			t.Fatal(err)
		}
	})
}

// insertOneOfEach makes an account with a row in each table that the broken statements are about.
func insertOneOfEach(t *testing.T, db *store.DB) billing.Account {
	t.Helper()
	a := storetest.NewAccount(t, db)
	err := write(db, func(ctx context.Context, tx *store.Tx) error {
		return errors.Join(
			insertPoints(ctx, tx, db, a.ID), insertSales(ctx, tx, db, a.ID), insertSyncs(ctx, tx, a.ID),
			insertActions(ctx, tx, a.ID), insertOutgoing(ctx, tx, a.ID),
		)
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// insertPoints inserts a lot with its entry, a hold of it, and a period.
func insertPoints(ctx context.Context, tx *store.Tx, db *store.DB, id billing.AccountID) error {
	lot := aLot(db, id)
	hold := billing.Hold{
		ID:        billing.NewHoldID(tx.Now),
		AccountID: id,
		Amount:    5,
		Status:    billing.HoldActive,
		ExpiresAt: tx.Now,
		CreatedAt: tx.Now,
	}
	begun := billing.BegunPeriod{
		AccountID: id,
		Source:    "subscription:sub_1",
		Period:    billing.Period{Start: tx.Now, End: tx.Now},
		Rollover:  5,
	}
	grant := billing.Entry{
		ID:        billing.NewEntryID(tx.Now),
		AccountID: id,
		Kind:      billing.EntryGrant,
		Amount:    5,
		LotID:     lot.ID,
		CreatedAt: tx.Now,
	}
	return errors.Join(
		tx.InsertLot(ctx, lot), tx.InsertHold(ctx, hold, []billing.HoldPart{{LotID: lot.ID, Points: 5}}),
		tx.BeginPeriod(ctx, begun), tx.AppendEntry(ctx, grant),
	)
}

// insertSales inserts an order, a top-up, a change under a key, a budget, and a charge that was refunded.
func insertSales(ctx context.Context, tx *store.Tx, db *store.DB, id billing.AccountID) error {
	topUp := billing.TopUp{
		AccountID:    id,
		Status:       billing.TopUpOn,
		Pack:         "pack_5",
		Quantity:     1,
		Amount:       500,
		Currency:     "eur",
		Threshold:    5,
		MonthlyLimit: 1,
		DueAt:        tx.Now,
		CreatedAt:    tx.Now,
	}
	change := billing.Request{Account: id, Operation: billing.OperationChange, Key: "key"}
	_, _, changed := tx.Once(ctx, change, func() (string, error) {
		c := aChange(db, id)
		return string(c.ID), tx.InsertChange(ctx, c)
	})
	return errors.Join(
		changed, tx.InsertOrder(ctx, anOrder(db, id)), tx.SaveTopUp(ctx, topUp),
		tx.SaveReturned(ctx, id, billing.Returned{ChargeID: "ch_1", Refunded: 1}),
		tx.TakeRequest(ctx, id, billing.RequestPortal),
		tx.KeepKnown(ctx, "ada", tx.Now),
		tx.SaveMailToken(ctx, billing.MailToken{
			AccountID: id, Kind: billing.MailTokenReset, Digest: "d", Email: "ada@example.com", ExpiresAt: tx.Now,
		}),
	)
}

// insertSyncs inserts an event, a sync, a former customer, and the link to the Stripe account.
func insertSyncs(ctx context.Context, tx *store.Tx, id billing.AccountID) error {
	_, err := tx.InsertEvent(ctx, billing.InboxEvent{
		ID:         "evt_1",
		Type:       "invoice.paid",
		AccountID:  id,
		Status:     billing.InboxPending,
		CreatedAt:  tx.Now,
		ReceivedAt: tx.Now,
	})
	return errors.Join(
		err, tx.BeginSync(ctx, id, 1, billing.CauseEvent), tx.SetCustomer(ctx, id, "cus_1"),
		tx.EndCustomer(ctx, id, "cus_1"), tx.SaveStripeLink(ctx, billing.StripeLink{AccountID: "acct_1"}),
	)
}

// insertActions inserts what an admin did to an account and to an endpoint.
func insertActions(ctx context.Context, tx *store.Tx, id billing.AccountID) error {
	return errors.Join(
		tx.InsertAdminAction(ctx, billing.AdminAction{
			ID: billing.NewActionID(tx.Now), AccountID: id, Action: billing.ActionRole, CreatedAt: tx.Now,
		}),
		tx.InsertAdminAction(ctx, billing.AdminAction{
			ID: billing.NewActionID(tx.Now), Subject: "whk_1", Action: billing.ActionWebhookAdd, CreatedAt: tx.Now,
		}),
		tx.InsertServiceKey(ctx, billing.ServiceKey{
			ID: billing.NewKeyID(tx.Now), Scopes: []billing.Scope{billing.ScopeRead}, CreatedAt: tx.Now,
		}, "digest"),
	)
}

// insertOutgoing inserts an endpoint and an event that it receives.
func insertOutgoing(ctx context.Context, tx *store.Tx, id billing.AccountID) error {
	_, err := tx.InsertWebhook(ctx, billing.Webhook{ID: billing.NewWebhookID(tx.Now), CreatedAt: tx.Now}, 1)
	return errors.Join(err, tx.InsertDeliveries(ctx, billing.Delivery{
		ID:        billing.NewMessageID(tx.Now),
		AccountID: id,
		Type:      billing.OutPointsGranted,
		Body:      "{}",
		CreatedAt: tx.Now,
	}))
}

// Proves that an account has one open automatic order at a time, whatever the code above does. An order that has ended
// makes room.
func TestOneOpenTopUp(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := storetest.NewAccount(t, db)
		insert := func() (o billing.Order, err error) {
			o = anOrder(db, a.ID)
			o.CheckoutID, o.Automatic = "", true
			return o, write(db, func(ctx context.Context, tx *store.Tx) error { return tx.InsertOrder(ctx, o) })
		}
		first, err := insert()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := insert(); err == nil {
			t.Error("two automatic orders are open")
		}
		first.Status = billing.OrderFailed
		if err := write(
			db, func(ctx context.Context, tx *store.Tx) error { return tx.SaveOrder(ctx, first) },
		); err != nil {
			t.Fatal(err)
		}
		if _, err := insert(); err != nil {
			t.Error(err)
		}
	})
}

func anOrder(db *store.DB, account billing.AccountID) billing.Order {
	return billing.Order{
		ID:        billing.NewOrderID(db.Now()),
		AccountID: account,
		Item:      "pack_5",
		Kind:      billing.KindPack,
		Quantity:  1,
		Points:    5,
		Amount:    500,
		Currency:  "eur", Status: billing.OrderPending, CheckoutID: "cs_1", CreatedAt: db.Now(),
	}
}

func aChange(db *store.DB, account billing.AccountID) billing.SubscriptionChange {
	return billing.SubscriptionChange{
		ID:         billing.NewChangeID(db.Now()),
		AccountID:  account,
		Kind:       billing.ChangePlan,
		Plan:       "pro",
		Status:     billing.ChangePending,
		LeaseUntil: db.Now(), CreatedAt: db.Now(),
	}
}

func aLot(db *store.DB, account billing.AccountID) billing.Lot {
	return billing.Lot{
		ID:        billing.NewLotID(db.Now()),
		AccountID: account,
		GrantKey:  "stripe:checkout:cs_1",
		Granted:   5,
		Remaining: 5,
		CreatedAt: db.Now(),
	}
}

func write(db *store.DB, f func(ctx context.Context, tx *store.Tx) error) error {
	ctx := context.Background()
	return db.InTx(ctx, func(tx *store.Tx) error { return f(ctx, tx) })
}
