package store

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/pointsync/pointsync/pkg/billing"
)

type periodRow struct {
	AccountID   string `gorm:"primaryKey"`
	Source      string `gorm:"primaryKey"`
	StartsAt    stamp  `gorm:"primaryKey"`
	EndsAt      stamp  `gorm:"not null"`
	PeriodInner bool   `gorm:"not null"`
	ExpiresAt   *stamp
	Rollover    int64 `gorm:"not null"`
	Carried     int64 `gorm:"not null"`
}

func (periodRow) TableName() string { return "periods" }

// NewestPeriod reads the period of a source that begins last. ok is false if none has begun.
func (r reads) NewestPeriod(
	ctx context.Context, account billing.AccountID, source string,
) (p billing.BegunPeriod, ok bool, err error) {
	var row periodRow
	err = r.q(ctx).Where(
		"account_id = ? AND source = ?", string(account), source,
	).Order("starts_at DESC").Limit(1).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return p, false, nil
	}
	return fromRowPeriod(row), err == nil, translate(err)
}

// PeriodsSince lists the periods of a source that begin after the given time, in order.
func (r reads) PeriodsSince(
	ctx context.Context, account billing.AccountID, source string, since time.Time,
) ([]billing.BegunPeriod, error) {
	var rows []periodRow
	err := r.q(ctx).Where(
		"account_id = ? AND source = ? AND starts_at > ?", string(account), source, stamp{since},
	).Order("starts_at").Find(&rows).Error
	periods := make([]billing.BegunPeriod, len(rows))
	for i, row := range rows {
		periods[i] = fromRowPeriod(row)
	}
	return periods, translate(err)
}

// BeginPeriod appends a period. A period that has begun before stays as it is. The caller holds the account's lock.
func (tx *Tx) BeginPeriod(ctx context.Context, p billing.BegunPeriod) error {
	row := periodRow{
		AccountID:   string(p.AccountID),
		Source:      p.Source,
		StartsAt:    stamp{p.Start},
		EndsAt:      stamp{p.End},
		PeriodInner: p.Inner,
		ExpiresAt:   toStamp(p.ExpiresAt), Rollover: int64(p.Rollover), Carried: int64(p.Carried),
	}
	return translate(tx.q(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&row).Error)
}

// SaveCarried writes how many points a period has carried over. The caller holds the account's lock.
func (tx *Tx) SaveCarried(ctx context.Context, p billing.BegunPeriod) error {
	return translate(tx.q(ctx).Model(&periodRow{}).
		Where("account_id = ? AND source = ? AND starts_at = ?", string(p.AccountID), p.Source, stamp{p.Start}).
		Update("carried", int64(p.Carried)).Error)
}

func fromRowPeriod(row periodRow) billing.BegunPeriod {
	return billing.BegunPeriod{
		AccountID: billing.AccountID(row.AccountID), Source: row.Source,
		Period:    billing.Period{Start: row.StartsAt.Time, End: row.EndsAt.Time, Inner: row.PeriodInner},
		ExpiresAt: fromStamp(row.ExpiresAt),
		Rollover:  billing.Points(row.Rollover),
		Carried:   billing.Points(row.Carried),
	}
}
