package store

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/pointsync/pointsync/pkg/billing"
)

type budgetRow struct {
	AccountID string `gorm:"primaryKey"`
	Kind      string `gorm:"primaryKey"`
	WholeAt   stamp  `gorm:"not null"`
}

func (budgetRow) TableName() string { return "request_budgets" }

// RequestBudget returns when the account's budget for a kind of request is whole again, or the zero time if it was
// never used.
func (tx *Tx) RequestBudget(
	ctx context.Context, account billing.AccountID, kind billing.RequestKind,
) (time.Time, error) {
	var row budgetRow
	err := tx.q(ctx).Where("account_id = ? AND kind = ?", string(account), string(kind)).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return time.Time{}, nil
	}
	return row.WholeAt.Time, translate(err)
}

// SaveRequestBudget writes when the account's budget for a kind of request is whole again. The caller holds the
// account's lock.
func (tx *Tx) SaveRequestBudget(
	ctx context.Context, account billing.AccountID, kind billing.RequestKind, wholeAt time.Time,
) error {
	row := budgetRow{AccountID: string(account), Kind: string(kind), WholeAt: stamp{wholeAt}}
	err := tx.q(ctx).Clauses(
		clause.OnConflict{Columns: []clause.Column{{Name: "account_id"}, {Name: "kind"}}, UpdateAll: true},
	).Create(&row).Error
	return translate(err)
}
