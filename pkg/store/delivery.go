package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"github.com/pointsync/pointsync/pkg/billing"
)

type deliveryRow struct {
	WebhookID   string `gorm:"primaryKey"`
	ID          string `gorm:"primaryKey"`
	AccountID   *string
	Type        string `gorm:"not null"`
	Body        string `gorm:"not null"`
	Status      string `gorm:"not null"`
	Attempts    int64  `gorm:"not null"`
	PutOff      int64  `gorm:"not null"`
	NextAt      stamp  `gorm:"not null"`
	LastStatus  int64  `gorm:"not null"`
	LastError   string `gorm:"not null"`
	CreatedAt   stamp  `gorm:"not null;autoCreateTime:false"`
	TriedAt     *stamp
	DeliveredAt *stamp
}

func (deliveryRow) TableName() string { return "deliveries" }

// AtOnce is the NextAt of a delivery that was never tried. Such deliveries come first, in the order of their ids.
var AtOnce = time.Unix(0, 0).UTC()

// statusAtFirst is the status of a new delivery at the endpoint w.
const statusAtFirst = "CASE WHEN w.disabled_at IS NULL THEN 'pending' ELSE 'missed' END"

// InsertDeliveries appends an outgoing event for every endpoint that wants its type, or only for the endpoint that it
// names. At a disabled endpoint it is missed. It is one statement, so it goes by what the endpoints want at that
// moment, and not by what another transaction has read.
func (tx *Tx) InsertDeliveries(ctx context.Context, d billing.Delivery) error {
	if tx.collected != nil {
		*tx.collected = append(*tx.collected, d)
		return nil
	}
	return tx.InsertDeliveriesBut(ctx, "", d)
}

// InsertDeliveriesBut is like InsertDeliveries, without one endpoint.
func (tx *Tx) InsertDeliveriesBut(ctx context.Context, but billing.WebhookID, d billing.Delivery) error {
	res := tx.q(ctx).Exec(`INSERT INTO deliveries
		(webhook_id, id, account_id, type, body, status, attempts, put_off, next_at, last_status, last_error,
			created_at)
		SELECT w.id, @id, @account, @type, @body, `+statusAtFirst+`,
			0, 0, @next, 0, '', @now
		FROM webhooks w WHERE w.id = @webhook
			OR @webhook = '' AND w.id <> @but AND (w.types = ',*,' OR w.types LIKE @like)`,
		map[string]any{
			"id": string(d.ID), "account": nullable(d.AccountID), "type": string(d.Type), "body": d.Body,
			"next": stamp{AtOnce}, "now": stamp{d.CreatedAt},
			"webhook": string(d.WebhookID), "but": string(but), "like": "%," + string(d.Type) + ",%",
		})
	if res.RowsAffected > 0 {
		tx.rings = true
	}
	return translate(res.Error)
}

// DueHeads lists what is due at an endpoint by now: of each account its first delivery, and the first of those that
// concern none. These are the accounts with an id after the given one, up to limit; "" begins at the first. What was
// never tried comes first, in the order in which it happened. The database reads all that is due for it, but only in
// the index.
func (r reads) DueHeads(
	ctx context.Context, id billing.WebhookID, now time.Time, after billing.AccountID, limit int,
) ([]billing.Delivery, error) {
	return r.deliveries(r.q(ctx).Where(`webhook_id = @webhook AND id IN (SELECT id FROM
		(SELECT id, COALESCE(account_id, '') AS account,
			ROW_NUMBER() OVER (PARTITION BY account_id ORDER BY next_at, id) AS turn FROM deliveries
		WHERE webhook_id = @webhook AND status = 'pending' AND next_at <= @now) due
		WHERE turn = 1 AND (@after = '' OR account > @after) ORDER BY account LIMIT @limit)`,
		map[string]any{"webhook": string(id), "now": stamp{now}, "after": string(after), "limit": limit},
	).Order("next_at, id"))
}

// NextDelivery returns when the next delivery at an endpoint is due, or nil if none is pending.
func (r reads) NextDelivery(ctx context.Context, id billing.WebhookID) (*time.Time, error) {
	next, err := r.deliveries(
		r.q(ctx).Where("webhook_id = ? AND status = 'pending'", string(id)).Order("next_at, id").Limit(1),
	)
	if err != nil || len(next) == 0 {
		return nil, err
	}
	return &next[0].NextAt, nil
}

