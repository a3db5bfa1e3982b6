package store

import (
	"context"
	"time"

	"gorm.io/gorm/clause"

	"github.com/pointsync/pointsync/pkg/billing"
)

type topUpRow struct {
	AccountID    string `gorm:"primaryKey"`
	Status       string `gorm:"not null"`
	Reason       string `gorm:"not null"`
	Pack         string `gorm:"not null"`
	Quantity     int64  `gorm:"not null"`
	Points       int64  `gorm:"not null"`
	Amount       int64  `gorm:"not null"`
	Currency     string `gorm:"not null"`
	Threshold    int64  `gorm:"not null"`
	MonthlyLimit int64  `gorm:"not null"`
	Declines     int64  `gorm:"not null"`
	DueAt        stamp  `gorm:"not null"`
	CreatedAt    stamp  `gorm:"not null;autoCreateTime:false"`
	UpdatedAt    stamp  `gorm:"not null;autoUpdateTime:false"`
}

func (topUpRow) TableName() string { return "top_ups" }

// TopUp reads the account's top-up. Errors: ENotFound.
func (r reads) TopUp(ctx context.Context, account billing.AccountID) (billing.TopUp, error) {
	var row topUpRow
	if err := r.q(ctx).Where("account_id = ?", string(account)).Take(&row).Error; err != nil {
		return billing.TopUp{}, translate(err)
	}
	return fromRowTopUp(row), nil
}

// DueTopUps lists the accounts after the given one that may need a pack now. Their top-up is on and due, no automatic
// order is open, and the points are below its threshold or about to be settled. The decision is made under the
// account's lock.
func (r reads) DueTopUps(
	ctx context.Context, now time.Time, after billing.AccountID, limit int,
) ([]billing.AccountID, error) {
	var ids []billing.AccountID
	err := r.q(ctx).Table("top_ups AS t").Joins("JOIN accounts a ON a.id = t.account_id").
		Where(
			"t.status = 'on' AND t.due_at <= ? AND t.account_id > ? AND (a.available < t.threshold OR a.next_expiry <= ?)",
			stamp{now}, string(after), stamp{now},
		).
		Where(
			"NOT EXISTS (SELECT 1 FROM orders o "+
				"WHERE o.account_id = t.account_id AND o.automatic AND o.status IN ('pending', 'paid'))",
		).
		Order("t.account_id").Limit(limit).Pluck("t.account_id", &ids).Error
	return ids, translate(err)
}

// UnchargedOrders lists the pending automatic orders after the given one, oldest first. Their charge is not known to
// be made, and is not postponed to later than now.
func (r reads) UnchargedOrders(
	ctx context.Context, now time.Time, after billing.OrderID, limit int,
) ([]billing.Order, error) {
	return r.orders(
		ctx, "id", limit,
		"automatic AND status = 'pending' AND payment_intent_id IS NULL "+
			"AND (charge_after IS NULL OR charge_after <= ?) AND id > ?",
		stamp{now}, string(after),
	)
}

// AutomaticOrders lists the account's automatic orders that were made at or after a time, oldest first.
func (r reads) AutomaticOrders(
	ctx context.Context, account billing.AccountID, since time.Time,
) ([]billing.Order, error) {
	return r.orders(
		ctx, "created_at, id", 0, "automatic AND account_id = ? AND created_at >= ?", string(account), stamp{since},
	)
}

// PutOffCharge postpones the charge of an automatic order of the account. The caller holds the account's lock.
func (tx *Tx) PutOffCharge(ctx context.Context, account billing.AccountID, id billing.OrderID, until time.Time) error {
	return translate(tx.q(ctx).Model(&orderRow{}).Where("account_id = ? AND id = ?", string(account), string(id)).
		Update("charge_after", stamp{until}).Error)
}

// SaveTopUp writes the account's top-up, and creates it if there is none. The caller holds the account's lock.
func (tx *Tx) SaveTopUp(ctx context.Context, t billing.TopUp) error {
	t.UpdatedAt = tx.Now
	if tx.facts != nil && t.Status == billing.TopUpAttention {
		before, err := tx.TopUp(ctx, t.AccountID)
		if err != nil && billing.CodeOf(err) != billing.ENotFound {
			return err
		}
		if before.Status != billing.TopUpAttention {
			tx.facts.Stopped = append(tx.facts.Stopped, t)
		}
	}
	row := toRowTopUp(t)
	return translate(
		tx.q(ctx).Clauses(
			clause.OnConflict{Columns: []clause.Column{{Name: "account_id"}}, UpdateAll: true},
		).Create(&row).Error,
	)
}

// DeleteTopUp deletes the account's top-up, if there is one. Its orders stay.
func (tx *Tx) DeleteTopUp(ctx context.Context, account billing.AccountID) error {
	return translate(tx.q(ctx).Where("account_id = ?", string(account)).Delete(&topUpRow{}).Error)
}

func toRowTopUp(t billing.TopUp) topUpRow {
	return topUpRow{
		AccountID:    string(t.AccountID),
		Status:       string(t.Status),
		Reason:       string(t.Reason),
		Pack:         t.Pack,
		Quantity:     t.Quantity,
		Points:       int64(t.Points),
		Amount:       t.Amount,
		Currency:     t.Currency,
		Threshold:    int64(t.Threshold),
		MonthlyLimit: t.MonthlyLimit,
		Declines:     t.Declines,
		DueAt:        stamp{t.DueAt},
		CreatedAt:    stamp{t.CreatedAt}, UpdatedAt: stamp{t.UpdatedAt},
	}
}

func fromRowTopUp(row topUpRow) billing.TopUp {
	return billing.TopUp{
		AccountID:    billing.AccountID(row.AccountID),
		Status:       billing.TopUpStatus(row.Status),
		Reason:       billing.TopUpReason(row.Reason),
		Pack:         row.Pack,
		Quantity:     row.Quantity,
		Points:       billing.Points(row.Points),
		Amount:       row.Amount,
		Currency:     row.Currency,
		Threshold:    billing.Points(row.Threshold),
		MonthlyLimit: row.MonthlyLimit,
		Declines:     row.Declines, DueAt: row.DueAt.Time, CreatedAt: row.CreatedAt.Time, UpdatedAt: row.UpdatedAt.Time,
	}
}
