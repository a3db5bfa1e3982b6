package store

import (
	"context"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/pointsync/pointsync/pkg/billing"
)

type webhookRow struct {
	ID          string     `gorm:"primaryKey"`
	URL         string     `gorm:"not null"`
	Types       string     `gorm:"not null"`
	Secret      string     `gorm:"not null"`
	OldSecrets  oldSecrets `gorm:"not null"`
	Round       int64      `gorm:"not null"`
	BusyUntil   stamp      `gorm:"not null"`
	PausedUntil *stamp
	Delivered   int64 `gorm:"not null"`
	Failed      int64 `gorm:"not null"`
	CreatedAt   stamp `gorm:"not null;autoCreateTime:false"`
	DisabledAt  *stamp
	DisabledWhy string `gorm:"not null"`
}

func (webhookRow) TableName() string { return "webhooks" }

// wantedQuery selects the types that all endpoints want, as one text. A disabled one wants them too: what it misses is
// kept, so that it can be sent later.
const wantedQuery = `(SELECT COALESCE(string_agg(types, ''), '') FROM webhooks)`

// Wants reports whether an endpoint wants events of a type. It asks the database once per transaction, and not at all
// after a Debit.
func (tx *Tx) Wants(ctx context.Context, t billing.OutgoingType) (bool, error) {
	if tx.wanted == nil {
		var text string
		if err := tx.q(ctx).Raw("SELECT " + wantedQuery).Scan(&text).Error; err != nil {
			return false, translate(err)
		}
		tx.wanted = &text
	}
	return strings.Contains(*tx.wanted, ","+string(t)+",") || strings.Contains(*tx.wanted, ",*,"), nil
}

// Webhooks lists the operator's endpoints, oldest first.
func (r reads) Webhooks(ctx context.Context) ([]billing.Webhook, error) {
	var rows []webhookRow
	if err := r.q(ctx).Order("id").Find(&rows).Error; err != nil {
		return nil, translate(err)
	}
	hooks := make([]billing.Webhook, len(rows))
	for i, row := range rows {
		hooks[i] = fromRowWebhook(row)
	}
	return hooks, nil
}

// Webhook reads one endpoint. Errors: ENotFound.
func (r reads) Webhook(ctx context.Context, id billing.WebhookID) (billing.Webhook, error) {
	var row webhookRow
	err := r.q(ctx).Where("id = ?", string(id)).Take(&row).Error
	return fromRowWebhook(row), translate(err)
}

// DueWebhooks lists the endpoints with a delivery that is due by now, without those that are disabled or paused.
func (r reads) DueWebhooks(ctx context.Context, now time.Time) ([]billing.Webhook, error) {
	var rows []webhookRow
	err := r.q(ctx).Where(`disabled_at IS NULL AND (paused_until IS NULL OR paused_until <= @now)
		AND EXISTS (SELECT 1 FROM deliveries d
		WHERE d.webhook_id = webhooks.id AND d.status = 'pending' AND d.next_at <= @now)`,
		map[string]any{"now": stamp{now}}).
		Order("id").Find(&rows).Error
	hooks := make([]billing.Webhook, len(rows))
	for i, row := range rows {
		hooks[i] = fromRowWebhook(row)
	}
	return hooks, translate(err)
}

