package store

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"github.com/pointsync/pointsync/pkg/billing"
)

type lotRow struct {
	AccountID  string `gorm:"primaryKey;uniqueIndex:lots_grant_key"`
	ID         string `gorm:"primaryKey"`
	GrantKey   string `gorm:"not null;uniqueIndex:lots_grant_key"`
	Source     string `gorm:"not null"`
	Granted    int64  `gorm:"not null"`
	Remaining  int64  `gorm:"not null"`
	ClawedBack int64  `gorm:"not null"`
	ClawedOwn  int64  `gorm:"not null"`
	Expired    int64  `gorm:"not null"`
	Held       int64  `gorm:"not null"`
	ExpiresAt  *stamp
	EndedAt    *stamp
	CreatedAt  stamp `gorm:"not null;autoCreateTime:false"`

	PeriodStart  *stamp
	PeriodEnd    *stamp
	PeriodInner  bool `gorm:"not null"`
	PeriodOrigin *stamp
}

func (lotRow) TableName() string { return "lots" }

// Lots lists the account's lots with points left or held, in burn order: soonest expiry first, then oldest.
func (r reads) Lots(ctx context.Context, account billing.AccountID) ([]billing.Lot, error) {
	return r.lots(
		r.q(ctx).Where(
			"account_id = ? AND (remaining > 0 OR held > 0)", string(account),
		).Order("expires_at IS NULL, expires_at, id"),
	)
}

// AllLots lists every lot that the account ever had, oldest first.
func (r reads) AllLots(ctx context.Context, account billing.AccountID) ([]billing.Lot, error) {
	return r.lots(r.q(ctx).Where("account_id = ?", string(account)).Order("id"))
}

func (r reads) lots(q *gorm.DB) ([]billing.Lot, error) {
	var rows []lotRow
	if err := q.Find(&rows).Error; err != nil {
		return nil, translate(err)
	}
	lots := make([]billing.Lot, len(rows))
	for i, row := range rows {
		lots[i] = fromRowLot(row)
	}
	return lots, nil
}

// LotByGrant reads the account's lot that a business fact granted. ok is false if it granted none yet.
func (r reads) LotByGrant(
	ctx context.Context, account billing.AccountID, key string,
) (lot billing.Lot, ok bool, err error) {
	var row lotRow
	err = r.q(ctx).Where("account_id = ? AND grant_key = ?", string(account), key).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return billing.Lot{}, false, nil
	}
	return fromRowLot(row), err == nil, translate(err)
}

// LotsByGrant lists the account's lots that a business fact granted: those under its key, and those under its key
// followed by a colon and more.
func (r reads) LotsByGrant(ctx context.Context, account billing.AccountID, key string) ([]billing.Lot, error) {
	return r.lots(r.q(ctx).Where("account_id = ? AND (grant_key = ? OR substr(grant_key, 1, ?) = ?)",
		string(account), key, len(key)+1, key+":").Order("id"))
}

// ClawedLots lists the account's lots with points that are clawed back.
func (r reads) ClawedLots(ctx context.Context, account billing.AccountID) ([]billing.Lot, error) {
	return r.lots(r.q(ctx).Where("account_id = ? AND clawed_back > 0", string(account)).Order("id"))
}

// RanOut lists accounts with expired lots that were not ended, the longest overdue first. Accounts with a live
// subscription come last, because Stripe is asked for them. So if Stripe does not respond, only they wait.
func (r reads) RanOut(ctx context.Context, now time.Time, limit int) ([]billing.Account, error) {
	var rows []accountRow
	err := r.q(ctx).Table("accounts").Select("accounts.*").
		Joins(`JOIN (SELECT account_id, MIN(expires_at) AS since FROM lots
			WHERE expires_at <= ? AND expires_at IS NOT NULL AND ended_at IS NULL AND (remaining > 0 OR held > 0)
			GROUP BY account_id) ended ON ended.account_id = accounts.id`, stamp{now}).
		Order(
			"CASE WHEN sub_status IN ('trialing', 'active', 'past_due', 'unpaid', 'paused') THEN 1 ELSE 0 END, since, id",
		).Limit(limit).Find(&rows).Error
	accounts := make([]billing.Account, len(rows))
	for i, row := range rows {
		accounts[i] = fromRowAccount(row)
	}
	return accounts, translate(err)
}

