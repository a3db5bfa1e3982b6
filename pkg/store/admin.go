package store

import (
	"context"
	"errors"

	"gorm.io/gorm"

	"github.com/pointsync/pointsync/pkg/billing"
)

type adminActionRow struct {
	ID             string `gorm:"primaryKey"`
	AccountID      *string
	AdminID        *string
	Action         string `gorm:"not null"`
	EntryID        *string
	Reason         string `gorm:"not null"`
	IdempotencyKey *string
	RequestHash    string `gorm:"not null"`
	CreatedAt      stamp  `gorm:"not null;autoCreateTime:false"`
	WebhookID      *string
}

func (adminActionRow) TableName() string { return "admin_actions" }

// InsertAdminAction notes what an admin did. The caller holds the lock of the account or the endpoint, and has looked for the key under it.
func (tx *Tx) InsertAdminAction(ctx context.Context, a billing.AdminAction) error {
	return translate(tx.q(ctx).Create(&adminActionRow{
		ID: string(a.ID), AccountID: nullable(a.AccountID), WebhookID: nullable(a.WebhookID), AdminID: nullable(a.AdminID), Action: string(a.Action), EntryID: nullable(a.EntryID),
		Reason: a.Reason, IdempotencyKey: nullable(a.Key), RequestHash: a.RequestHash, CreatedAt: stamp{a.CreatedAt},
	}).Error)
}

// AdminActionByKey reads what was done to an account under an admin's Idempotency-Key; ok is false when the key is unused.
func (r reads) AdminActionByKey(ctx context.Context, account billing.AccountID, key string) (_ billing.AdminAction, ok bool, err error) {
	var row adminActionRow
	err = r.q(ctx).Where("account_id = ? AND idempotency_key = ?", string(account), key).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return billing.AdminAction{}, false, nil
	}
	return fromRowAdminAction(row), err == nil, translate(err)
}

// WebhookActions lists what was done to endpoints, latest first.
func (r reads) WebhookActions(ctx context.Context, limit int) ([]billing.AdminAction, error) {
	var rows []adminActionRow
	if err := r.q(ctx).Where("webhook_id IS NOT NULL").Order("id DESC").Limit(limit).Find(&rows).Error; err != nil {
		return nil, translate(err)
	}
	actions := make([]billing.AdminAction, len(rows))
	for i, row := range rows {
		actions[i] = fromRowAdminAction(row)
	}
	return actions, nil
}

func fromRowAdminAction(row adminActionRow) billing.AdminAction {
	return billing.AdminAction{
		ID: billing.ActionID(row.ID), AccountID: fromNullable[billing.AccountID](row.AccountID), WebhookID: fromNullable[billing.WebhookID](row.WebhookID),
		AdminID: fromNullable[billing.AccountID](row.AdminID), Action: billing.ActionKind(row.Action), EntryID: fromNullable[billing.EntryID](row.EntryID),
		Reason: row.Reason, Key: fromNullable[string](row.IdempotencyKey), RequestHash: row.RequestHash, CreatedAt: row.CreatedAt.Time,
	}
}
