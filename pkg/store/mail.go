package store

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/pointsync/pointsync/pkg/billing"
)

type mailTokenRow struct {
	AccountID string `gorm:"primaryKey"`
	Kind      string `gorm:"primaryKey"`
	Digest    string `gorm:"not null"`
	Email     string `gorm:"not null"`
	ExpiresAt stamp  `gorm:"not null"`
}

func (mailTokenRow) TableName() string { return "mail_tokens" }

type registrationRow struct {
	Email     string `gorm:"primaryKey"`
	Digest    string `gorm:"not null;uniqueIndex:registrations_digest"`
	ExpiresAt stamp  `gorm:"not null"`
}

func (registrationRow) TableName() string { return "registrations" }

type mailBudgetRow struct {
	Name    string `gorm:"primaryKey"`
	WholeAt stamp  `gorm:"not null"`
}

func (mailBudgetRow) TableName() string { return "mail_budgets" }

// SaveMailToken writes a token in place of the account's earlier one of its kind. The caller holds the account's lock.
func (tx *Tx) SaveMailToken(ctx context.Context, t billing.MailToken) error {
	return translate(tx.q(ctx).Clauses(clause.OnConflict{
		Columns: []clause.Column{{Name: "account_id"}, {Name: "kind"}}, UpdateAll: true,
	}).Create(&mailTokenRow{
		AccountID: string(t.AccountID), Kind: string(t.Kind), Digest: t.Digest, Email: t.Email,
		ExpiresAt: stamp{t.ExpiresAt},
	}).Error)
}

// AwaitMailToken is like SaveMailToken for a token whose letter is still to be sent and gives it its digest. If the
// account has a token for the same address, its digest stays: no other letter may be sent, because its budget is used
// up.
func (tx *Tx) AwaitMailToken(ctx context.Context, t billing.MailToken) error {
	return translate(tx.q(ctx).Clauses(clause.OnConflict{
		Columns: []clause.Column{{Name: "account_id"}, {Name: "kind"}},
		DoUpdates: clause.Assignments(map[string]any{
			"digest":     gorm.Expr("CASE WHEN mail_tokens.email = excluded.email THEN mail_tokens.digest ELSE '' END"),
			"email":      gorm.Expr("excluded.email"),
			"expires_at": gorm.Expr("excluded.expires_at"),
		}),
	}).Create(&mailTokenRow{
		AccountID: string(t.AccountID), Kind: string(t.Kind), Email: t.Email, ExpiresAt: stamp{t.ExpiresAt},
	}).Error)
}

// RenewMailToken writes the digest and the end of a live token of the account, of its kind and for its address. The
// caller holds the account's lock. Errors: ENotFound.
func (tx *Tx) RenewMailToken(ctx context.Context, t billing.MailToken) error {
	done := tx.q(ctx).Model(&mailTokenRow{}).Where("account_id = ? AND kind = ? AND email = ? AND expires_at > ?",
		string(t.AccountID), string(t.Kind), t.Email, stamp{tx.Now},
	).Updates(map[string]any{"digest": t.Digest, "expires_at": stamp{t.ExpiresAt}})
	if done.Error == nil && done.RowsAffected != 1 {
		return billing.Errorf(billing.ENotFound, "No such token.")
	}
	return translate(done.Error)
}

// MailTokenEmail returns the address of a live token of the account. Errors: ENotFound.
func (r reads) MailTokenEmail(
	ctx context.Context, account billing.AccountID, kind billing.MailTokenKind, digest string, now time.Time,
) (string, error) {
	var row mailTokenRow
	err := r.q(ctx).Where("account_id = ? AND kind = ? AND digest = ? AND expires_at > ?",
		string(account), string(kind), digest, stamp{now}).Take(&row).Error
	return row.Email, translate(err)
}

// UseMailToken deletes a live token of the account and returns its address. Of several that use one token at once, one
// finds it. Errors: ENotFound.
func (tx *Tx) UseMailToken(
	ctx context.Context, account billing.AccountID, kind billing.MailTokenKind, digest string,
) (string, error) {
	var rows []mailTokenRow
	err := tx.q(ctx).Clauses(clause.Returning{}).Where("account_id = ? AND kind = ? AND digest = ? AND expires_at > ?",
		string(account), string(kind), digest, stamp{tx.Now}).Delete(&rows).Error
	if err == nil && len(rows) != 1 {
		return "", billing.Errorf(billing.ENotFound, "No such token.")
	}
	if err != nil {
		return "", translate(err)
	}
	return rows[0].Email, nil
}

