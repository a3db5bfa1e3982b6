package store

import (
	"context"

	"gorm.io/gorm/clause"

	"github.com/pointsync/pointsync/pkg/billing"
)

type identityRow struct {
	Issuer    string `gorm:"primaryKey"`
	Subject   string `gorm:"primaryKey"`
	AccountID string `gorm:"not null"`
	CreatedAt stamp  `gorm:"not null;autoCreateTime:false"`
}

func (identityRow) TableName() string { return "identities" }

// AccountOfIdentity returns the id of the account of a person at an issuer. Errors: ENotFound.
func (r reads) AccountOfIdentity(ctx context.Context, who billing.Identity) (billing.AccountID, error) {
	var row identityRow
	err := r.q(ctx).Where("issuer = ? AND subject = ?", who.Issuer, who.Subject).Take(&row).Error
	return billing.AccountID(row.AccountID), translate(err)
}

// EnterIdentity assigns a person at an issuer to the account, and returns the account that has the person: another one
// if the person was entered before. Of two transactions that enter one person, the second waits for the first.
func (tx *Tx) EnterIdentity(
	ctx context.Context, who billing.Identity, account billing.AccountID,
) (owner billing.AccountID, err error) {
	res := tx.q(ctx).Clauses(clause.OnConflict{
		Columns: []clause.Column{{Name: "issuer"}, {Name: "subject"}}, DoNothing: true,
	}).Create(&identityRow{
		Issuer: who.Issuer, Subject: who.Subject, AccountID: string(account), CreatedAt: stamp{tx.Now},
	})
	if res.Error != nil || res.RowsAffected == 1 {
		return account, translate(res.Error)
	}
	return tx.AccountOfIdentity(ctx, who)
}

// Identities lists the persons at issuers that open the account, in the order in which they were entered.
func (r reads) Identities(ctx context.Context, account billing.AccountID) ([]billing.LinkedIdentity, error) {
	var rows []identityRow
	err := r.q(ctx).Where("account_id = ?", string(account)).Order("created_at, issuer, subject").Find(&rows).Error
	list := make([]billing.LinkedIdentity, len(rows))
	for i, row := range rows {
		list[i] = billing.LinkedIdentity{Issuer: row.Issuer, Subject: row.Subject, At: row.CreatedAt.Time}
	}
	return list, translate(err)
}
