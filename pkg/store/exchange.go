package store

import (
	"context"

	"gorm.io/gorm/clause"

	"github.com/pointsync/pointsync/pkg/billing"
)

type exchangedTokenRow struct {
	AccountID string `gorm:"primaryKey"`
	Digest    string `gorm:"primaryKey"`
	LoginID   string `gorm:"not null"`
	UsedAt    stamp  `gorm:"not null"`
	EndsAt    stamp  `gorm:"not null"`
}

func (exchangedTokenRow) TableName() string { return "exchanged_tokens" }

// ExchangedToken returns an ID token that has opened a login of the account. Errors: ENotFound.
func (r reads) ExchangedToken(
	ctx context.Context, account billing.AccountID, digest string,
) (billing.ExchangedToken, error) {
	var row exchangedTokenRow
	err := r.q(ctx).Where("account_id = ? AND digest = ?", string(account), digest).Take(&row).Error
	return billing.ExchangedToken{
		Digest: row.Digest, LoginID: billing.SessionID(row.LoginID), UsedAt: row.UsedAt.Time, EndsAt: row.EndsAt.Time,
	}, translate(err)
}

// SaveExchangedToken records which login of the account, whose lock this transaction holds, an ID token has opened.
func (tx *Tx) SaveExchangedToken(ctx context.Context, account billing.AccountID, t billing.ExchangedToken) error {
	return translate(tx.q(ctx).Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "account_id"}, {Name: "digest"}},
		DoUpdates: clause.AssignmentColumns([]string{"login_id"}),
	}).Create(&exchangedTokenRow{
		AccountID: string(account), Digest: t.Digest, LoginID: string(t.LoginID), UsedAt: stamp{t.UsedAt},
		EndsAt: stamp{t.EndsAt},
	}).Error)
}