// DeleteMailTokens ends all tokens that mails carried for the account.
func (tx *Tx) DeleteMailTokens(ctx context.Context, account billing.AccountID) error {
	return translate(tx.q(ctx).Where("account_id = ?", string(account)).Delete(&mailTokenRow{}).Error)
}

// SaveRegistration writes the token of an address that has no account, in place of the address's earlier one.
func (tx *Tx) SaveRegistration(ctx context.Context, email, digest string, expiresAt time.Time) error {
	return translate(tx.q(ctx).Clauses(clause.OnConflict{
		Columns: []clause.Column{{Name: "email"}}, UpdateAll: true,
	}).Create(&registrationRow{Email: email, Digest: digest, ExpiresAt: stamp{expiresAt}}).Error)
}

// RegistrationEmail returns the address of a live token. Errors: ENotFound.
func (r reads) RegistrationEmail(ctx context.Context, digest string, now time.Time) (string, error) {
	var row registrationRow
	err := r.q(ctx).Where("digest = ? AND expires_at > ?", digest, stamp{now}).Take(&row).Error
	return row.Email, translate(err)
}

// UseRegistration deletes a live token and returns its address. Of several that use one token at once, one finds it.
// Errors: ENotFound.
func (tx *Tx) UseRegistration(ctx context.Context, digest string) (string, error) {
	var rows []registrationRow
	err := tx.q(ctx).Clauses(clause.Returning{}).Where("digest = ? AND expires_at > ?", digest, stamp{tx.Now}).
		Delete(&rows).Error
	if err == nil && len(rows) != 1 {
		return "", billing.Errorf(billing.ENotFound, "No such token.")
	}
	if err != nil {
		return "", translate(err)
	}
	return rows[0].Email, nil
}

// LockMailBudget returns when the budget of an address or an account is whole again, and makes others that ask for it
// wait until this transaction ends. It is one statement, because the row may be deleted between two.
func (tx *Tx) LockMailBudget(ctx context.Context, name string) (time.Time, error) {
	var row mailBudgetRow
	err := tx.q(ctx).Raw(
		`INSERT INTO mail_budgets (name, whole_at) VALUES (?, ?)
		ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING name, whole_at`, name, stamp{tx.Now},
	).Scan(&row).Error
	return row.WholeAt.Time, translate(err)
}

// SaveMailBudget writes when a budget is whole again. The caller holds its lock.
func (tx *Tx) SaveMailBudget(ctx context.Context, name string, wholeAt time.Time) error {
	return translate(tx.q(ctx).Model(&mailBudgetRow{}).Where("name = ?", name).Update("whole_at", stamp{wholeAt}).Error)
}

// DeleteOldMail deletes expired tokens, and budgets that are whole.
func (tx *Tx) DeleteOldMail(ctx context.Context) error {
	for _, err := range []error{
		tx.q(ctx).Where("expires_at <= ?", stamp{tx.Now}).Delete(&mailTokenRow{}).Error,
		tx.q(ctx).Where("expires_at <= ?", stamp{tx.Now}).Delete(&registrationRow{}).Error,
		tx.q(ctx).Where("whole_at <= ?", stamp{tx.Now}).Delete(&mailBudgetRow{}).Error,
	} {
		if err != nil {
			return translate(err)
		}
	}
	return nil
}

// SetPassword gives another password to an account whose lock this transaction holds.
func (tx *Tx) SetPassword(ctx context.Context, id billing.AccountID, hash string) error {
	tx.Report(billing.SecurityEvent{Kind: billing.SecurityPasswordChanged, Account: id})
	return tx.saveAccount(ctx, id, map[string]any{"password_hash": hash})
}

// VerifyEmail records that the account's person reads the mails of its address. The caller holds the account's lock.
func (tx *Tx) VerifyEmail(ctx context.Context, id billing.AccountID) error {
	return tx.saveAccount(ctx, id, map[string]any{"email_verified_at": stamp{tx.Now}})
}

// ChangeEmail gives another address, which is verified, to an account whose lock this transaction holds. The old one is
// free afterwards. Errors: EEmailTaken.
func (tx *Tx) ChangeEmail(ctx context.Context, a billing.Account, email string) error {
	if err := tx.enterEmail(ctx, email, a.ID); err != nil {
		return err
	}
	if err := tx.leaveEmail(ctx, a); err != nil {
		return err
	}
	return tx.saveAccount(ctx, a.ID, map[string]any{"email": email, "email_verified_at": stamp{tx.Now}})
}

// leaveEmail frees the account's address for others.
func (tx *Tx) leaveEmail(ctx context.Context, a billing.Account) error {
	return translate(tx.q(ctx).Where("email = ? AND account_id = ?", a.Email, string(a.ID)).Delete(&emailRow{}).Error)
}
