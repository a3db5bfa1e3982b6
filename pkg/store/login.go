package store

import (
	"context"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/pointsync/pointsync/pkg/billing"
)

type loginRow struct {
	AccountID  string `gorm:"primaryKey"`
	ID         string `gorm:"primaryKey"`
	Name       string `gorm:"not null"`
	CreatedAt  stamp  `gorm:"not null;autoCreateTime:false"`
	LastUsedAt stamp  `gorm:"not null"`
	ExpiresAt  stamp  `gorm:"not null"`
	RevokedAt  *stamp
}

func (loginRow) TableName() string { return "logins" }

func fromRowLogin(row loginRow) billing.Login {
	return billing.Login{
		ID: billing.SessionID(row.ID), AccountID: billing.AccountID(row.AccountID), Name: row.Name,
		CreatedAt: row.CreatedAt.Time, UsedAt: row.LastUsedAt.Time, ExpiresAt: row.ExpiresAt.Time,
		RevokedAt: fromStamp(row.RevokedAt),
	}
}

type refreshTokenRow struct {
	AccountID   string `gorm:"primaryKey"`
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
		ID: string(l.ID), AccountID: string(l.AccountID), Name: l.Name, CreatedAt: stamp{l.CreatedAt},
		LastUsedAt: stamp{l.CreatedAt}, ExpiresAt: stamp{l.ExpiresAt},
	}).Error)
}

// InsertRefreshToken appends a refresh token of a login. One that follows another means that the login is used.
func (tx *Tx) InsertRefreshToken(ctx context.Context, t billing.RefreshToken) error {
	if t.Predecessor != "" {
		err := tx.q(ctx).Model(&loginRow{}).Where("account_id = ? AND id = ?", string(t.AccountID), string(t.LoginID)).
			Update("last_used_at", stamp{t.CreatedAt}).Error
		if err != nil {
			return translate(err)
		}
	}
	return translate(tx.q(ctx).Create(&refreshTokenRow{
		AccountID:   string(t.AccountID),
		Hash:        t.Hash,
		LoginID:     string(t.LoginID),
		CreatedAt:   stamp{t.CreatedAt},
		Predecessor: nullable(t.Predecessor),
	}).Error)
}

