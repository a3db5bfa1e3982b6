package store

import (
	"context"
	"time"

	"gorm.io/gorm/clause"

	"github.com/pointsync/pointsync/pkg/billing"
)

type exchangedTokenRow struct {
	Digest  string `gorm:"primaryKey"`
	LoginID string `gorm:"not null"`
	UsedAt  stamp  `gorm:"not null"`
	EndsAt  stamp  `gorm:"not null"`
}

func (exchangedTokenRow) TableName() string { return "exchanged_tokens" }

// ExchangedToken returns an ID token that has opened a login. Errors: ENotFound.
func (r reads) ExchangedToken(ctx context.Context, digest string) (billing.ExchangedToken, error) {
	var row exchangedTokenRow
	err := r.q(ctx).Where("digest = ?", digest).Take(&row).Error
	return billing.ExchangedToken{
		Digest: row.Digest, LoginID: billing.SessionID(row.LoginID), UsedAt: row.UsedAt.Time, EndsAt: row.EndsAt.Time,
	}, translate(err)
}

// SaveExchangedToken records which login an ID token has opened. The transaction holds the lock of its account.
func (tx *Tx) SaveExchangedToken(ctx context.Context, t billing.ExchangedToken) error {
	return translate(tx.q(ctx).Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "digest"}},
		DoUpdates: clause.AssignmentColumns([]string{"login_id"}),
	}).Create(&exchangedTokenRow{
		Digest: t.Digest, LoginID: string(t.LoginID), UsedAt: stamp{t.UsedAt}, EndsAt: stamp{t.EndsAt},
	}).Error)
}

// DeleteExchangedTokens deletes the ID tokens that were refused in any case before a time.
func (tx *Tx) DeleteExchangedTokens(ctx context.Context, before time.Time) error {
	return translate(tx.q(ctx).Where("ends_at < ?", stamp{before}).Delete(&exchangedTokenRow{}).Error)
}
