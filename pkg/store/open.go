package store

import (
	"context"
	"time"

	"gorm.io/gorm/clause"

	"github.com/pointsync/pointsync/pkg/billing"
)

// liveLogin returns how often logins of the account have ended, or NULL if this one does not live. liveArgs are its
// arguments.
//
// A statement that waits for the account's row then sees the row's newest version, but reads other tables, and this
// query, as they were when it began. So it compares the two counts. If they differ, a login ended in the meantime.
const liveLogin = `SELECT a.logins_ended FROM accounts a, logins l
	WHERE a.id = ? AND l.account_id = ? AND l.id = ? AND l.revoked_at IS NULL AND l.expires_at > ?`

func (tx *Tx) liveArgs(id billing.AccountID, login billing.SessionID) []any {
	return []any{string(id), string(id), string(login), stamp{tx.Now}}
}

// openRow is an account's row and what liveLogin returned when the statement began.
type openRow struct {
	Account accountRow `gorm:"embedded"`
	Live    *int64
}

// LockOpen locks an account as LockAccount does, for a request that moves points or money. It refuses the request if
// the login has ended or the account is closed. login is "" for a service, which has none. Errors: ENotFound,
// EUnauthorized, EAccountClosed.
func (tx *Tx) LockOpen(
	ctx context.Context, id billing.AccountID, login billing.SessionID,
) (billing.Account, error) {
	if login == "" {
		a, err := tx.LockAccount(ctx, id)
		if err == nil {
			err = a.Closed()
		}
		return a, err
	}
	var row openRow
	err := tx.q(ctx).Table("accounts").Clauses(clause.Locking{Strength: "UPDATE"}).
		Select("accounts.*, ("+liveLogin+") AS live", tx.liveArgs(id, login)...).
		Where("id = ?", string(id)).Take(&row).Error
	if err != nil {
		return billing.Account{}, translate(err)
	}
	a := fromRowAccount(row.Account)
	tx.saw(a)
	if row.Live != nil && *row.Live != row.Account.LoginsEnded { // one of its logins ended while this waited
		states, err := tx.LoginStates(ctx, []billing.LoginKey{{Account: id, ID: login}})
		if err != nil {
			return a, err
		}
		if !states[login].Lives(tx.Now) {
			row.Live = nil
		}
	}
	if row.Live == nil {
		return a, billing.Ended()
	}
	return a, a.Closed()
}

// SetDisabled disables an account whose lock this transaction holds, or enables it if since is nil. reason is "" if
// since is nil.
func (tx *Tx) SetDisabled(ctx context.Context, id billing.AccountID, since *time.Time, reason string) error {
	return tx.saveAccount(ctx, id, map[string]any{"disabled_at": toStamp(since), "disabled_reason": reason})
}

// SetDeleting closes an account, whose lock this transaction holds, because its deletion was asked for.
func (tx *Tx) SetDeleting(ctx context.Context, id billing.AccountID) error {
	return tx.saveAccount(ctx, id, map[string]any{"deleting_at": stamp{tx.Now}})
}
