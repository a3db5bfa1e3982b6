package store

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// Logins lists the live logins of an account, the last used first, at most limit of them.
func (r reads) Logins(
	ctx context.Context, account billing.AccountID, now time.Time, limit int,
) ([]billing.Login, error) {
	var rows []loginRow
	err := r.q(ctx).Where("account_id = ? AND revoked_at IS NULL AND expires_at > ?", string(account), stamp{now}).
		Order("last_used_at DESC, id DESC").Limit(limit).Find(&rows).Error
	if err != nil {
		return nil, translate(err)
	}
	logins := make([]billing.Login, len(rows))
	for i, row := range rows {
		logins[i] = fromRowLogin(row)
	}
	return logins, nil
}

// Login reads one login of the account, ended or not. Errors: ENotFound.
func (r reads) Login(
	ctx context.Context, account billing.AccountID, id billing.SessionID,
) (billing.Login, error) {
	var row loginRow
	if err := r.q(ctx).Where("account_id = ? AND id = ?", string(account), string(id)).Take(&row).Error; err != nil {
		return billing.Login{}, translate(err)
	}
	return fromRowLogin(row), nil
}

// NameLogin gives a login of the account, whose lock this transaction holds, another name.
func (tx *Tx) NameLogin(
	ctx context.Context, account billing.AccountID, id billing.SessionID, name string,
) error {
	return translate(tx.q(ctx).Model(&loginRow{}).Where("account_id = ? AND id = ?", string(account), string(id)).
		Update("name", name).Error)
}