// LockWebhook reads one endpoint as Webhook does, and makes other writers of it wait until this transaction ends.
// Errors: ENotFound.
func (tx *Tx) LockWebhook(ctx context.Context, id billing.WebhookID) (billing.Webhook, error) {
	var row webhookRow
	err := tx.q(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Where("id = ?", string(id)).Take(&row).Error
	return fromRowWebhook(row), translate(err)
}

// InsertWebhook appends an endpoint, unless there are as many as allowed. It reports whether it did.
func (tx *Tx) InsertWebhook(ctx context.Context, w billing.Webhook, most int64) (bool, error) {
	// On PostgreSQL two transactions at once would count the same number. On SQLite there is only one writer.
	if tx.dialect == Postgres {
		if err := tx.q(ctx).Exec("LOCK TABLE webhooks IN SHARE ROW EXCLUSIVE MODE").Error; err != nil {
			return false, translate(err)
		}
	}
	var n int64
	if err := tx.q(ctx).Model(&webhookRow{}).Count(&n).Error; err != nil || n >= most {
		return false, translate(err)
	}
	row := toRowWebhook(w)
	return true, translate(tx.q(ctx).Create(&row).Error)
}

// SaveWebhook writes the changes to an endpoint. The caller holds its lock.
func (tx *Tx) SaveWebhook(ctx context.Context, w billing.Webhook) error {
	row := toRowWebhook(w)
	return translate(tx.q(ctx).Model(&webhookRow{}).Where("id = ?", row.ID).Updates(map[string]any{
		"url": row.URL, "types": row.Types, "secret": row.Secret, "old_secrets": row.OldSecrets,
		"paused_until": row.PausedUntil, "disabled_at": row.DisabledAt, "disabled_why": row.DisabledWhy,
	}).Error)
}

// DeleteWebhook deletes an endpoint and its deliveries. Errors: ENotFound.
func (tx *Tx) DeleteWebhook(ctx context.Context, id billing.WebhookID) error {
	res := tx.q(ctx).Where("id = ?", string(id)).Delete(&webhookRow{})
	if res.Error == nil && res.RowsAffected == 0 {
		return billing.Errorf(billing.ENotFound, "No such webhook.")
	}
	if res.Error != nil {
		return translate(res.Error)
	}
	return translate(tx.q(ctx).Where("webhook_id = ?", string(id)).Delete(&deliveryRow{}).Error)
}

// TakeWebhook leases an enabled endpoint to the caller until the given time, unless another lease has not expired by
// now. ok is false in that case. It is also false if the endpoint is disabled or gone; known distinguishes these
// cases.
func (tx *Tx) TakeWebhook(
	ctx context.Context, id billing.WebhookID, now, until time.Time,
) (w billing.Webhook, ok, known bool, err error) {
	var row webhookRow
	res := tx.q(ctx).Model(&row).Clauses(clause.Returning{}).
		Where("id = ? AND disabled_at IS NULL AND busy_until <= ?", string(id), stamp{now}).
		Updates(map[string]any{"busy_until": stamp{until}, "round": gorm.Expr("round + 1")})
	if res.Error != nil || res.RowsAffected == 1 {
		return fromRowWebhook(row), res.Error == nil, true, translate(res.Error)
	}
	var n int64
	err = tx.q(ctx).Model(&webhookRow{}).Where("id = ? AND disabled_at IS NULL", string(id)).Count(&n).Error
	return billing.Webhook{}, false, n == 1, translate(err)
}

// LeaveWebhook releases a lease that lasts until the given time.
func (tx *Tx) LeaveWebhook(ctx context.Context, id billing.WebhookID, until time.Time) error {
	return translate(tx.q(ctx).Model(&webhookRow{}).Where("id = ? AND busy_until = ?", string(id), stamp{until}).
		Update("busy_until", stamp{time.Unix(0, 0)}).Error)
}

func toRowWebhook(w billing.Webhook) webhookRow {
	types := ",*,"
	if w.Types != nil {
		types = "," + strings.Join(texts(w.Types), ",") + ","
	}
	return webhookRow{
		ID:         string(w.ID),
		URL:        w.URL,
		Types:      types,
		Secret:     w.Secret.Reveal(),
		OldSecrets: w.OldSecrets,
		Round:      w.Round,
		BusyUntil:  stamp{time.Unix(0, 0)},
		Delivered:  w.Delivered,
		Failed:     w.Failed,
		CreatedAt:  stamp{w.CreatedAt},

		PausedUntil: toStamp(w.PausedUntil), DisabledAt: toStamp(w.DisabledAt), DisabledWhy: w.DisabledWhy,
	}
}

func fromRowWebhook(row webhookRow) billing.Webhook {
	w := billing.Webhook{
		ID:          billing.WebhookID(row.ID),
		URL:         row.URL,
		Secret:      billing.SigningSecret(row.Secret),
		OldSecrets:  row.OldSecrets,
		Round:       row.Round,
		Delivered:   row.Delivered,
		Failed:      row.Failed,
		CreatedAt:   row.CreatedAt.Time,
		PausedUntil: fromStamp(row.PausedUntil), DisabledAt: fromStamp(row.DisabledAt), DisabledWhy: row.DisabledWhy,
	}
	if row.Types != ",*," {
		for name := range strings.SplitSeq(strings.Trim(row.Types, ","), ",") {
			w.Types = append(w.Types, billing.OutgoingType(name))
		}
	}
	return w
}
