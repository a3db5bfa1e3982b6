package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/pointsync/pointsync/pkg/billing"
)

type changeRow struct {
	AccountID  string `gorm:"primaryKey"`
	ID         string `gorm:"primaryKey"`
	Kind       string `gorm:"not null"`
	Plan       string `gorm:"not null"`
	Quantity   int64  `gorm:"not null"`
	Status     string `gorm:"not null"`
	Steps      string `gorm:"not null"` // JSON, "" until they are decided
	InvoiceID  *string
	PaymentURL string `gorm:"not null"`
	Problem    string `gorm:"not null"`
	Detail     string `gorm:"not null"`
	Voided     string `gorm:"not null"` // JSON, "" for none
	LeaseUntil stamp  `gorm:"not null"`
	LookAt     *stamp
	CreatedAt  stamp `gorm:"not null;autoCreateTime:false"`
	EndedAt    *stamp
}

func (changeRow) TableName() string { return "subscription_changes" }

// Change reads one change of the account's subscription. Errors: ENotFound.
func (r reads) Change(
	ctx context.Context, account billing.AccountID, id billing.ChangeID,
) (billing.SubscriptionChange, error) {
	c, ok, err := r.change(ctx, "account_id = ? AND id = ?", string(account), string(id))
	if err == nil && !ok {
		err = billing.Errorf(billing.ENotFound, "No such change.")
	}
	return c, err
}

// PendingChange reads the account's change that is not decided yet. ok is false if there is none.
func (r reads) PendingChange(
	ctx context.Context, account billing.AccountID,
) (_ billing.SubscriptionChange, ok bool, err error) {
	return r.change(ctx, "account_id = ? AND status = ?", string(account), string(billing.ChangePending))
}

// WaitingChanges lists the account's changes that wait for their invoice to be paid.
func (r reads) WaitingChanges(ctx context.Context, account billing.AccountID) ([]billing.SubscriptionChange, error) {
	waiting := []string{string(billing.ChangeUnpaid), string(billing.ChangeProcessing), string(billing.ChangeInvoiced)}
	return r.changes(r.q(ctx).Where("account_id = ? AND status IN ?", string(account), waiting).Order("id"))
}

// DueChanges lists the changes whose look is due, in the order of their ids, starting after the given one.
func (r reads) DueChanges(
	ctx context.Context, now time.Time, after billing.ChangeID, limit int,
) ([]billing.SubscriptionChange, error) {
	return r.changes(r.q(ctx).Where("look_at <= ? AND id > ?", stamp{now}, string(after)).Order("id").Limit(limit))
}

func (r reads) changes(query *gorm.DB) ([]billing.SubscriptionChange, error) {
	var rows []changeRow
	if err := query.Find(&rows).Error; err != nil {
		return nil, translate(err)
	}
	found := make([]billing.SubscriptionChange, 0, len(rows))
	for _, row := range rows {
		c, err := fromRowChange(row)
		if err != nil {
			return nil, err
		}
		found = append(found, c)
	}
	return found, nil
}

func (r reads) change(
	ctx context.Context, where string, args ...any,
) (c billing.SubscriptionChange, ok bool, err error) {
	var row changeRow
	err = r.q(ctx).Where(where, args...).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return c, false, nil
	}
	if err != nil {
		return c, false, translate(err)
	}
	c, err = fromRowChange(row)
	return c, err == nil, err
}

// InsertChange appends a change. The caller holds the account's lock, and has looked for another pending change under
// it.
func (tx *Tx) InsertChange(ctx context.Context, c billing.SubscriptionChange) error {
	row, err := toRowChange(c)
	if err != nil {
		return err
	}
	return translate(tx.q(ctx).Create(&row).Error)
}

// SaveChange writes the progress of a change. The caller holds the account's lock. A change that is decided after the
// deletion of its account does not bring the invoice's page back, which names the person.
func (tx *Tx) SaveChange(ctx context.Context, c billing.SubscriptionChange) error {
	row, err := toRowChange(c)
	if err != nil {
		return err
	}
	return translate(tx.q(ctx).Model(&changeRow{}).Where(
		"account_id = ? AND id = ?", row.AccountID, row.ID,
	).Updates(map[string]any{
		"status": row.Status, "steps": row.Steps, "invoice_id": row.InvoiceID,
		"payment_url": gorm.Expr("CASE WHEN EXISTS (SELECT 1 FROM accounts WHERE id = ? AND deleted_at IS NOT NULL) "+
			"THEN '' ELSE ? END", row.AccountID, row.PaymentURL),
		"problem": row.Problem,
		"detail":  row.Detail, "voided": row.Voided, "lease_until": row.LeaseUntil, "look_at": row.LookAt,
		"ended_at": row.EndedAt,
	}).Error)
}

