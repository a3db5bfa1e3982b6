package main

import (
	"context"
	"fmt"
	"time"

	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

const (
	// maxWaiting limits how many events of an account are looked at.
	maxWaiting = 1000
	// refusedLately is how long a refused webhook may be the reason why an order is still open.
	refusedLately = 24 * time.Hour
)

// waitsOf says, a line each, why the account may have fewer points than its customer expects: what waits, for what, and
// what the last sync of the story says.
func waitsOf(ctx context.Context, db *store.DB, a billing.Account, story []account.Line) (lines []string, err error) {
	if at := a.Parking.At; at != nil {
		lines = append(lines, fmt.Sprintf(
			"its grants wait for a person since %s: %s (pointsync user unpark)",
			at.UTC().Format(time.DateTime), a.Parking.Reason,
		))
	}
	events, err := db.PendingEventsOf(ctx, a.ID, maxWaiting)
	if err != nil {
		return nil, err
	}
	if len(events) > 0 {
		lines = append(lines, waitingEvents(events))
	}
	orders, err := db.OpenOrders(ctx, a.ID)
	if err != nil {
		return nil, err
	}
	unpaid := false
	for _, o := range orders {
		// What waits may report the payment.
		if o.Status == billing.OrderPending && len(events) == 0 {
			unpaid = true
			lines = append(lines, fmt.Sprintf(
				"the order of %s of %s is open: Stripe reported no payment",
				o.Item, o.CreatedAt.UTC().Format(time.DateTime),
			))
		}
	}
	walk, err := db.EventWalk(ctx)
	if err != nil {
		return nil, err
	}
	if at := walk.RefusedAt; unpaid && at != nil && db.Now().Before(at.Add(refusedLately)) {
		lines = append(lines, fmt.Sprintf(
			"webhooks were refused, the last one counted at %s: they match no secret (pointsync stripe check)",
			at.UTC().Format(time.DateTime),
		))
	}
	for i := len(story) - 1; i >= 0; i-- {
		if story[i].Kind == billing.MomentSyncEnded {
			return append(lines, fmt.Sprintf("at %s, %s", story[i].At.UTC().Format(time.DateTime), story[i].Text)), nil
		}
	}
	return lines, nil
}

// waitingEvents says what the events of an account wait for. The first of them is the oldest.
func waitingEvents(events []billing.InboxEvent) string {
	why := "no sync for them has ended: is the queue stuck?"
	for _, e := range events {
		if e.LastError != "" {
			why = e.LastError
		}
	}
	return fmt.Sprintf(
		"%d of Stripe's events wait, the oldest since %s: %s", len(events),
		events[0].ReceivedAt.UTC().Format(time.DateTime), why,
	)
}
