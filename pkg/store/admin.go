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

type systemActionRow struct {
	ID        string `gorm:"primaryKey"`
	AccountID *string
	Subject   string `gorm:"not null"`
	AdminID   *string
	Action    string `gorm:"not null"`
	Reason    string `gorm:"not null"`
	CreatedAt stamp  `gorm:"not null;autoCreateTime:false"`
}

func (systemActionRow) TableName() string { return "system_actions" }

// InsertAdminAction records what an admin did to an account or to something else, in the transaction that does it. The
// caller holds the lock of the account or the thing. No method changes or deletes a record. The record of a replay is
// not among those of its account, because a replay enqueues a job.
func (tx *Tx) InsertAdminAction(ctx context.Context, a billing.AdminAction) error {
	if e, ok := billing.SecurityEventOf(a); ok {
		tx.Report(e)
	}
	if a.AccountID == "" || a.Action == billing.ActionReplay {
		return translate(tx.q(ctx).Create(&systemActionRow{
			ID:        string(a.ID),
			AccountID: nullable(a.AccountID),
			Subject:   a.Subject,
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
	var rows []systemActionRow
	err := r.q(ctx).Where("substr(action, 1, 8) = 'webhook.'").Order("id DESC").Limit(limit).Find(&rows).Error
	if err != nil {
		return nil, translate(err)
	}
	actions := make([]billing.AdminAction, len(rows))
	for i, row := range rows {
		actions[i] = billing.AdminAction{
			ID:      billing.ActionID(row.ID),
			Subject: row.Subject,
			AdminID: fromNullable[billing.AdminID](row.AdminID),
			Action:  billing.ActionKind(row.Action), Reason: row.Reason, CreatedAt: row.CreatedAt.Time,
		}
	}
	return actions, nil
}

// The parts of the log of all actions. Each is limited by itself, before both are combined.
const (
	accountActions = `SELECT * FROM (SELECT id, account_id, '' AS subject, admin_id, action, reason, created_at,
		COALESCE((SELECT e.amount FROM entries e
			WHERE e.account_id = admin_actions.account_id AND e.seq = admin_actions.entry_seq), 0) AS amount
		FROM admin_actions WHERE (@account = '' OR account_id = @account) AND (@before = '' OR id < @before)
		ORDER BY id DESC LIMIT @limit) AS of_accounts`
	systemActions = ` UNION ALL SELECT * FROM (SELECT id, COALESCE(account_id, '') AS account_id, subject, admin_id,
		action, reason, created_at, 0 AS amount
		FROM system_actions WHERE (@account = '' OR account_id = @account) AND (@before = '' OR id < @before)
		ORDER BY id DESC LIMIT @limit) AS of_no_account`
)

// AdminActions lists what admins did, latest first, starting after the action with id before ("" begins at the latest).
// With an account, it lists only what was done to that account.
func (r reads) AdminActions(
	ctx context.Context, account billing.AccountID, before billing.ActionID, limit int,
) ([]billing.LoggedAction, error) {
	var rows []struct {
		ID, AccountID, Subject, Action, Reason, Email string
		AdminID                                       *string
		CreatedAt                                     stamp
		Amount                                        int64
	}
	err := r.q(ctx).Raw(
		"SELECT found.*, COALESCE(a.email, '') AS email FROM ("+accountActions+systemActions+") AS found "+
			"LEFT JOIN accounts a ON a.id = found.admin_id ORDER BY found.id DESC LIMIT @limit",
		map[string]any{"account": string(account), "before": string(before), "limit": limit},
	).Scan(&rows).Error
	if err != nil {
		return nil, translate(err)
	}
	actions := make([]billing.LoggedAction, len(rows))
	for i, row := range rows {
		actions[i] = billing.LoggedAction{
			AdminAction: billing.AdminAction{
				ID: billing.ActionID(row.ID), AccountID: billing.AccountID(row.AccountID), Subject: row.Subject,
				AdminID: fromNullable[billing.AdminID](row.AdminID), Action: billing.ActionKind(row.Action),
				Reason: row.Reason, CreatedAt: row.CreatedAt.Time,
			},
			Amount: billing.Points(row.Amount), AdminEmail: row.Email,
		}
	}
	return actions, nil
}
