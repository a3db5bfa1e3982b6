package store

import "github.com/pointsync/pointsync/pkg/billing"

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
