package store

import (
	"context"
	"strings"

	"gorm.io/gorm/clause"

	"github.com/pointsync/pointsync/pkg/billing"
)

type linkRow struct {
	Kind      string `gorm:"primaryKey"`
	AccountID string `gorm:"not null"`
	Livemode  bool   `gorm:"not null"`
	LinkedAt  stamp  `gorm:"not null"`
}

func (linkRow) TableName() string { return "stripe_links" }

// theLink is the key of the only row.
const theLink = "stripe"

// StripeLink reads which Stripe account the customers of this database belong to. Errors: ENotFound before the first
// server has started.
func (r reads) StripeLink(ctx context.Context) (billing.StripeLink, error) {
	var row linkRow
	if err := r.q(ctx).Where("kind = ?", theLink).Take(&row).Error; err != nil {
		return billing.StripeLink{}, translate(err)
	}
	return billing.StripeLink{AccountID: row.AccountID, Livemode: row.Livemode}, nil
}

// SaveStripeLink writes which Stripe account the customers belong to, unless it is written already.
func (tx *Tx) SaveStripeLink(ctx context.Context, l billing.StripeLink) error {
	row := linkRow{Kind: theLink, AccountID: l.AccountID, Livemode: l.Livemode, LinkedAt: stamp{tx.Now}}
	return translate(
		tx.q(ctx).Clauses(
			clause.OnConflict{Columns: []clause.Column{{Name: "kind"}}, DoNothing: true},
		).Create(&row).Error,
	)
}

// LockStripeLink makes the next transaction that calls it wait until this one ends. The database must belong to a
// Stripe account. It is the lock of imports, which take it after that of the account that they found. No other
// transaction takes both. Errors: ENotFound.
func (tx *Tx) LockStripeLink(ctx context.Context) error {
	var row linkRow
	return translate(
		tx.q(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Where("kind = ?", theLink).Take(&row).Error,
	)
}

// Linked counts what UnlinkStripe would change.
func (r reads) Linked(ctx context.Context) (n billing.Unlinked, err error) {
	for _, count := range []struct {
		into  *int64
		table string
		where string
	}{
		{&n.Customers, "accounts", "customer_id IS NOT NULL"},
		{&n.Subscriptions, "accounts", "sub_id IS NOT NULL"},
		{&n.Orders, "orders", "status = 'pending'"},
		{&n.PaidOrders, "orders", "status = 'paid'"},
		{&n.Changes, "subscription_changes", "status = 'pending'"},
		{&n.Events, "inbox_events", "status = 'pending'"},
		{&n.TopUps, "top_ups", "status = 'on'"},
	} {
		if err := r.q(ctx).Table(count.table).Where(count.where).Count(count.into).Error; err != nil {
			return n, translate(err)
		}
	}
	return n, nil
}

// UnlinkStripe unties every account from its customer and subscription, so that the database can belong to another
// Stripe account. Points, entries, orders and history stay. The ids of the customers are kept. No server may run
// during it, because it takes no account's lock.
func (tx *Tx) UnlinkStripe(ctx context.Context) error {
	none := subscriptionColumns(toRowAccount(billing.Account{}))
	none["customer_id"], none["invoices_since"], none["next_grant_at"] = nil, nil, nil
	q := tx.q(ctx)
	for _, statement := range []string{
		`INSERT INTO former_customers (customer_id, account_id, reason, ended_at)
			SELECT customer_id, id, 'unlinked', @now FROM accounts WHERE customer_id IS NOT NULL
			ON CONFLICT DO NOTHING`,
		`UPDATE orders SET status = 'expired', url = '' WHERE status IN ('pending', 'paid')`,
		`UPDATE subscription_changes SET status = 'failed', ended_at = @now WHERE status = 'pending'`,
		`UPDATE inbox_events SET status = 'ignored', reason = 'it is of a Stripe account that was unlinked'
			WHERE status = 'pending'`,
		`UPDATE top_ups SET status = 'needs_attention', reason = 'no_payment_method' WHERE status = 'on'`,
		`UPDATE event_walks SET seen_until = @now, walk_since = NULL, walk_until = NULL, walk_after = ''`,
		`UPDATE accounts SET version = version + 1 WHERE customer_id IS NOT NULL OR sub_id IS NOT NULL`,
		`DELETE FROM stripe_links`,
	} {
		var args []any
		if strings.Contains(statement, "@now") {
			args = append(args, map[string]any{"now": stamp{tx.Now}})
		}
		if err := q.Exec(statement, args...).Error; err != nil {
			return translate(err)
		}
	}
	return translate(q.Model(&accountRow{}).Where("customer_id IS NOT NULL OR sub_id IS NOT NULL").Updates(none).Error)
}
