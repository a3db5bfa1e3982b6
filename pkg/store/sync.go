package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"github.com/pointsync/pointsync/pkg/billing"
)

type syncRow struct {
	AccountID string `gorm:"primaryKey"`
	Ticket    int64  `gorm:"primaryKey;autoIncrement:false"`
	Cause     string `gorm:"not null"`
	BeganAt   stamp  `gorm:"not null"`
	EndedAt   *stamp
	Outcome   *string
	Detail    string `gorm:"not null"`
	Version   *int64
}

func (syncRow) TableName() string { return "syncs" }

// IssueTicket issues the account's next sync ticket and saves its budget.
func (tx *Tx) IssueTicket(ctx context.Context, id billing.AccountID, budgetAt time.Time) error {
	return tx.saveAccount(ctx, id, map[string]any{
		"ticket_issued": gorm.Expr("ticket_issued + 1"), "budget_at": stamp{budgetAt},
	})
}

// ApplyTicket locks the account and reports whether the picture taken under this ticket may still be applied. It may
// not after a later ticket's picture was. The account is returned as it was before.
func (tx *Tx) ApplyTicket(
	ctx context.Context, id billing.AccountID, ticket int64, invoicesSince *time.Time,
) (billing.Account, bool, error) {
	a, err := tx.LockAccount(ctx, id)
	if err != nil || a.Sync.TicketApplied >= ticket {
		return a, false, err
	}
	err = tx.saveAccount(ctx, id, map[string]any{
		"ticket_applied": ticket, "invoices_since": toStamp(invoicesSince), "last_synced_at": stamp{tx.Now},
	})
	return a, err == nil, err
}

// BeginSync records that a sync took a ticket, and why.
func (tx *Tx) BeginSync(ctx context.Context, id billing.AccountID, ticket int64, cause billing.SyncCause) error {
	return translate(
		tx.q(ctx).Create(
			&syncRow{AccountID: string(id), Ticket: ticket, Cause: string(cause), BeganAt: stamp{tx.Now}},
		).Error,
	)
}

// maxDetail bounds the note of a sync. What the sync changed may contain text from Stripe.
const maxDetail = 10_000

// EndSync records the outcome of a sync.
func (tx *Tx) EndSync(ctx context.Context, id billing.AccountID, ticket int64, end billing.SyncEnd) error {
	columns := map[string]any{
		"ended_at": stamp{tx.Now}, "outcome": string(end.Outcome), "detail": billing.Storable(end.Detail, maxDetail),
	}
	if end.Version != 0 {
		columns["version"] = end.Version
	}
	return translate(
		tx.q(ctx).Model(&syncRow{}).Where("account_id = ? AND ticket = ?", string(id), ticket).Updates(columns).Error,
	)
}

// DeleteOldSyncs deletes syncs that began before the given time, up to limit of them.
func (tx *Tx) DeleteOldSyncs(ctx context.Context, before time.Time, limit int) error {
	return translate(tx.q(ctx).Exec(`DELETE FROM syncs WHERE (account_id, ticket) IN
		(SELECT account_id, ticket FROM syncs WHERE began_at < ? ORDER BY began_at LIMIT ?)`,
		stamp{before}, limit).Error)
}
