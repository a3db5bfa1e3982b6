package store

import (
	"context"
	"errors"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/pointsync/pointsync/pkg/billing"
)

type requestRow struct {
	AccountID      string `gorm:"primaryKey"`
	Operation      string `gorm:"primaryKey"`
	IdempotencyKey string `gorm:"primaryKey"`
	RequestHash    string `gorm:"not null"`
	Result         string `gorm:"not null"`
	CreatedAt      stamp  `gorm:"not null;autoCreateTime:false"`
}

func (requestRow) TableName() string { return "requests" }

// errKeyTaken reports that another transaction has used the key since this one looked. InTx undoes this transaction and
// runs it again, and then it finds the other one's result.
var errKeyTaken = errors.New("store: another transaction used the key")

// Once runs do, unless the request's key has made something before. do returns the id of what it made; a repeat gets
// that id, and replayed is true. Without a key, do runs each time. If do fails, the caller must return the error, so
// that the transaction leaves nothing and the key stays unused.
//
// Every caller today holds the account's lock, so a second request waits for it and finds the key. A caller without the
// lock is safe as well: two transactions may then both run do. The primary key lets one of them commit; the other one
// is undone and runs again. So do must have no effect outside the transaction, like the function that InTx runs.
// Errors: EKeyReused, and those of do.
func (tx *Tx) Once(
	ctx context.Context, r billing.Request, do func() (result string, err error),
) (result string, replayed bool, err error) {
	result, replayed, err = tx.RequestResult(ctx, r)
	if err != nil || replayed {
		return result, replayed, err
	}
	result, err = do()
	if err != nil || r.Key == "" {
		return result, false, err
	}
	// PostgreSQL waits here for a transaction that has inserted the key and not ended.
	res := tx.q(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&requestRow{
		AccountID:      string(r.Account),
		Operation:      string(r.Operation),
		IdempotencyKey: r.Key,
		RequestHash:    r.Hash,
		Result:         result,
		CreatedAt:      stamp{tx.Now},
	})
	if res.Error == nil && res.RowsAffected == 0 {
		return "", false, errKeyTaken
	}
	return result, false, translate(res.Error)
}

// RequestResult returns the id of what the request's key has made. ok is false if the key is unused, or there is none.
// Errors: EKeyReused.
func (r reads) RequestResult(ctx context.Context, q billing.Request) (result string, ok bool, err error) {
	if q.Key == "" {
		return "", false, nil
	}
	var row requestRow
	err = r.q(ctx).Where(
		"account_id = ? AND operation = ? AND idempotency_key = ?", string(q.Account), string(q.Operation), q.Key,
	).Take(&row).Error
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound):
		return "", false, nil
	case err != nil:
		return "", false, translate(err)
	case row.RequestHash != q.Hash:
		return "", false, billing.KeyReused()
	}
	return row.Result, true, nil
}

// forgetRequests makes the keys that led to a result unused again, because the result is deleted. The caller holds the
// account's lock.
func (tx *Tx) forgetRequests(
	ctx context.Context, account billing.AccountID, operation billing.Operation, result string,
) error {
	return translate(tx.q(ctx).Where(
		"account_id = ? AND operation = ? AND result = ?", string(account), string(operation), result,
	).Delete(&requestRow{}).Error)
}
