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
	Origin      *string
	TriedAt     *stamp // when the sweeper last looked for its account
	ProcessedAt *stamp
}

func (eventRow) TableName() string { return "inbox_events" }

// InsertEvent stores an event unless its id is known. It reports whether it did.
func (tx *Tx) InsertEvent(ctx context.Context, e billing.InboxEvent) (bool, error) {
	row := eventRow{
		ID:         string(e.ID),
		Type:       e.Type,
		APIVersion: e.APIVersion,
		Livemode:   e.Livemode,
		ObjectType: string(e.ObjectType),
		ObjectID:   e.ObjectID,
		CustomerID: nullable(e.CustomerID),
		AccountID:  nullable(e.AccountID),
		Status:     string(e.Status),
		Reason:     e.Reason,
		CreatedAt:  stamp{e.CreatedAt}, ReceivedAt: stamp{e.ReceivedAt},
		Origin: nullable(e.Origin),
	}
	res := tx.q(ctx).Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoNothing: true}).Create(&row)
	isNew := res.RowsAffected == 1
	if isNew && tx.facts != nil && e.Status != billing.InboxIgnored {
		tx.facts.Received = append(tx.facts.Received, e.CreatedAt)
	}
	return isNew, translate(res.Error)
}

// ReopenEvent makes an event pending again, for the account that it concerns.
func (tx *Tx) ReopenEvent(ctx context.Context, id billing.StripeEventID, account billing.AccountID) error {
	return translate(tx.q(ctx).Model(&eventRow{}).Where("id = ?", string(id)).Updates(map[string]any{
		"status": string(billing.InboxPending), "account_id": string(account), "reason": "", "ticket": nil,
		"processed_at": nil,
	}).Error)
}

// IgnoreEvent closes an event that belongs to no account of ours, with the reason.
func (tx *Tx) IgnoreEvent(ctx context.Context, id billing.StripeEventID, why string) error {
	return translate(tx.q(ctx).Model(&eventRow{}).Where("id = ?", string(id)).
		Updates(map[string]any{"status": string(billing.InboxIgnored), "reason": why}).Error)
}

// StampEvents ties the account's pending events to the sync that begins now. All of them were stored before it.
func (tx *Tx) StampEvents(ctx context.Context, account billing.AccountID, ticket int64) error {
	return translate(tx.q(ctx).Model(&eventRow{}).
		Where("account_id = ? AND status = ? AND ticket IS NULL", string(account), string(billing.InboxPending)).
		Update("ticket", ticket).Error)
}

// ProcessEvents closes the account's events that were stored before the sync with this ticket began. That sync is
// applied now.
func (tx *Tx) ProcessEvents(ctx context.Context, account billing.AccountID, ticket int64) error {
	var rows []eventRow
	err := tx.q(ctx).Model(&rows).Clauses(clause.Returning{Columns: []clause.Column{{Name: "received_at"}}}).
		Where("account_id = ? AND status = ? AND ticket <= ?", string(account), string(billing.InboxPending), ticket).
		Updates(
			map[string]any{"status": string(billing.InboxProcessed), "processed_at": stamp{tx.Now}, "last_error": ""},
		).Error
	if tx.facts != nil {
		for _, row := range rows {
			tx.facts.Processed = append(tx.facts.Processed, row.ReceivedAt.Time)
		}
	}
	return translate(err)
}

// FailEvents records on the account's pending events that a sync for them failed, and why.
func (tx *Tx) FailEvents(ctx context.Context, account billing.AccountID, why string) error {
	return tx.failEvents(ctx, why, "account_id = ?", string(account))
}

// FailEvent records on one pending event that the search for its account failed, and why.
func (tx *Tx) FailEvent(ctx context.Context, id billing.StripeEventID, why string) error {
	return tx.failEvents(ctx, why, "id = ?", string(id))
}

func (tx *Tx) failEvents(ctx context.Context, why, which, arg string) error {
	return translate(tx.q(ctx).Model(&eventRow{}).Where(which, arg).Where("status = ?", string(billing.InboxPending)).
		Updates(map[string]any{"attempts": gorm.Expr("attempts + 1"), "last_error": why}).Error)
}

// NamedObjects lists what the account's pending events are about and a picture of its customer might not show: charges,
// refunds and disputes of charges, and invoices of its earlier customers. An upcoming invoice has no id and cannot be
// read. If again is not nil, it also lists what events named whose sync was applied then or later.
func (r reads) NamedObjects(
	ctx context.Context, account billing.AccountID, again *time.Time, limit int,
) ([]billing.StripeObject, error) {
	which := r.q(ctx).Where("status = ?", string(billing.InboxPending))
	if again != nil {
		which = which.Or("status = ? AND processed_at >= ?", string(billing.InboxProcessed), stamp{*again})
	}
	var named []billing.StripeObject
	err := r.q(ctx).Model(&eventRow{}).Distinct("object_type AS type, object_id AS id").
		Where("account_id = ? AND object_id <> ''", string(account)).Where(which).
		Where(
			`object_type IN ? OR object_type = ? AND customer_id IN
				(SELECT f.customer_id FROM former_customers f WHERE f.account_id = ?)`,
			[]string{
				string(billing.ObjectCharge), string(billing.ObjectRefund), string(billing.ObjectDispute),
			},
			string(billing.ObjectInvoice), string(account),
		).
		Order("object_type, object_id").Limit(limit).Scan(&named).Error
	return named, translate(err)
}

