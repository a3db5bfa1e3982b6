package store

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// SaveParking writes whether the grants of an account wait. It also writes what depends on that: where its next
// picture begins, and when its next points are due. The caller holds the account's lock.
func (tx *Tx) SaveParking(ctx context.Context, a billing.Account) error {
	return tx.saveAccount(ctx, a.ID, map[string]any{
		"parked_at": toStamp(a.Parking.At), "parked_reason": a.Parking.Reason,
		"unparked_at": toStamp(a.Parking.EndedAt), "grants_approved": a.Parking.Approved,
		"invoices_since": toStamp(a.Sync.InvoicesSince), "next_grant_at": toStamp(a.Sync.NextGrantAt),
	})
}

// SaveNextGrant writes when the next points of an account are due. The caller holds the account's lock.
func (tx *Tx) SaveNextGrant(ctx context.Context, id billing.AccountID, at *time.Time) error {
	return tx.saveAccount(ctx, id, map[string]any{"next_grant_at": toStamp(at)})
}

// DueAccounts lists the ids of accounts whose next points are due. Those that have waited longest come first.
func (r reads) DueAccounts(ctx context.Context, now time.Time, limit int) ([]billing.AccountID, error) {
	var ids []billing.AccountID
	err := r.q(ctx).Model(&accountRow{}).Where(
		"next_grant_at <= ?", stamp{now},
	).Order("next_grant_at, id").Limit(limit).Pluck("id", &ids).Error
	return ids, translate(err)
}

// ParkedAccounts lists the accounts whose grants wait, in the order of their ids, starting after the given one.
func (r reads) ParkedAccounts(ctx context.Context, after billing.AccountID, limit int) ([]billing.Account, error) {
	var rows []accountRow
	err := r.q(ctx).Where("parked_at IS NOT NULL AND id > ?", string(after)).Order("id").Limit(limit).Find(&rows).Error
	accounts := make([]billing.Account, len(rows))
	for i, row := range rows {
		accounts[i] = fromRowAccount(row)
	}
	return accounts, translate(err)
}

// CountParked counts the accounts whose grants wait.
func (r reads) CountParked(ctx context.Context) (n int64, err error) {
	err = r.q(ctx).Model(&accountRow{}).Where("parked_at IS NOT NULL").Count(&n).Error
	return n, translate(err)
}

// GrantedSince counts an account's grants since the given time whose keys begin with a prefix, and their points.
func (r reads) GrantedSince(
	ctx context.Context, id billing.AccountID, prefix string, after time.Time,
) (grants int64, points billing.Points, err error) {
	var sum struct{ Grants, Points int64 }
	err = r.q(ctx).Model(&lotRow{}).Select("COUNT(*) AS grants, CAST(COALESCE(SUM(granted), 0) AS bigint) AS points").
		Where(
			"account_id = ? AND substr(grant_key, 1, ?) = ? AND created_at > ?", string(id), len(prefix), prefix,
			stamp{after},
		).Scan(&sum).Error
	return sum.Grants, billing.Points(sum.Points), translate(err)
}

// KnownGrants returns which of the given keys have granted to the account.
func (r reads) KnownGrants(ctx context.Context, account billing.AccountID, keys []string) (map[string]bool, error) {
	var found []string
	err := r.q(ctx).Model(&lotRow{}).Where(
		"account_id = ? AND grant_key IN ?", string(account), keys,
	).Pluck("grant_key", &found).Error
	known := make(map[string]bool, len(found))
	for _, key := range found {
		known[key] = true
	}
	return known, translate(err)
}