// Deliveries lists the deliveries of an endpoint, newest first, starting after the one with id before ("" begins at
// the newest). Status "" matches any.
func (r reads) Deliveries(
	ctx context.Context, id billing.WebhookID, status billing.DeliveryStatus, before billing.MessageID, limit int,
) ([]billing.Delivery, error) {
	q := r.q(ctx).Where("webhook_id = ?", string(id)).Order("id DESC").Limit(limit)
	if status != "" {
		q = q.Where("status = ?", string(status))
	}
	if before != "" {
		q = q.Where("id < ?", string(before))
	}
	return r.deliveries(q)
}

// Delivery reads one delivery. Errors: ENotFound.
func (r reads) Delivery(
	ctx context.Context, webhook billing.WebhookID, id billing.MessageID,
) (billing.Delivery, error) {
	var row deliveryRow
	err := r.q(ctx).Where("webhook_id = ? AND id = ?", string(webhook), string(id)).Take(&row).Error
	return fromRowDelivery(row), translate(err)
}

func (r reads) deliveries(q *gorm.DB) ([]billing.Delivery, error) {
	var rows []deliveryRow
	if err := q.Find(&rows).Error; err != nil {
		return nil, translate(err)
	}
	all := make([]billing.Delivery, len(rows))
	for i, row := range rows {
		all[i] = fromRowDelivery(row)
	}
	return all, nil
}

// SaveAttempt writes the outcome of an attempt, or a request to send again. It changes nothing if another attempt was
// saved since the delivery was read. The caller holds the endpoint's lock.
func (tx *Tx) SaveAttempt(ctx context.Context, before, d billing.Delivery) error {
	res := tx.q(ctx).Model(&deliveryRow{}).
		Where(
			"webhook_id = ? AND id = ? AND attempts = ? AND put_off = ? AND status = ?", string(d.WebhookID),
			string(d.ID), before.Attempts, before.PutOff, string(before.Status),
		).
		Updates(map[string]any{
			"status": string(d.Status), "attempts": d.Attempts, "put_off": d.PutOff, "next_at": stamp{d.NextAt},
			"last_status": d.LastStatus, "last_error": d.LastError,
			"tried_at": toStamp(d.TriedAt), "delivered_at": toStamp(d.DeliveredAt),
		})
	if res.Error != nil || res.RowsAffected == 0 {
		return translate(res.Error)
	}
	switch d.Status {
	case billing.DeliveryDelivered:
		return tx.count(ctx, d.WebhookID, "delivered", 1)
	case billing.DeliveryFailed:
		return tx.count(ctx, d.WebhookID, "failed", 1)
	}
	tx.rings = d.NextAt.Equal(AtOnce)
	return nil
}

func (tx *Tx) count(ctx context.Context, id billing.WebhookID, column string, n int64) error {
	return translate(
		tx.q(ctx).Model(&webhookRow{}).Where("id = ?", string(id)).Update(column, gorm.Expr(column+" + ?", n)).Error,
	)
}

// GiveUpDeliveries marks all pending deliveries of an endpoint as failed.
func (tx *Tx) GiveUpDeliveries(ctx context.Context, id billing.WebhookID, why string) error {
	res := tx.q(ctx).Model(&deliveryRow{}).Where("webhook_id = ? AND status = 'pending'", string(id)).
		Updates(map[string]any{"status": string(billing.DeliveryFailed), "last_error": why})
	if res.Error != nil {
		return translate(res.Error)
	}
	return tx.count(ctx, id, "failed", res.RowsAffected)
}

