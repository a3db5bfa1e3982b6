package store

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

type holdRow struct {
	AccountID   string `gorm:"primaryKey"`
	ID          string `gorm:"primaryKey"`
	Amount      int64  `gorm:"not null"`
	Captured    int64  `gorm:"not null"`
	Status      string `gorm:"not null"`
	Action      *string
	Quantity    *int64
	Description string `gorm:"not null"`
	Metadata    string `gorm:"not null"`
	ExpiresAt   stamp  `gorm:"not null"`
	CreatedAt   stamp  `gorm:"not null;autoCreateTime:false"`
	EndedAt     *stamp
}

func (holdRow) TableName() string { return "holds" }

type holdPartRow struct {
	AccountID string `gorm:"primaryKey"`
	HoldID    string `gorm:"primaryKey"`
	LotID     string `gorm:"primaryKey"`
	Points    int64  `gorm:"not null"`
	Since     *stamp
}

func (holdPartRow) TableName() string { return "hold_parts" }

// Hold reads one hold of the account. Errors: ENotFound.
func (r reads) Hold(ctx context.Context, account billing.AccountID, id billing.HoldID) (billing.Hold, error) {
	var row holdRow
	if err := r.q(ctx).Where("account_id = ? AND id = ?", string(account), string(id)).Take(&row).Error; err != nil {
		return billing.Hold{}, translate(err)
	}
	return fromRowHold(row)
}

// Holds lists the account's holds, newest first, starting after the one with id before ("" begins at the newest).
func (r reads) Holds(
	ctx context.Context, account billing.AccountID, before billing.HoldID, limit int,
) ([]billing.Hold, error) {
	if before == "" {
		return r.holds(ctx, "id DESC", limit, "account_id = ?", string(account))
	}
	return r.holds(ctx, "id DESC", limit, "account_id = ? AND id < ?", string(account), string(before))
}

// DueHolds lists the expired holds of the account that are still active, the longest overdue first.
func (r reads) DueHolds(
	ctx context.Context, account billing.AccountID, now time.Time, limit int,
) ([]billing.Hold, error) {
	return r.holds(
		ctx, "expires_at, id", limit, "account_id = ? AND status = 'active' AND expires_at <= ?", string(account),
		stamp{now},
	)
}

// ActiveHolds lists the account's active holds, the one that expires first at the beginning.
func (r reads) ActiveHolds(ctx context.Context, account billing.AccountID, limit int) ([]billing.Hold, error) {
	return r.holds(ctx, "expires_at, id", limit, "account_id = ? AND status = 'active'", string(account))
}

// NextHoldExpiry returns when the next active hold expires, or nil if there is none.
func (r reads) NextHoldExpiry(ctx context.Context, account billing.AccountID) (*time.Time, error) {
	next, err := r.holds(ctx, "expires_at", 1, "account_id = ? AND status = 'active'", string(account))
	if err != nil || len(next) == 0 {
		return nil, err
	}
	return &next[0].ExpiresAt, nil
}

// CountActiveHolds returns how many active holds the account has.
func (r reads) CountActiveHolds(ctx context.Context, account billing.AccountID) (n int64, err error) {
	err = r.q(ctx).Model(&holdRow{}).Where("account_id = ? AND status = 'active'", string(account)).Count(&n).Error
	return n, translate(err)
}

// HoldParts returns the lots that the points of the account's hold came from.
func (r reads) HoldParts(
	ctx context.Context, account billing.AccountID, id billing.HoldID,
) ([]billing.HoldPart, error) {
	var rows []holdPartRow
	if err := r.q(ctx).Where(
		"account_id = ? AND hold_id = ?", string(account), string(id),
	).Order("lot_id").Find(&rows).Error; err != nil {
		return nil, translate(err)
	}
	parts := make([]billing.HoldPart, len(rows))
	for i, row := range rows {
		parts[i] = billing.HoldPart{
			LotID: billing.LotID(row.LotID), Points: billing.Points(row.Points), Since: fromStamp(row.Since),
		}
	}
	return parts, nil
}

// HoldersDue lists accounts with an expired hold, the longest overdue first.
func (r reads) HoldersDue(ctx context.Context, now time.Time, limit int) ([]billing.AccountID, error) {
	var ids []billing.AccountID
	err := r.q(ctx).Model(&holdRow{}).Where("status = 'active' AND expires_at <= ?", stamp{now}).
		Group("account_id").Order("MIN(expires_at)").Limit(limit).Pluck("account_id", &ids).Error
	return ids, translate(err)
}

func (r reads) holds(ctx context.Context, order string, limit int, where string, args ...any) ([]billing.Hold, error) {
	var rows []holdRow
	if err := r.q(ctx).Where(where, args...).Order(order).Limit(limit).Find(&rows).Error; err != nil {
		return nil, translate(err)
	}
	holds := make([]billing.Hold, len(rows))
	for i, row := range rows {
		h, err := fromRowHold(row)
		if err != nil {
			return nil, err
		}
		holds[i] = h
	}
	return holds, nil
}

// InsertHold appends a hold and the lots that its points come from. The caller holds the account's lock.
func (tx *Tx) InsertHold(ctx context.Context, h billing.Hold, parts []billing.HoldPart) error {
	metadata, err := toRowMetadata(h.Metadata)
	if err != nil {
		return err
	}
	err = tx.q(ctx).Create(&holdRow{
		ID:          string(h.ID),
		AccountID:   string(h.AccountID),
		Amount:      int64(h.Amount),
		Captured:    int64(h.Captured),
		Status:      string(h.Status),
		Action:      nullable(h.Action),
		Quantity:    toRowQuantity(h.Quantity),
		Description: h.Description,
		Metadata:    metadata,
		ExpiresAt:   stamp{h.ExpiresAt},
		CreatedAt:   stamp{h.CreatedAt},
		EndedAt:     toStamp(h.EndedAt),
	}).Error
	if err != nil {
		return translate(err)
	}
	rows := make([]holdPartRow, len(parts))
	for i, p := range parts {
		rows[i] = holdPartRow{
			AccountID: string(h.AccountID),
			HoldID:    string(h.ID),
			LotID:     string(p.LotID),
			Points:    int64(p.Points),
			Since:     toStamp(p.Since),
		}
	}
	return translate(tx.q(ctx).CreateInBatches(&rows, maxInsert).Error)
}

// maxInsert bounds the rows of one statement, because both databases limit its parameters.
const maxInsert = 1000

// EndHold writes how an active hold ended. The caller holds the account's lock and has seen under it that the hold is
// active.
func (tx *Tx) EndHold(ctx context.Context, h billing.Hold) error {
	return translate(tx.q(ctx).Model(&holdRow{}).Where(
		"account_id = ? AND id = ?", string(h.AccountID), string(h.ID),
	).Updates(map[string]any{
		"status": string(h.Status), "captured": int64(h.Captured), "ended_at": toStamp(h.EndedAt),
	}).Error)
}

func fromRowHold(row holdRow) (billing.Hold, error) {
	metadata, err := fromRowMetadata(row.Metadata)
	return billing.Hold{
		ID: billing.HoldID(row.ID), AccountID: billing.AccountID(row.AccountID), Amount: billing.Points(row.Amount),
		Captured:    billing.Points(row.Captured),
		Status:      billing.HoldStatus(row.Status),
		Action:      fromNullable[string](row.Action),
		Quantity:    fromRowQuantity(row.Quantity),
		Description: row.Description,
		Metadata:    metadata,
		ExpiresAt:   row.ExpiresAt.Time, CreatedAt: row.CreatedAt.Time, EndedAt: fromStamp(row.EndedAt),
	}, err
}
