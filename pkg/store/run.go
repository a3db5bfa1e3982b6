package store

import (
	"context"

	"gorm.io/gorm/clause"

	"github.com/pointsync/pointsync/pkg/billing"
)

type runRow struct {
	Kind         string `gorm:"primaryKey"`
	BeganAt      *stamp
	CursorID     string `gorm:"not null"`
	Accounts     int64  `gorm:"not null"`
	Findings     int64  `gorm:"not null"`
	EndedAt      *stamp
	LastEndedAt  *stamp
	LastFindings int64 `gorm:"not null"`
}

func (runRow) TableName() string { return "audit_runs" }

// AuditRuns returns the cursor of each periodic walk over all accounts.
func (r reads) AuditRuns(ctx context.Context) ([]billing.AuditRun, error) {
	var rows []runRow
	if err := r.q(ctx).Order("kind").Find(&rows).Error; err != nil {
		return nil, translate(err)
	}
	runs := make([]billing.AuditRun, len(rows))
	for i, row := range rows {
		runs[i] = fromRowRun(row)
	}
	return runs, nil
}

// AuditRun returns the cursor of one periodic walk.
func (r reads) AuditRun(ctx context.Context, kind billing.RunKind) (billing.AuditRun, error) {
	var row runRow
	err := r.q(ctx).Where("kind = ?", string(kind)).Take(&row).Error
	return fromRowRun(row), translate(err)
}

// LockAuditRun returns what AuditRun does, and makes other writers of it wait until this transaction ends.
func (tx *Tx) LockAuditRun(ctx context.Context, kind billing.RunKind) (billing.AuditRun, error) {
	var row runRow
	err := tx.q(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Where("kind = ?", string(kind)).Take(&row).Error
	return fromRowRun(row), translate(err)
}

// SaveAuditRun writes the cursor of a walk. The caller holds its lock.
func (tx *Tx) SaveAuditRun(ctx context.Context, run billing.AuditRun) error {
	return translate(tx.q(ctx).Model(&runRow{}).Where("kind = ?", string(run.Kind)).Updates(map[string]any{
		"began_at": toStamp(run.BeganAt), "cursor_id": string(run.Cursor), "accounts": run.Accounts,
		"findings": run.Findings,
		"ended_at": toStamp(run.EndedAt), "last_ended_at": toStamp(run.LastEndedAt), "last_findings": run.LastFindings,
	}).Error)
}

func fromRowRun(row runRow) billing.AuditRun {
	return billing.AuditRun{
		Kind:         billing.RunKind(row.Kind),
		BeganAt:      fromStamp(row.BeganAt),
		Cursor:       billing.AccountID(row.CursorID),
		Accounts:     row.Accounts,
		Findings:     row.Findings,
		EndedAt:      fromStamp(row.EndedAt),
		LastEndedAt:  fromStamp(row.LastEndedAt),
		LastFindings: row.LastFindings,
	}
}
