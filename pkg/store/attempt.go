package store

import (
	"context"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/pointsync/pointsync/pkg/billing"
)

// attemptRow has times as numbers, microseconds since 1970, so that one statement can add to them on both databases.
type attemptRow struct {
	Kind    string `gorm:"primaryKey"`
	Subject string `gorm:"primaryKey"`
	LastUS  int64  `gorm:"column:last_us;not null"`
	ZeroUS  int64  `gorm:"column:zero_us;not null"`
}

func (attemptRow) TableName() string { return "attempts" }

func (r attemptRow) key() billing.Attempt {
	return billing.Attempt{Kind: billing.AttemptKind(r.Kind), Subject: r.Subject}
}

func fromAttemptRows(rows []attemptRow) map[billing.Attempt]billing.AttemptCount {
	counts := make(map[billing.Attempt]billing.AttemptCount, len(rows))
	for _, r := range rows {
		counts[r.key()] = billing.AttemptCount{
			LastAt: time.UnixMicro(r.LastUS).UTC(), ZeroAt: time.UnixMicro(r.ZeroUS).UTC(),
		}
	}
	return counts
}

// Attempts reads counts, in one query that locks nothing. What was never counted is left out.
func (r reads) Attempts(
	ctx context.Context, keys []billing.Attempt,
) (map[billing.Attempt]billing.AttemptCount, error) {
	var rows []attemptRow
	err := r.q(ctx).Where("(kind, subject) IN ?", attemptKeys(keys)).Find(&rows).Error
	return fromAttemptRows(rows), translate(err)
}

func attemptKeys(keys []billing.Attempt) [][]any {
	pairs := make([][]any, len(keys))
	for i, k := range keys {
		pairs[i] = []any{string(k.Kind), k.Subject}
	}
	return pairs
}

// CountAttempts counts one attempt at each of the keys, in one statement, and returns the counts after it. A count that
// has reached MaxAttempts stays as it is and is left out. All callers give the kinds in the same order, because the
// rows are locked in it until the transaction ends. So the transaction should do nothing else.
func (tx *Tx) CountAttempts(
	ctx context.Context, keys []billing.Attempt,
) (map[billing.Attempt]billing.AttemptCount, error) {
	now := tx.Now.UnixMicro()
	var values []any
	for _, k := range keys {
		values = append(values, string(k.Kind), k.Subject, now, now+billing.Allowances[k.Kind].Every.Microseconds())
	}
	var rows []attemptRow
	err := tx.q(ctx).Raw(
		insertAttempts(len(keys))+` DO UPDATE SET last_us = excluded.last_us, zero_us =
			CASE WHEN attempts.zero_us > excluded.last_us
			THEN attempts.zero_us + excluded.zero_us - excluded.last_us ELSE excluded.zero_us END
		WHERE attempts.zero_us <= excluded.last_us + CAST(? AS bigint) * (excluded.zero_us - excluded.last_us)
		RETURNING kind, subject, last_us, zero_us`,
		append(values, billing.MaxAttempts-1)...,
	).Scan(&rows).Error
	return fromAttemptRows(rows), translate(err)
}

func insertAttempts(n int) string {
	return "INSERT INTO attempts (kind, subject, last_us, zero_us) VALUES " +
		strings.TrimSuffix(strings.Repeat("(?, ?, ?, ?), ", n), ", ") + " ON CONFLICT (kind, subject)"
}

// UncountAttempts takes back one attempt at each of the keys, because it did no harm. It leaves their last times.
func (tx *Tx) UncountAttempts(ctx context.Context, keys []billing.Attempt) error {
	for _, k := range keys { // in the order in which CountAttempts locks them
		err := tx.q(ctx).Model(&attemptRow{}).Where("kind = ? AND subject = ?", string(k.Kind), k.Subject).
			Update("zero_us", gorm.Expr("zero_us - ?", billing.Allowances[k.Kind].Every.Microseconds())).Error
		if err != nil {
			return translate(err)
		}
	}
	return nil
}

// KeepKnown records until when a subject is known.
func (tx *Tx) KeepKnown(ctx context.Context, subject string, until time.Time) error {
	return translate(tx.q(ctx).Exec(
		insertAttempts(1)+" DO UPDATE SET last_us = excluded.last_us, zero_us = excluded.zero_us",
		string(billing.AttemptKnown), subject, tx.Now.UnixMicro(), until.UnixMicro(),
	).Error)
}

// maxForgotten bounds how many rows one look deletes, so that a flood's rows do not keep a transaction open.
const maxForgotten = 10_000

// DeleteOldAttempts deletes counts that are back at zero. It asks for that twice: an attempt may be counted between the
// choice of a row and its deletion.
func (tx *Tx) DeleteOldAttempts(ctx context.Context) error {
	return translate(tx.q(ctx).Exec(
		`DELETE FROM attempts WHERE zero_us < ? AND (kind, subject) IN
			(SELECT kind, subject FROM attempts WHERE zero_us < ? ORDER BY zero_us LIMIT ?)`,
		tx.Now.UnixMicro(), tx.Now.UnixMicro(), maxForgotten,
	).Error)
}
