package store

import (
	"context"
	"slices"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

type orderRow struct {
	AccountID       string `gorm:"primaryKey"`
	ID              string `gorm:"primaryKey"`
	Item            string `gorm:"not null"`
	Kind            string `gorm:"not null"`
	Quantity        int64  `gorm:"not null"`
	Points          int64  `gorm:"not null"`
	Amount          int64  `gorm:"not null"`
	Currency        string `gorm:"not null"`
	Status          string `gorm:"not null"`
	CheckoutID      *string
	URL             string `gorm:"not null"`
	PaymentIntentID *string
	SubscriptionID  *string
	RequestHash     string `gorm:"not null"`
	SuccessURL      string `gorm:"not null"`
	CancelURL       string `gorm:"not null"`
	ExpiresAt       *stamp
	CreatedAt       stamp `gorm:"not null;autoCreateTime:false"`
	FulfilledAt     *stamp
	Automatic       bool   `gorm:"not null"`
	DeclineCode     string `gorm:"not null"`
	ChargeAfter     *stamp // written only by PutOffCharge
}

func (orderRow) TableName() string { return "orders" }

// Order reads one order of the account. Errors: ENotFound, also for an order of another account.
func (r reads) Order(ctx context.Context, account billing.AccountID, id billing.OrderID) (billing.Order, error) {
	var row orderRow
	if err := r.q(ctx).Where("account_id = ? AND id = ?", string(account), string(id)).Take(&row).Error; err != nil {
		return billing.Order{}, translate(err)
	}
	return fromRowOrder(row), nil
}

// OpenOrders lists the account's orders that are pending or paid, oldest first.
func (r reads) OpenOrders(ctx context.Context, account billing.AccountID) ([]billing.Order, error) {
	return r.orders(ctx, "id", 0, "account_id = ? AND status IN ?", string(account),
		[]string{string(billing.OrderPending), string(billing.OrderPaid)})
}

const (
	// givenUpFor is how long a payment may still reach an order that was given up. Stripe lists the events of 30 days,
	// and one of them leads a sync to the payment, which may come a few days later.
	givenUpFor = 35 * 24 * time.Hour
	// maxGivenUp bounds, for each of the two kinds, what one account can make a sync look for. Few orders in a row can
	// be given up, and a payment that comes so late is rare.
	maxGivenUp = 5
)

// WatchedOrders lists the orders of the account that a sync has to look at: the open ones, then the newest few of each
// kind that was given up and may be paid after all. These are automatic ones that expired without a payment, because a
// process that slept between its look at an order's age and the charge may have charged one, and those of plans whose
// first debit failed, because the customer can still pay the invoice.
func (tx *Tx) WatchedOrders(ctx context.Context, account billing.AccountID) ([]billing.Order, error) {
	open, err := tx.OpenOrders(ctx, account)
	if err != nil {
		return nil, err
	}
	since := stamp{tx.Now.Add(-givenUpFor)}
	failed, err := tx.orders(
		ctx, "created_at DESC", maxGivenUp, "account_id = ? AND created_at >= ? AND kind = ? AND status = ?",
		string(account), since, string(billing.KindPlan), string(billing.OrderFailed),
	)
	if err != nil {
		return nil, err
	}
	expired, err := tx.orders(
		ctx, "created_at DESC", maxGivenUp,
		"account_id = ? AND created_at >= ? AND automatic AND status = ? AND payment_intent_id IS NULL",
		string(account), since, string(billing.OrderExpired),
	)
	slices.Reverse(failed) // oldest first
	slices.Reverse(expired)
	return slices.Concat(open, failed, expired), err
}

// OrderByPaymentIntent reads the account's order that a payment paid for. ok is false if there is none.
func (r reads) OrderByPaymentIntent(
	ctx context.Context, account billing.AccountID, id billing.PaymentIntentID,
) (o billing.Order, ok bool, err error) {
	orders, err := r.orders(ctx, "id", 1, "account_id = ? AND payment_intent_id = ?", string(account), string(id))
	if err != nil || len(orders) == 0 {
		return billing.Order{}, false, err
	}
	return orders[0], true, nil
}

// OrdersWithPayment lists the account's orders that a payment paid for, oldest first.
func (r reads) OrdersWithPayment(ctx context.Context, account billing.AccountID) ([]billing.Order, error) {
	return r.orders(ctx, "id", 0, "account_id = ? AND payment_intent_id IS NOT NULL", string(account))
}

// Orders lists the account's orders, newest first, starting after the one with id before ("" begins at the newest).
func (r reads) Orders(
	ctx context.Context, account billing.AccountID, before billing.OrderID, limit int,
) ([]billing.Order, error) {
	if before == "" {
		return r.orders(ctx, "id DESC", limit, "account_id = ?", string(account))
	}
	return r.orders(ctx, "id DESC", limit, "account_id = ? AND id < ?", string(account), string(before))
}

func (r reads) orders(
	ctx context.Context, order string, limit int, where string, args ...any,
) ([]billing.Order, error) {
	q := r.q(ctx).Where(where, args...).Order(order)
	if limit > 0 {
		q = q.Limit(limit)
	}
	var rows []orderRow
	if err := q.Find(&rows).Error; err != nil {
		return nil, translate(err)
	}
	orders := make([]billing.Order, len(rows))
	for i, row := range rows {
		orders[i] = fromRowOrder(row)
	}
	return orders, nil
}

// InsertOrder appends a new order. The caller holds the account's lock.
func (tx *Tx) InsertOrder(ctx context.Context, o billing.Order) error {
	if tx.facts != nil && o.Automatic {
		tx.facts.Orders = append(tx.facts.Orders, OrderChange{After: o})
	}
	row := toRowOrder(o)
	return translate(tx.q(ctx).Create(&row).Error)
}

// DeleteOrder deletes an order that has no page, so its keys are unused again. It leaves an order that has a page. The
// caller holds the account's lock.
func (tx *Tx) DeleteOrder(ctx context.Context, account billing.AccountID, id billing.OrderID) error {
	res := tx.q(ctx).Where(
		"account_id = ? AND id = ? AND checkout_id IS NULL", string(account), string(id),
	).Delete(&orderRow{})
	if res.Error != nil || res.RowsAffected == 0 {
		return translate(res.Error)
	}
	return tx.forgetRequests(ctx, account, billing.OperationCheckout, string(id))
}

// SaveOrder writes what a sync or a response of Stripe's changes in an order. The caller holds the account's lock.
func (tx *Tx) SaveOrder(ctx context.Context, o billing.Order) error {
	if tx.facts != nil {
		before, err := tx.Order(ctx, o.AccountID, o.ID)
		if err != nil {
			return err
		}
		tx.facts.Orders = append(tx.facts.Orders, OrderChange{before.Status, o})
	}
	row := toRowOrder(o)
	return translate(tx.q(ctx).Model(&orderRow{}).Where(
		"account_id = ? AND id = ?", row.AccountID, row.ID,
	).Updates(map[string]any{
		"status": row.Status, "checkout_id": row.CheckoutID, "url": row.URL, "payment_intent_id": row.PaymentIntentID,
		"subscription_id": row.SubscriptionID, "expires_at": row.ExpiresAt, "fulfilled_at": row.FulfilledAt,
		"decline_code": row.DeclineCode,
	}).Error)
}

// maxCode bounds the length of one of Stripe's codes.
const maxCode = 255

func toRowOrder(o billing.Order) orderRow {
	return orderRow{
		ID: string(o.ID), AccountID: string(o.AccountID), Item: o.Item, Kind: string(o.Kind), Quantity: o.Quantity,
		Points: int64(o.Points), Amount: o.Amount, Currency: o.Currency, Status: string(o.Status),
		CheckoutID: nullable(o.CheckoutID), URL: o.URL, PaymentIntentID: nullable(o.PaymentIntentID),
		SubscriptionID: nullable(o.SubscriptionID), RequestHash: o.RequestHash,
		SuccessURL:  o.SuccessURL,
		CancelURL:   o.CancelURL,
		ExpiresAt:   toStamp(o.ExpiresAt),
		CreatedAt:   stamp{o.CreatedAt},
		FulfilledAt: toStamp(o.FulfilledAt), Automatic: o.Automatic,
		DeclineCode: billing.Storable(o.DeclineCode, maxCode),
	}
}

func fromRowOrder(row orderRow) billing.Order {
	return billing.Order{
		ID:        billing.OrderID(row.ID),
		AccountID: billing.AccountID(row.AccountID),
		Item:      row.Item,
		Kind:      billing.ItemKind(row.Kind),
		Quantity:  row.Quantity, Points: billing.Points(row.Points), Amount: row.Amount, Currency: row.Currency,
		Status:          billing.OrderStatus(row.Status),
		CheckoutID:      fromNullable[billing.CheckoutID](row.CheckoutID),
		URL:             row.URL,
		PaymentIntentID: fromNullable[billing.PaymentIntentID](row.PaymentIntentID),
		SubscriptionID:  fromNullable[billing.SubscriptionID](row.SubscriptionID),
		RequestHash:     row.RequestHash, SuccessURL: row.SuccessURL,
		CancelURL:   row.CancelURL,
		ExpiresAt:   fromStamp(row.ExpiresAt),
		CreatedAt:   row.CreatedAt.Time,
		FulfilledAt: fromStamp(row.FulfilledAt),
		Automatic:   row.Automatic, DeclineCode: row.DeclineCode,
	}
}
