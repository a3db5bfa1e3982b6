package store

import (
	"context"

	"gorm.io/gorm/clause"

	"github.com/pointsync/pointsync/pkg/billing"
)

type loginRow struct {
	ID        string `gorm:"primaryKey"`
	AccountID string `gorm:"not null"`
	CreatedAt stamp  `gorm:"not null;autoCreateTime:false"`
	ExpiresAt stamp  `gorm:"not null"`
	RevokedAt *stamp
}

func (loginRow) TableName() string { return "logins" }

type refreshTokenRow struct {
	Hash        string `gorm:"primaryKey"`
	LoginID     string `gorm:"not null"`
	CreatedAt   stamp  `gorm:"not null;autoCreateTime:false"`
	UsedAt      *stamp
	Predecessor *string
}

func (refreshTokenRow) TableName() string { return "refresh_tokens" }

// InsertLogin appends a login.
func (tx *Tx) InsertLogin(ctx context.Context, l billing.Login) error {
	return translate(tx.q(ctx).Create(&loginRow{
		ID: string(l.ID), AccountID: string(l.AccountID), CreatedAt: stamp{l.CreatedAt}, ExpiresAt: stamp{l.ExpiresAt},
	}).Error)
}

// InsertRefreshToken appends the next refresh token of a login.
func (tx *Tx) InsertRefreshToken(ctx context.Context, t billing.RefreshToken) error {
	return translate(tx.q(ctx).Create(&refreshTokenRow{
		Hash: t.Hash, LoginID: string(t.LoginID), CreatedAt: stamp{t.CreatedAt}, Predecessor: nullable(t.Predecessor),
	}).Error)
}

// LockRefreshToken reads a refresh token and locks its login, so that of two uses of a login's tokens the second sees what the first did.
// Errors: ENotFound.
func (tx *Tx) LockRefreshToken(ctx context.Context, hash string) (billing.RefreshToken, billing.Login, error) {
	id, err := tx.LoginOf(ctx, hash)
	if err != nil {
		return billing.RefreshToken{}, billing.Login{}, err
	}
	var row loginRow
	if err := tx.q(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Where("id = ?", string(id)).Take(&row).Error; err != nil {
		return billing.RefreshToken{}, billing.Login{}, translate(err)
	}
	var token refreshTokenRow // read under the lock
	if err := tx.q(ctx).Where("hash = ?", hash).Take(&token).Error; err != nil {
		return billing.RefreshToken{}, billing.Login{}, translate(err)
	}
	return billing.RefreshToken{
			Hash: token.Hash, LoginID: id, Predecessor: fromNullable[string](token.Predecessor), CreatedAt: token.CreatedAt.Time, UsedAt: fromStamp(token.UsedAt),
		}, billing.Login{
			ID: id, AccountID: billing.AccountID(row.AccountID), CreatedAt: row.CreatedAt.Time, ExpiresAt: row.ExpiresAt.Time, RevokedAt: fromStamp(row.RevokedAt),
		}, nil
}

// Successors counts the refresh tokens that came from one, and those of them that were used.
func (r reads) Successors(ctx context.Context, hash string) (all, used int64, err error) {
	var n struct{ Total, Used int64 }
	err = r.q(ctx).Model(&refreshTokenRow{}).Select("COUNT(*) AS total, COUNT(used_at) AS used").Where("predecessor = ?", hash).Scan(&n).Error
	return n.Total, n.Used, translate(err)
}

// UseRefreshToken notes that a refresh token was used, when it was not before. The caller holds its login's lock.
func (tx *Tx) UseRefreshToken(ctx context.Context, hash string) error {
	return translate(tx.q(ctx).Model(&refreshTokenRow{}).Where("hash = ? AND used_at IS NULL", hash).Update("used_at", stamp{tx.Now}).Error)
}

// LoginOf answers the login that a refresh token belongs to, used or not. Errors: ENotFound.
func (r reads) LoginOf(ctx context.Context, hash string) (billing.SessionID, error) {
	var token refreshTokenRow
	err := r.q(ctx).Where("hash = ?", hash).Take(&token).Error
	return billing.SessionID(token.LoginID), translate(err)
}

type loginStateRow struct {
	ID         string
	Version    int64
	NextExpiry *stamp
	ExpiresAt  stamp
	RevokedAt  *stamp
}

// LoginStates reads what those who follow their sessions are held against, in one query. A login that is not there is left out.
func (r reads) LoginStates(ctx context.Context, ids []billing.SessionID) (map[billing.SessionID]billing.LoginState, error) {
	var rows []loginStateRow
	err := r.q(ctx).Table("logins").Joins("JOIN accounts ON accounts.id = logins.account_id").
		Select("logins.id, accounts.version, accounts.next_expiry, logins.expires_at, logins.revoked_at").Where("logins.id IN ?", ids).Scan(&rows).Error
	states := make(map[billing.SessionID]billing.LoginState, len(rows))
	for _, row := range rows {
		states[billing.SessionID(row.ID)] = billing.LoginState{
			Version: row.Version, NextExpiry: fromStamp(row.NextExpiry), ExpiresAt: row.ExpiresAt.Time, RevokedAt: fromStamp(row.RevokedAt),
		}
	}
	return states, translate(err)
}

// RevokeLogin ends a login and with it all its refresh tokens.
func (tx *Tx) RevokeLogin(ctx context.Context, id billing.SessionID) error {
	return translate(tx.q(ctx).Model(&loginRow{}).Where("id = ? AND revoked_at IS NULL", string(id)).
		Update("revoked_at", stamp{tx.Now}).Error)
}

// DeleteOldLogins removes logins that ran out before the transaction's time, with their refresh tokens.
func (tx *Tx) DeleteOldLogins(ctx context.Context) error {
	return translate(tx.q(ctx).Where("expires_at < ?", stamp{tx.Now}).Delete(&loginRow{}).Error)
}
