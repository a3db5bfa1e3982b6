package store

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/pointsync/pointsync/pkg/billing"
)

type eventRow struct {
	ID          string `gorm:"primaryKey"`
	Type        string `gorm:"not null"`
	APIVersion  string `gorm:"not null"`
	Livemode    bool   `gorm:"not null"`
	ObjectType  string `gorm:"not null"`
	ObjectID    string `gorm:"not null"`
	CustomerID  *string
	AccountID   *string
	Status      string `gorm:"not null"`
	Reason      string `gorm:"not null"`
	Ticket      *int64
	Attempts    int64  `gorm:"not null"`
	LastError   string `gorm:"not null"`
	CreatedAt   stamp  `gorm:"not null;autoCreateTime:false"`
	ReceivedAt  stamp  `gorm:"not null"`
	ProcessedAt *stamp
}

func (eventRow) TableName() string { return "inbox_events" }

// InsertEvent stores an event unless its id is known, and says whether it did.
func (tx *Tx) InsertEvent(ctx context.Context, e billing.InboxEvent) (bool, error) {
	row := eventRow{
		ID: string(e.ID), Type: e.Type, APIVersion: e.APIVersion, Livemode: e.Livemode, ObjectType: e.ObjectType, ObjectID: e.ObjectID,
		CustomerID: nullable(e.CustomerID), AccountID: nullable(e.AccountID), Status: string(e.Status), Reason: e.Reason,
		CreatedAt: stamp{e.CreatedAt}, ReceivedAt: stamp{e.ReceivedAt},
	}
	res := tx.q(ctx).Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoNothing: true}).Create(&row)
	return res.RowsAffected == 1, translate(res.Error)
}

// ReopenEvent makes an event pending again, for the account that it concerns.
func (tx *Tx) ReopenEvent(ctx context.Context, id billing.StripeEventID, account billing.AccountID) error {
	return translate(tx.q(ctx).Model(&eventRow{}).Where("id = ?", string(id)).Updates(map[string]any{
		"status": string(billing.InboxPending), "account_id": string(account), "reason": "", "ticket": nil, "processed_at": nil,
	}).Error)
}

// IgnoreEvent closes an event that concerns no account of ours, and says why.
func (tx *Tx) IgnoreEvent(ctx context.Context, id billing.StripeEventID, why string) error {
	return translate(tx.q(ctx).Model(&eventRow{}).Where("id = ?", string(id)).
		Updates(map[string]any{"status": string(billing.InboxIgnored), "reason": why}).Error)
}

// StampEvents ties the account's pending events to the sync that now begins: they were all stored before it.
func (tx *Tx) StampEvents(ctx context.Context, account billing.AccountID, ticket int64) error {
	return translate(tx.q(ctx).Model(&eventRow{}).
		Where("account_id = ? AND status = ? AND ticket IS NULL", string(account), string(billing.InboxPending)).
		Update("ticket", ticket).Error)
}

// ProcessEvents closes the account's events that were stored before the sync with this ticket, now applied, began.
func (tx *Tx) ProcessEvents(ctx context.Context, account billing.AccountID, ticket int64) error {
	return translate(tx.q(ctx).Model(&eventRow{}).
		Where("account_id = ? AND status = ? AND ticket <= ?", string(account), string(billing.InboxPending), ticket).
		Updates(map[string]any{"status": string(billing.InboxProcessed), "processed_at": stamp{tx.Now}, "last_error": ""}).Error)
}

// FailEvents notes on the account's pending events that a sync for them failed, and why.
func (tx *Tx) FailEvents(ctx context.Context, account billing.AccountID, why string) error {
	return tx.failEvents(ctx, why, "account_id = ?", string(account))
}

// FailEvent notes on one pending event that the search for its account failed, and why.
func (tx *Tx) FailEvent(ctx context.Context, id billing.StripeEventID, why string) error {
	return tx.failEvents(ctx, why, "id = ?", string(id))
}

func (tx *Tx) failEvents(ctx context.Context, why, which, arg string) error {
	return translate(tx.q(ctx).Model(&eventRow{}).Where(which, arg).Where("status = ?", string(billing.InboxPending)).
		Updates(map[string]any{"attempts": gorm.Expr("attempts + 1"), "last_error": why}).Error)
}

// Event reads one event. Errors: ENotFound.
func (r reads) Event(ctx context.Context, id billing.StripeEventID) (billing.InboxEvent, error) {
	var row eventRow
	if err := r.q(ctx).Where("id = ?", string(id)).Take(&row).Error; err != nil {
		return billing.InboxEvent{}, translate(err)
	}
	return fromRowEvent(row), nil
}

// Events lists events, last received first; status "" is any.
func (r reads) Events(ctx context.Context, status billing.InboxStatus, limit int) ([]billing.InboxEvent, error) {
	q := r.q(ctx).Order("received_at DESC, id DESC").Limit(limit)
	if status != "" {
		q = q.Where("status = ?", string(status))
	}
	var rows []eventRow
	if err := q.Find(&rows).Error; err != nil {
		return nil, translate(err)
	}
	events := make([]billing.InboxEvent, len(rows))
	for i, row := range rows {
		events[i] = fromRowEvent(row)
	}
	return events, nil
}

// HasPendingEvents says whether an event of the account still waits for a sync.
func (r reads) HasPendingEvents(ctx context.Context, account billing.AccountID) (bool, error) {
	err := r.q(ctx).Where("account_id = ? AND status = ?", string(account), string(billing.InboxPending)).
		Take(&eventRow{}).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return false, nil
	}
	return err == nil, translate(err)
}

// OverdueAccounts lists accounts with an event pending since before the given time.
func (r reads) OverdueAccounts(ctx context.Context, before time.Time, limit int) ([]billing.AccountID, error) {
	var ids []billing.AccountID
	err := r.q(ctx).Model(&eventRow{}).Distinct("account_id").
		Where("status = ? AND account_id IS NOT NULL AND received_at < ?", string(billing.InboxPending), stamp{before}).
		Order("account_id").Limit(limit).Pluck("account_id", &ids).Error
	return ids, translate(err)
}

// UnroutedEvents lists events pending since before the given time whose account is not known yet.
func (r reads) UnroutedEvents(ctx context.Context, before time.Time, limit int) ([]billing.StripeEventID, error) {
	var ids []billing.StripeEventID
	err := r.q(ctx).Model(&eventRow{}).Where("status = ? AND account_id IS NULL AND received_at < ?", string(billing.InboxPending), stamp{before}).
		Order("received_at").Limit(limit).Pluck("id", &ids).Error
	return ids, translate(err)
}

func fromRowEvent(row eventRow) billing.InboxEvent {
	e := billing.InboxEvent{
		ID: billing.StripeEventID(row.ID), Type: row.Type, APIVersion: row.APIVersion, Livemode: row.Livemode,
		ObjectType: row.ObjectType, ObjectID: row.ObjectID, CustomerID: fromNullable[billing.CustomerID](row.CustomerID),
		AccountID: fromNullable[billing.AccountID](row.AccountID), Status: billing.InboxStatus(row.Status), Reason: row.Reason,
		Attempts: row.Attempts, LastError: row.LastError, CreatedAt: row.CreatedAt.Time, ReceivedAt: row.ReceivedAt.Time,
		ProcessedAt: fromStamp(row.ProcessedAt),
	}
	if row.Ticket != nil {
		e.Ticket = *row.Ticket
	}
	return e
}
