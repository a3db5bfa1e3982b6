package store

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/pointsync/pointsync/pkg/billing"
)

// Directories lead from a value that is unique among all accounts to the account that has it. An email can be given up,
// and the deletion of an account removes its email, external id and identities. A customer's entry is never changed or
// removed. A reader may see an entry before its account. It then finds no account, as if there were no entry.

type emailRow struct {
	Email     string `gorm:"primaryKey"`
	AccountID string `gorm:"not null"`
}

func (emailRow) TableName() string { return "emails" }

type customerRow struct {
	CustomerID string `gorm:"primaryKey"`
	AccountID  string `gorm:"not null"`
}

func (customerRow) TableName() string { return "customers" }

type externalIDRow struct {
	ExternalID string `gorm:"primaryKey"`
	AccountID  string `gorm:"not null"`
}

func (externalIDRow) TableName() string { return "external_ids" }

// AccountByEmail reads one account by its lower-case email. It makes the same statements for an email that no account
// has, so that the time shows nothing. Errors: ENotFound.
func (r reads) AccountByEmail(ctx context.Context, email string) (billing.Account, error) {
	var row emailRow
	err := r.q(ctx).Where("email = ?", email).Take(&row).Error
	if err != nil && !errors.Is(err, gorm.ErrRecordNotFound) {
		return billing.Account{}, translate(err)
	}
	return r.Account(ctx, billing.AccountID(row.AccountID))
}

// AccountOfExternalID returns the id of the account that a service gave an id. Errors: ENotFound.
func (r reads) AccountOfExternalID(ctx context.Context, id string) (billing.AccountID, error) {
	var row externalIDRow
	err := r.q(ctx).Where("external_id = ?", id).Take(&row).Error
	return billing.AccountID(row.AccountID), translate(err)
}

// EnterExternalID assigns an external id to the account, and returns the account that has it: another one if the id was
// taken. Of two transactions that enter one id, the second waits for the first.
func (tx *Tx) EnterExternalID(
	ctx context.Context, id string, account billing.AccountID,
) (owner billing.AccountID, err error) {
	res := tx.q(ctx).Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "external_id"}}, DoNothing: true}).
		Create(&externalIDRow{ExternalID: id, AccountID: string(account)})
	if res.Error != nil || res.RowsAffected == 1 {
		return account, translate(res.Error)
	}
	return tx.AccountOfExternalID(ctx, id)
}

// AccountOfCustomer returns the account that has or had a Stripe customer. Errors: ENotFound.
func (r reads) AccountOfCustomer(ctx context.Context, id billing.CustomerID) (billing.AccountID, error) {
	var row customerRow
	err := r.q(ctx).Where("customer_id = ?", string(id)).Take(&row).Error
	return billing.AccountID(row.AccountID), translate(err)
}

// enterEmail assigns an email to the account. Errors: EEmailTaken.
func (tx *Tx) enterEmail(ctx context.Context, email string, account billing.AccountID) error {
	err := tx.q(ctx).Create(&emailRow{Email: email, AccountID: string(account)}).Error
	if errors.Is(err, gorm.ErrDuplicatedKey) {
		return billing.Wrap(err, billing.EEmailTaken, "An account with this email exists. Log in instead.")
	}
	return translate(err)
}

// enterCustomer assigns a customer to the account for good. The account may have had the same one before.
func (tx *Tx) enterCustomer(ctx context.Context, customer billing.CustomerID, account billing.AccountID) error {
	res := tx.q(ctx).Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "customer_id"}}, DoNothing: true}).
		Create(&customerRow{CustomerID: string(customer), AccountID: string(account)})
	if res.Error != nil || res.RowsAffected == 1 {
		return translate(res.Error)
	}
	owner, err := tx.AccountOfCustomer(ctx, customer)
	if err == nil && owner != account {
		err = fmt.Errorf("store: customer %s belongs to another account: %w", customer, gorm.ErrDuplicatedKey)
	}
	return err
}