// ResendDeliveries makes deliveries of an endpoint pending again, with all their attempts. It takes the first of those
// that the filter selects, in the order in which they happened, up to limit. It returns how many there were, and the
// last one's id if there are more. The caller holds the endpoint's lock.
func (tx *Tx) ResendDeliveries(
	ctx context.Context, id billing.WebhookID, f billing.DeliveryFilter, limit int,
) (n int, last billing.MessageID, err error) {
	q := tx.q(ctx).Model(&deliveryRow{}).Where(
		"webhook_id = ? AND id > ? AND status IN ? AND type <> ?", string(id), string(f.After), texts(f.Statuses),
		string(billing.OutTest),
	)
	if len(f.Types) > 0 {
		q = q.Where("type IN ?", texts(f.Types))
	}
	if f.From != nil {
		q = q.Where("created_at >= ?", stamp{*f.From})
	}
	if f.To != nil {
		q = q.Where("created_at < ?", stamp{*f.To})
	}
	var ids []string
	if err := q.Order("id").Limit(limit+1).Pluck("id", &ids).Error; err != nil || len(ids) == 0 {
		return 0, "", translate(err)
	}
	if len(ids) > limit {
		ids = ids[:limit]
		last = billing.MessageID(ids[limit-1])
	}
	res := tx.q(ctx).Model(&deliveryRow{}).Where("webhook_id = ? AND id IN ?", string(id), ids).
		Updates(map[string]any{
			"status": string(billing.DeliveryPending), "attempts": 0, "put_off": 0, "next_at": stamp{AtOnce},
			"delivered_at": nil,
		})
	tx.rings = true
	return int(res.RowsAffected), last, translate(res.Error)
}

func texts[S ~string](of []S) []string {
	all := make([]string, len(of))
	for i, s := range of {
		all[i] = string(s)
	}
	return all
}

// DeleteDeliveries deletes deliveries that were made before the given time and are not pending, and those whose
// endpoint is gone, up to limit of each.
func (tx *Tx) DeleteDeliveries(ctx context.Context, before time.Time, limit int) error {
	err := tx.deleteDeliveries(ctx, "created_at < ? AND status <> 'pending' ORDER BY created_at", stamp{before}, limit)
	// This goes from endpoint to endpoint by the index. A search for missing endpoints among all deliveries would read
	// all of them.
	for after := ""; err == nil; {
		var next struct{ Webhook, Known *string }
		err = tx.q(ctx).Raw(`SELECT d.webhook, w.id AS known
			FROM (SELECT MIN(webhook_id) AS webhook FROM deliveries WHERE webhook_id > ?) d
			LEFT JOIN webhooks w ON w.id = d.webhook`, after).Scan(&next).Error
		if err != nil || next.Webhook == nil {
			break
		}
		after = *next.Webhook
		if next.Known == nil {
			err = tx.deleteDeliveries(ctx, "webhook_id = ?", after, limit)
		}
	}
	return translate(err)
}

func (tx *Tx) deleteDeliveries(ctx context.Context, where string, arg any, limit int) error {
	return tx.q(ctx).Exec(
		`DELETE FROM deliveries WHERE (webhook_id, id) IN (SELECT webhook_id, id FROM deliveries WHERE `+where+
			` LIMIT ?)`,
		arg, limit,
	).Error
}

// Outgoing counts deliveries: those that wait, the time since which the oldest of these waits, and all that ever
// ended.
type Outgoing struct {
	Pending, Delivered, Failed int64
	Oldest                     *time.Time
}

// Outgoing counts the deliveries of all endpoints.
func (r reads) Outgoing(ctx context.Context) (o Outgoing, err error) {
	var row struct {
		Pending, Delivered, Failed int64
		Oldest                     *stamp
	}
	err = r.q(ctx).Raw(`SELECT pending, oldest, CAST(COALESCE(SUM(w.delivered), 0) AS bigint) AS delivered,
		CAST(COALESCE(SUM(w.failed), 0) AS bigint) AS failed
		FROM (SELECT COUNT(*) AS pending, MIN(created_at) AS oldest FROM deliveries WHERE status = 'pending') waiting
		LEFT JOIN webhooks w ON true
		GROUP BY pending, oldest`).Scan(&row).Error
	return Outgoing{row.Pending, row.Delivered, row.Failed, fromStamp(row.Oldest)}, translate(err)
}

func fromRowDelivery(row deliveryRow) billing.Delivery {
	return billing.Delivery{
		ID:          billing.MessageID(row.ID),
		WebhookID:   billing.WebhookID(row.WebhookID),
		AccountID:   fromNullable[billing.AccountID](row.AccountID),
		Type:        billing.OutgoingType(row.Type),
		Body:        row.Body,
		Status:      billing.DeliveryStatus(row.Status),
		Attempts:    row.Attempts,
		PutOff:      row.PutOff,
		NextAt:      row.NextAt.Time,
		LastStatus:  row.LastStatus,
		LastError:   row.LastError,
		CreatedAt:   row.CreatedAt.Time,
		TriedAt:     fromStamp(row.TriedAt),
		DeliveredAt: fromStamp(row.DeliveredAt),
	}
}
