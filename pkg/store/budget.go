package store

import (
	"context"
	"errors"

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

// TakeRequest takes one request out of the budget of an account, whose lock this transaction holds. Errors: ETooMany.
func (tx *Tx) TakeRequest(ctx context.Context, account billing.AccountID, kind billing.RequestKind) error {
	var row budgetRow
	err := tx.q(ctx).Where("account_id = ? AND kind = ?", string(account), string(kind)).Take(&row).Error
	if err != nil && !errors.Is(err, gorm.ErrRecordNotFound) {
		return translate(err)
	}
	next, wait := billing.RequestBudgets[kind].Take(row.WholeAt.Time, tx.Now)
	if wait > 0 {
		return &billing.Error{
			Code:       billing.ETooMany,
			RetryAfter: wait,
			Message:    "This account asked for this too often in a short time. Try again in a moment.",
		}
	}
	row = budgetRow{AccountID: string(account), Kind: string(kind), WholeAt: stamp{next}}
	return translate(tx.q(ctx).Clauses(
		clause.OnConflict{Columns: []clause.Column{{Name: "account_id"}, {Name: "kind"}}, UpdateAll: true},
	).Create(&row).Error)
}
