package store

import (
	"context"

	"gorm.io/gorm/clause"

	"github.com/pointsync/pointsync/pkg/billing"
)

type formerCustomerRow struct {
	AccountID  string `gorm:"primaryKey"`
	CustomerID string `gorm:"primaryKey"`
	Reason     string `gorm:"not null"`
	EndedAt    stamp  `gorm:"not null"`
}

func (formerCustomerRow) TableName() string { return "former_customers" }

// FormerCustomers lists the earlier Stripe customers of an account, oldest first.
func (r reads) FormerCustomers(ctx context.Context, account billing.AccountID) ([]billing.FormerCustomer, error) {
	var rows []formerCustomerRow
	if err := r.q(ctx).Where(
		"account_id = ?", string(account),
	).Order("ended_at, customer_id").Find(&rows).Error; err != nil {
		return nil, translate(err)
	}
	found := make([]billing.FormerCustomer, len(rows))
	for i, row := range rows {
		found[i] = billing.FormerCustomer{ID: billing.CustomerID(row.CustomerID), EndedAt: row.EndedAt.Time}
	}
	return found, nil
}

// SetCustomer ties the account to its Stripe customer for good. A second call changes nothing. It is an error if
// another account has or had the customer.
func (tx *Tx) SetCustomer(ctx context.Context, id billing.AccountID, customer billing.CustomerID) error {
	res := tx.q(ctx).Model(&accountRow{}).Where(
		"id = ? AND customer_id IS NULL", string(id),
	).Update("customer_id", string(customer))
	if res.Error != nil || res.RowsAffected == 0 {
		return translate(res.Error)
	}
	return tx.enterCustomer(ctx, customer, id)
}

// ImportCustomer ties the account, whose lock this transaction holds and which has no customer, to a customer that
// another system sold to until the cut-over. It is an error if another account has or had the customer.
func (tx *Tx) ImportCustomer(
	ctx context.Context, id billing.AccountID, customer billing.CustomerID, cut billing.CutOver,
) error {
	if err := tx.SetCustomer(ctx, id, customer); err != nil {
		return err
	}
	return tx.saveAccount(
		ctx, id, map[string]any{"cut_over_at": stamp{cut.At}, "cut_over_running": cut.Running},
	)
}

// CutOvers lists the different cut-overs that accounts were imported with, oldest first.
func (r reads) CutOvers(ctx context.Context) ([]billing.CutOver, error) {
	var rows []accountRow
	err := r.q(ctx).Model(&accountRow{}).Distinct("cut_over_at", "cut_over_running").Where("cut_over_at IS NOT NULL").
		Order("cut_over_at, cut_over_running").Find(&rows).Error
	found := make([]billing.CutOver, len(rows))
	for n, row := range rows {
		found[n] = billing.CutOver{At: row.CutOverAt.Time, Running: row.CutOverRunning}
	}
	return found, translate(err)
}

// EndCustomer unties the account, whose lock this transaction holds, from a customer that was deleted at Stripe. The
// id is kept, so events of that customer still find the account. It changes nothing if the account has another
// customer by now.
func (tx *Tx) EndCustomer(ctx context.Context, account billing.AccountID, customer billing.CustomerID) error {
	res := tx.q(ctx).Model(&accountRow{}).Where(
		"id = ? AND customer_id = ?", string(account), string(customer),
	).Update("customer_id", nil)
	if res.Error != nil || res.RowsAffected == 0 {
		return translate(res.Error)
	}
	return translate(tx.q(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&formerCustomerRow{
		CustomerID: string(customer), AccountID: string(account), Reason: "deleted", EndedAt: stamp{tx.Now},
	}).Error)
}
