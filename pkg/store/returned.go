package store

import (
	"context"

	"gorm.io/gorm/clause"

	"github.com/pointsync/pointsync/pkg/billing"
)

type returnedRow struct {
	AccountID string `gorm:"primaryKey"`
	ChargeID  string `gorm:"primaryKey"`
	Refunded  int64  `gorm:"not null"`
	Disputed  int64  `gorm:"not null"`
	SeenAt    stamp  `gorm:"not null"`
}

func (returnedRow) TableName() string { return "returned_charges" }

// Returned reads, by charge, how much had gone back to the account's payers when a sync last saw it.
func (r reads) Returned(ctx context.Context, account billing.AccountID) (map[string]billing.Returned, error) {
	var rows []returnedRow
	if err := r.q(ctx).Where("account_id = ?", string(account)).Find(&rows).Error; err != nil {
		return nil, translate(err)
	}
	found := make(map[string]billing.Returned, len(rows))
	for _, row := range rows {
		found[row.ChargeID] = billing.Returned{ChargeID: row.ChargeID, Refunded: row.Refunded, Disputed: row.Disputed}
	}
	return found, nil
}

// SaveReturned writes how much of a charge has gone back to its payer. The caller holds the account's lock.
func (tx *Tx) SaveReturned(ctx context.Context, account billing.AccountID, r billing.Returned) error {
	row := returnedRow{
		AccountID: string(account),
		ChargeID:  r.ChargeID,
		Refunded:  r.Refunded,
		Disputed:  r.Disputed,
		SeenAt:    stamp{tx.Now},
	}
	key := []clause.Column{{Name: "account_id"}, {Name: "charge_id"}}
	return translate(tx.q(ctx).Clauses(clause.OnConflict{Columns: key, UpdateAll: true}).Create(&row).Error)
}
