package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/pointsync/pointsync/pkg/billing"
)

type walkRow struct {
	Kind      string `gorm:"primaryKey"`
	SeenUntil *stamp
	WalkSince *stamp
	WalkUntil *stamp
	WalkAfter string `gorm:"not null"`
	LookedAt  *stamp
	Found     int64 `gorm:"not null"`
	Refused   int64 `gorm:"not null"`
	RefusedAt *stamp
}

func (walkRow) TableName() string { return "event_walks" }

// theWalk is the key of the only row.
const theWalk = "backfill"

// EventWalk returns the cursor of the walk over Stripe's list of events.
func (r reads) EventWalk(ctx context.Context) (billing.EventWalk, error) {
	var row walkRow
	err := r.q(ctx).Where("kind = ?", theWalk).Take(&row).Error
	w := billing.EventWalk{
		SeenUntil: fromStamp(row.SeenUntil),
		After:     billing.StripeEventID(row.WalkAfter),
		LookedAt:  fromStamp(row.LookedAt),
		Found:     row.Found,
		Refused:   row.Refused,
		RefusedAt: fromStamp(row.RefusedAt),
	}
	if row.WalkSince != nil {
		w.Since, w.Until = &row.WalkSince.Time, &row.WalkUntil.Time
	}
	return w, translate(err)
}

// CountBackfilled counts an event that no webhook brought, in the transaction that stores the event. So it is counted
// once, even if several walks run or a process dies.
func (tx *Tx) CountBackfilled(ctx context.Context) error {
	return translate(
		tx.q(ctx).Model(&walkRow{}).Where("kind = ?", theWalk).Update("found", gorm.Expr("found + 1")).Error,
	)
}

// CountRefused counts webhooks that matched none of our secrets.
func (tx *Tx) CountRefused(ctx context.Context, n int64) error {
	return translate(tx.q(ctx).Model(&walkRow{}).Where("kind = ?", theWalk).
		Updates(map[string]any{"refused": gorm.Expr("refused + ?", n), "refused_at": stamp{tx.Now}}).Error)
}

// SaveEventWalk writes the cursor of the walk. If another process moved the cursor in the meantime, it returns false
// and changes nothing.
func (tx *Tx) SaveEventWalk(ctx context.Context, from, to billing.EventWalk) (bool, error) {
	q := tx.q(ctx).Model(&walkRow{}).Where("kind = ? AND walk_after = ?", theWalk, string(from.After))
	if from.Until == nil {
		q = q.Where("walk_until IS NULL")
	} else {
		q = q.Where("walk_until = ?", stamp{*from.Until})
	}
	res := q.Updates(map[string]any{
		"seen_until": toStamp(to.SeenUntil), "walk_since": toStamp(to.Since), "walk_until": toStamp(to.Until),
		"walk_after": string(to.After),
		"looked_at":  toStamp(to.LookedAt),
	})
	return res.RowsAffected == 1, translate(res.Error)
}