// Event reads one event. Errors: ENotFound.
func (r reads) Event(ctx context.Context, id billing.StripeEventID) (billing.InboxEvent, error) {
	var row eventRow
	if err := r.q(ctx).Where("id = ?", string(id)).Take(&row).Error; err != nil {
		return billing.InboxEvent{}, translate(err)
	}
	return fromRowEvent(row), nil
}

// Events lists events, last received first, starting after the one with id before ("" begins at the last); status "" is
// any.
func (r reads) Events(
	ctx context.Context, status billing.InboxStatus, before billing.StripeEventID, limit int,
) ([]billing.InboxEvent, error) {
	q := r.q(ctx).Order("received_at DESC, id DESC").Limit(limit)
	if status != "" {
		q = q.Where("status = ?", string(status))
	}
	if before != "" {
		q = q.Where(
			"(received_at, id) < (SELECT b.received_at, b.id FROM inbox_events b WHERE b.id = ?)", string(before),
		)
	}
	return findEvents(q)
}

func findEvents(q *gorm.DB) ([]billing.InboxEvent, error) {
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

// PendingEventsOf lists the events of an account that wait for a sync, first received first.
func (r reads) PendingEventsOf(
	ctx context.Context, account billing.AccountID, limit int,
) ([]billing.InboxEvent, error) {
	return findEvents(
		r.q(ctx).Where("account_id = ? AND status = ?", string(account), string(billing.InboxPending)).
			Order("received_at, id").Limit(limit),
	)
}

// HasPendingEvents reports whether an event of the account still waits for a sync.
func (r reads) HasPendingEvents(ctx context.Context, account billing.AccountID) (bool, error) {
	err := r.q(ctx).Where("account_id = ? AND status = ?", string(account), string(billing.InboxPending)).
		Take(&eventRow{}).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return false, nil
	}
	return err == nil, translate(err)
}

// overdue selects events that have waited since before @since, if no sync for an event of their account has begun
// since then. A user's own syncs do not count: they give up sooner, and frequent requests must not delay the events.
const overdue = `FROM inbox_events e WHERE e.status = 'pending' AND e.account_id IS NOT NULL AND e.received_at < @since
	AND NOT EXISTS (SELECT 1 FROM syncs s
		WHERE s.account_id = e.account_id AND s.cause = 'event' AND s.began_at >= @since)`

// OverdueAccounts lists accounts whose events have waited since before the given time, with no one working on them.
// The order is random. So many that keep failing do not hide the others, and replicas that look at the same time do
// not begin with the same account.
func (r reads) OverdueAccounts(ctx context.Context, since time.Time, limit int) ([]billing.AccountID, error) {
	var ids []billing.AccountID
	err := r.q(ctx).Raw("SELECT id FROM (SELECT DISTINCT e.account_id AS id "+overdue+
		") found ORDER BY random() LIMIT @limit",
		map[string]any{"since": stamp{since}, "limit": limit}).Scan(&ids).Error
	return ids, translate(err)
}

// IsOverdue reports whether OverdueAccounts would list an account whose lock this transaction holds.
func (tx *Tx) IsOverdue(ctx context.Context, id billing.AccountID, since time.Time) (bool, error) {
	var found int64
	err := tx.q(ctx).Raw(
		"SELECT count(*) "+overdue+" AND e.account_id = @id", map[string]any{"since": stamp{since}, "id": string(id)},
	).Scan(&found).Error
	return found > 0, translate(err)
}

// unrouted selects events that have waited since before the given time, whose account is not known, and which no one
// has tried since.
func unrouted(q *gorm.DB, since time.Time) *gorm.DB {
	return q.Model(&eventRow{}).Where(
		"status = ? AND account_id IS NULL AND received_at < ? AND (tried_at IS NULL OR tried_at < ?)",
		string(billing.InboxPending), stamp{since}, stamp{since},
	)
}

// UnroutedEvents lists events that have been pending since before the given time, whose account is not known yet, and
// on which no one is working. The order is random, as in OverdueAccounts.
func (r reads) UnroutedEvents(ctx context.Context, since time.Time, limit int) ([]billing.StripeEventID, error) {
	var ids []billing.StripeEventID
	err := unrouted(r.q(ctx), since).Order("random()").Limit(limit).Pluck("id", &ids).Error
	return ids, translate(err)
}

// TryEvent records that the caller begins to look for an event's account. It is one conditional update, so only one of
// many callers may do it.
func (tx *Tx) TryEvent(ctx context.Context, id billing.StripeEventID, since time.Time) (bool, error) {
	res := unrouted(tx.q(ctx), since).Where("id = ?", string(id)).Update("tried_at", stamp{tx.Now})
	return res.RowsAffected == 1, translate(res.Error)
}

func fromRowEvent(row eventRow) billing.InboxEvent {
	e := billing.InboxEvent{
		ID: billing.StripeEventID(row.ID), Type: row.Type, APIVersion: row.APIVersion, Livemode: row.Livemode,
		ObjectType:  billing.ObjectType(row.ObjectType),
		ObjectID:    row.ObjectID,
		CustomerID:  fromNullable[billing.CustomerID](row.CustomerID),
		AccountID:   fromNullable[billing.AccountID](row.AccountID),
		Status:      billing.InboxStatus(row.Status),
		Reason:      row.Reason,
		Attempts:    row.Attempts,
		LastError:   row.LastError,
		CreatedAt:   row.CreatedAt.Time,
		ReceivedAt:  row.ReceivedAt.Time,
		ProcessedAt: fromStamp(row.ProcessedAt),
	}
	if row.Ticket != nil {
		e.Ticket = *row.Ticket
	}
	return e
}
