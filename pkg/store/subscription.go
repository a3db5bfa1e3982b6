package store

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
)

// SaveSubscription writes the subscription and its window, for an account whose lock this transaction holds.
func (tx *Tx) SaveSubscription(ctx context.Context, a billing.Account) error {
	if tx.saw(a); tx.facts != nil {
		tx.facts.Of(a.ID).Subscription = true
	}
	columns := subscriptionColumns(toRowAccount(a))
	columns["version"] = a.Version
	return tx.saveAccount(ctx, a.ID, columns)
}

// subscriptionColumns returns the columns of an account's row that hold its subscription.
func subscriptionColumns(row accountRow) map[string]any {
	return map[string]any{
		"sub_id": row.SubID, "sub_plan": row.SubPlan, "sub_quantity": row.SubQuantity, "sub_status": row.SubStatus,
		"sub_period_start": row.SubPeriodStart, "sub_period_end": row.SubPeriodEnd, "sub_cancels": row.SubCancels,
		"sub_next_plan": row.SubNextPlan, "sub_next_quantity": row.SubNextQuantity, "sub_next_at": row.SubNextAt,
		"sub_ends_at": row.SubEndsAt, "sub_paused": row.SubPaused, "sub_paused_until": row.SubPausedUntil,
		"window_from": row.WindowFrom, "window_until": row.WindowUntil,
	}
}

func (row *accountRow) setSubscription(s *billing.Subscription) {
	if s == nil {
		return
	}
	status, quantity := string(s.Status), s.Quantity
	row.SubID, row.SubPlan, row.SubQuantity = nullable(s.ID), s.Plan, &quantity
	row.SubStatus, row.SubCancels = &status, s.CancelAtPeriodEnd
	row.SubPeriodStart, row.SubPeriodEnd = &stamp{s.CurrentPeriodStart}, &stamp{s.CurrentPeriodEnd}
	if next := s.Scheduled; next != nil {
		plan, seats := next.Plan, next.Quantity
		row.SubNextPlan, row.SubNextQuantity, row.SubNextAt = &plan, &seats, &stamp{next.At}
	}
	row.SubEndsAt = toStamp(s.EndsAt)
	if s.CollectionPaused != nil {
		row.SubPaused, row.SubPausedUntil = true, toStamp(s.CollectionPaused.Until)
	}
	if s.Window != nil {
		row.WindowFrom, row.WindowUntil = &stamp{s.Window.From}, &stamp{s.Window.Until}
	}
}

func (row *accountRow) subscription() *billing.Subscription {
	if row.SubID == nil {
		return nil
	}
	s := &billing.Subscription{
		ID:                 billing.SubscriptionID(*row.SubID),
		Plan:               row.SubPlan,
		Quantity:           1,
		Status:             billing.SubscriptionStatus(*row.SubStatus),
		CurrentPeriodStart: row.SubPeriodStart.Time,
		CurrentPeriodEnd:   row.SubPeriodEnd.Time,
		CancelAtPeriodEnd:  row.SubCancels,
	}
	if row.SubQuantity != nil { // before there were seats, every subscription had one
		s.Quantity = *row.SubQuantity
	}
	if row.SubNextPlan != nil {
		s.Scheduled = &billing.ScheduledChange{
			Plan: *row.SubNextPlan, Quantity: *row.SubNextQuantity, At: row.SubNextAt.Time,
		}
	}
	s.EndsAt = fromStamp(row.SubEndsAt)
	if row.SubPaused {
		s.CollectionPaused = &billing.CollectionPause{Until: fromStamp(row.SubPausedUntil)}
	}
	if row.WindowFrom != nil {
		s.Window = &billing.Window{From: row.WindowFrom.Time, Until: row.WindowUntil.Time}
	}
	return s
}