// InsertLot appends a lot. A grant key that exists is an error: the caller looks for it first, under the account's
// lock.
func (tx *Tx) InsertLot(ctx context.Context, l billing.Lot) error {
	row := lotRow{
		ID:         string(l.ID),
		AccountID:  string(l.AccountID),
		GrantKey:   l.GrantKey,
		Source:     l.Source,
		Granted:    int64(l.Granted),
		Remaining:  int64(l.Remaining),
		ClawedBack: int64(l.ClawedBack),
		ClawedOwn:  int64(l.ClawedOwn),
		Expired:    int64(l.Expired),
		Held:       int64(l.Held),
		ExpiresAt:  toStamp(l.ExpiresAt),
		EndedAt:    toStamp(l.EndedAt),
		CreatedAt:  stamp{l.CreatedAt},
	}
	if p := l.Period; p != nil {
		row.PeriodStart, row.PeriodEnd = &stamp{p.Start}, &stamp{p.End}
		row.PeriodInner, row.PeriodOrigin = p.Inner, toStamp(l.Origin)
	}
	return translate(tx.q(ctx).Create(&row).Error)
}

// SaveLot writes the changed values of a lot. The caller holds the account's lock.
func (tx *Tx) SaveLot(ctx context.Context, l billing.Lot) error {
	columns := map[string]any{
		"remaining": int64(l.Remaining), "clawed_back": int64(l.ClawedBack), "clawed_own": int64(l.ClawedOwn),
		"expired": int64(l.Expired), "held": int64(l.Held),
		"expires_at": toStamp(l.ExpiresAt), "ended_at": toStamp(l.EndedAt),
	}
	if p := l.Period; p != nil {
		columns["period_start"], columns["period_end"], columns["period_inner"] = stamp{p.Start}, stamp{p.End}, p.Inner
	}
	return translate(
		tx.q(ctx).Model(&lotRow{}).Where(
			"account_id = ? AND id = ?", string(l.AccountID), string(l.ID),
		).Updates(columns).Error,
	)
}

// NextExpiry returns the earliest expiry of the lots that have not been ended, or nil.
func NextExpiry(lots []billing.Lot) *time.Time {
	var next *time.Time
	for _, l := range lots {
		if l.Remaining+l.Held > 0 && l.EndedAt == nil && l.ExpiresAt != nil &&
			(next == nil || l.ExpiresAt.Before(*next)) {
			next = l.ExpiresAt
		}
	}
	return next
}

func fromRowLot(row lotRow) billing.Lot {
	l := billing.Lot{
		ID:         billing.LotID(row.ID),
		AccountID:  billing.AccountID(row.AccountID),
		GrantKey:   row.GrantKey,
		Source:     row.Source,
		Granted:    billing.Points(row.Granted),
		Remaining:  billing.Points(row.Remaining),
		ClawedBack: billing.Points(row.ClawedBack),
		ClawedOwn:  billing.Points(row.ClawedOwn),
		Expired:    billing.Points(row.Expired),
		Held:       billing.Points(row.Held),
		ExpiresAt:  fromStamp(row.ExpiresAt),
		EndedAt:    fromStamp(row.EndedAt),
		CreatedAt:  row.CreatedAt.Time,
		Origin:     fromStamp(row.PeriodOrigin),
	}
	if row.PeriodStart != nil && row.PeriodEnd != nil {
		l.Period = &billing.Period{Start: row.PeriodStart.Time, End: row.PeriodEnd.Time, Inner: row.PeriodInner}
	}
	return l
}
