package store

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
)

type adminActionRow struct {
	AccountID string `gorm:"primaryKey"`
	ID        string `gorm:"primaryKey"`
	AdminID   *string
	Action    string `gorm:"not null"`
	EntrySeq  *int64
	Reason    string `gorm:"not null"`
	CreatedAt stamp  `gorm:"not null;autoCreateTime:false"`
}

func (adminActionRow) TableName() string { return "admin_actions" }

type webhookActionRow struct {
	ID        string `gorm:"primaryKey"`
	WebhookID string `gorm:"not null"`
	AdminID   *string
	Action    string `gorm:"not null"`
	Reason    string `gorm:"not null"`
	CreatedAt stamp  `gorm:"not null;autoCreateTime:false"`
}

func (webhookActionRow) TableName() string { return "webhook_actions" }

// InsertAdminAction records what an admin did to an account or to an endpoint. The caller holds the lock of the account
// or the endpoint.
func (tx *Tx) InsertAdminAction(ctx context.Context, a billing.AdminAction) error {
	if e, ok := billing.SecurityEventOf(a); ok {
		tx.Report(e)
	}
	if a.WebhookID != "" {
		return translate(tx.q(ctx).Create(&webhookActionRow{
			ID:        string(a.ID),
			WebhookID: string(a.WebhookID),
			AdminID:   nullable(a.AdminID),
			Action:    string(a.Action),
			Reason:    a.Reason,
			CreatedAt: stamp{a.CreatedAt},
		}).Error)
	}
	row := adminActionRow{
		AccountID: string(a.AccountID),
		ID:        string(a.ID),
		AdminID:   nullable(a.AdminID),
		Action:    string(a.Action),
		Reason:    a.Reason,
		CreatedAt: stamp{a.CreatedAt},
	}
	if a.EntrySeq != 0 {
		row.EntrySeq = &a.EntrySeq
	}
	return translate(tx.q(ctx).Create(&row).Error)
}

// WebhookActions lists the actions that admins took on endpoints, latest first.
func (r reads) WebhookActions(ctx context.Context, limit int) ([]billing.AdminAction, error) {
	var rows []webhookActionRow
	if err := r.q(ctx).Order("id DESC").Limit(limit).Find(&rows).Error; err != nil {
		return nil, translate(err)
	}
	actions := make([]billing.AdminAction, len(rows))
	for i, row := range rows {
		actions[i] = billing.AdminAction{
			ID:        billing.ActionID(row.ID),
			WebhookID: billing.WebhookID(row.WebhookID),
			AdminID:   fromNullable[billing.AdminID](row.AdminID),
			Action:    billing.ActionKind(row.Action), Reason: row.Reason, CreatedAt: row.CreatedAt.Time,
		}
	}
	return actions, nil
}