// WakeChanges makes the account's changes that wait for one of these invoices due now. For the open invoices, these
// are only the changes whose payment was processing.
func (tx *Tx) WakeChanges(ctx context.Context, account billing.AccountID, decided, open []billing.InvoiceID) error {
	if len(decided)+len(open) == 0 {
		return nil
	}
	return translate(tx.q(ctx).Model(&changeRow{}).
		Where("account_id = ? AND look_at > ? AND (invoice_id IN ? OR invoice_id IN ? AND status = ?)",
			string(account), stamp{tx.Now}, decided, open, string(billing.ChangeProcessing)).
		Update("look_at", stamp{tx.Now}).Error)
}

// DeleteChange deletes a change of the account for which Stripe was not asked yet, so its key is unused again. The
// caller holds the account's lock.
func (tx *Tx) DeleteChange(ctx context.Context, account billing.AccountID, id billing.ChangeID) error {
	err := tx.q(ctx).Where("account_id = ? AND id = ?", string(account), string(id)).Delete(&changeRow{}).Error
	if err != nil {
		return translate(err)
	}
	return tx.forgetRequests(ctx, account, billing.OperationChange, string(id))
}

func toRowChange(c billing.SubscriptionChange) (changeRow, error) {
	row := changeRow{
		ID: string(c.ID), AccountID: string(c.AccountID), Kind: string(c.Kind), Plan: c.Plan, Quantity: c.Quantity,
		Status:     string(c.Status),
		InvoiceID:  nullable(c.Owed.ID),
		PaymentURL: c.Owed.URL,
		Problem:    string(c.Problem),
		Detail:     c.Detail,
		LeaseUntil: stamp{c.LeaseUntil},
		LookAt:     toStamp(c.LookAt),
		CreatedAt:  stamp{c.CreatedAt}, EndedAt: toStamp(c.EndedAt),
	}
	switch {
	case c.Status.Decided():
		row.LookAt = nil
	case c.Status == billing.ChangePending && (c.LookAt == nil || c.LookAt.Before(c.LeaseUntil)):
		// Then no one is working on it.
		row.LookAt = &row.LeaseUntil
	}
	if len(c.Voided) > 0 {
		voided, err := json.Marshal(c.Voided)
		if err != nil {
			return row, err
		}
		row.Voided = string(voided)
	}
	if c.Steps == nil {
		return row, nil
	}
	steps, err := json.Marshal(c.Steps)
	row.Steps = string(steps)
	return row, err
}

func fromRowChange(row changeRow) (billing.SubscriptionChange, error) {
	c := billing.SubscriptionChange{
		ID:         billing.ChangeID(row.ID),
		AccountID:  billing.AccountID(row.AccountID),
		Kind:       billing.ChangeKind(row.Kind),
		Plan:       row.Plan,
		Quantity:   row.Quantity,
		Status:     billing.ChangeStatus(row.Status),
		Owed:       billing.OwedInvoice{ID: fromNullable[billing.InvoiceID](row.InvoiceID), URL: row.PaymentURL},
		Problem:    billing.Code(row.Problem),
		Detail:     row.Detail,
		LeaseUntil: row.LeaseUntil.Time,
		LookAt:     fromStamp(row.LookAt),
		CreatedAt:  row.CreatedAt.Time, EndedAt: fromStamp(row.EndedAt),
	}
	if row.Voided != "" {
		if err := json.Unmarshal([]byte(row.Voided), &c.Voided); err != nil {
			return c, fmt.Errorf("store: the voided invoices of change %s: %w", row.ID, err)
		}
	}
	if row.Steps == "" {
		return c, nil
	}
	c.Steps = new(billing.ChangeSteps)
	if err := json.Unmarshal([]byte(row.Steps), c.Steps); err != nil {
		return c, fmt.Errorf("store: the steps of change %s: %w", row.ID, err)
	}
	return c, nil
}