// LockRefreshToken reads a refresh token of the account and locks its login. So if two tokens of a login are used at
// the same time, the second use sees the effect of the first. It locks the account before the login, because the end of
// a login takes both in this order. Errors: ENotFound.
func (tx *Tx) LockRefreshToken(
	ctx context.Context, account billing.AccountID, hash string,
) (billing.RefreshToken, billing.Login, error) {
	login, err := tx.LoginOf(ctx, account, hash)
	if err != nil {
		return billing.RefreshToken{}, billing.Login{}, err
	}
	if _, err := tx.LockAccount(ctx, account); err != nil {
		return billing.RefreshToken{}, billing.Login{}, err
	}
	var row loginRow
	err = tx.q(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Where(
		"account_id = ? AND id = ?", string(account), string(login.ID),
	).Take(&row).Error
	if err != nil {
		return billing.RefreshToken{}, billing.Login{}, translate(err)
	}
	var token refreshTokenRow // read under the lock
	if err := tx.q(ctx).Where("account_id = ? AND hash = ?", string(account), hash).Take(&token).Error; err != nil {
		return billing.RefreshToken{}, billing.Login{}, translate(err)
	}
	return billing.RefreshToken{
		AccountID: account, Hash: token.Hash, LoginID: login.ID, Predecessor: fromNullable[string](token.Predecessor),
		CreatedAt: token.CreatedAt.Time, UsedAt: fromStamp(token.UsedAt),
	}, fromRowLogin(row), nil
}

// Successors counts the refresh tokens of the account that came from one, and how many of them were used.
func (r reads) Successors(ctx context.Context, account billing.AccountID, hash string) (all, used int64, err error) {
	var n struct{ Total, Used int64 }
	err = r.q(ctx).Model(&refreshTokenRow{}).Select("COUNT(*) AS total, COUNT(used_at) AS used").
		Where("account_id = ? AND predecessor = ?", string(account), hash).Scan(&n).Error
	return n.Total, n.Used, translate(err)
}

// Refreshed reports whether a refresh token of a login has been used.
func (r reads) Refreshed(ctx context.Context, account billing.AccountID, login billing.SessionID) (bool, error) {
	var used int64
	err := r.q(ctx).Model(&refreshTokenRow{}).
		Where("account_id = ? AND login_id = ? AND used_at IS NOT NULL", string(account), string(login)).
		Count(&used).Error
	return used > 0, translate(err)
}

// UseRefreshToken records that a refresh token of the account was used, unless that is recorded already. The caller
// holds its login's lock.
func (tx *Tx) UseRefreshToken(ctx context.Context, account billing.AccountID, hash string) error {
	return translate(tx.q(ctx).Model(&refreshTokenRow{}).Where(
		"account_id = ? AND hash = ? AND used_at IS NULL", string(account), hash,
	).
		Update("used_at", stamp{tx.Now}).Error)
}

// LoginOf returns the login that a refresh token of the account belongs to, used or not. Errors: ENotFound.
func (r reads) LoginOf(ctx context.Context, account billing.AccountID, hash string) (billing.Login, error) {
	var row loginRow
	err := r.q(ctx).
		Joins("JOIN refresh_tokens t ON t.account_id = logins.account_id AND t.login_id = logins.id").
		Where("t.account_id = ? AND t.hash = ?", string(account), hash).Take(&row).Error
	return fromRowLogin(row), translate(err)
}

type loginStateRow struct {
	ID         string
	Version    int64
	NextExpiry *stamp
	ExpiresAt  stamp
	RevokedAt  *stamp
}

// LoginStates reads the current state of logins, for users who follow their sessions, in one query. Logins that do not
// exist are left out.
func (r reads) LoginStates(
	ctx context.Context, logins []billing.LoginKey,
) (map[billing.SessionID]billing.LoginState, error) {
	accounts, ids := make([]billing.AccountID, len(logins)), make([]billing.SessionID, len(logins))
	for i, l := range logins {
		accounts[i], ids[i] = l.Account, l.ID
	}
	var rows []loginStateRow
	err := r.q(ctx).Table("logins").Joins("JOIN accounts ON accounts.id = logins.account_id").
		Select("logins.id, accounts.version, accounts.next_expiry, logins.expires_at, logins.revoked_at").
		Where("logins.account_id IN ? AND logins.id IN ?", accounts, ids).Scan(&rows).Error
	states := make(map[billing.SessionID]billing.LoginState, len(rows))
	for _, row := range rows {
		states[billing.SessionID(row.ID)] = billing.LoginState{
			Version:    row.Version,
			NextExpiry: fromStamp(row.NextExpiry),
			ExpiresAt:  row.ExpiresAt.Time,
			RevokedAt:  fromStamp(row.RevokedAt),
		}
	}
	return states, translate(err)
}

// RevokeLogin revokes a login of the account, and with it all its refresh tokens.
func (tx *Tx) RevokeLogin(ctx context.Context, account billing.AccountID, id billing.SessionID) error {
	return tx.revokeLogins(ctx, account, "id = ?", string(id))
}

// RevokeLogins revokes all logins of the account.
func (tx *Tx) RevokeLogins(ctx context.Context, account billing.AccountID) error {
	return tx.revokeLogins(ctx, account, "1 = 1")
}

// RevokeOtherLogins revokes all logins of the account except one.
func (tx *Tx) RevokeOtherLogins(ctx context.Context, account billing.AccountID, keep billing.SessionID) error {
	return tx.revokeLogins(ctx, account, "id <> ?", string(keep))
}

// revokeLogins counts the end in the account's row before it ends the logins. So it takes the account's lock: a spend
// that holds the lock commits first, and a spend that waits for it finds another count (liveLogin).
func (tx *Tx) revokeLogins(ctx context.Context, account billing.AccountID, which string, args ...any) error {
	if err := tx.saveAccount(
		ctx, account, map[string]any{"logins_ended": gorm.Expr("logins_ended + 1")},
	); err != nil {
		return err
	}
	return translate(tx.q(ctx).Model(&loginRow{}).Where("account_id = ? AND revoked_at IS NULL", string(account)).
		Where(which, args...).Update("revoked_at", stamp{tx.Now}).Error)
}

// DeleteOldLogins deletes logins that expired before the transaction's time, with their refresh tokens.
func (tx *Tx) DeleteOldLogins(ctx context.Context) error {
	return translate(tx.q(ctx).Where("expires_at < ?", stamp{tx.Now}).Delete(&loginRow{}).Error)
}
