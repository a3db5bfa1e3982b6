// Package outbox owns what the operator's own endpoints are told: points granted, spent and low, subscriptions and
// orders that changed. An outgoing event is written in the transaction of what it tells, by the store itself at that
// transaction's end, so no code that moves points can forget it: no event without the fact, no fact without the event.
// Nothing is written that no endpoint wants.
//
// Deliveries are signed as Standard Webhooks says and sent at least once; the id stays the same over all attempts. The
// table is the truth and a job only a means. It refuses to know HTTP routes and Stripe.
package outbox

import (
	"context"
	"encoding/json"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// Attach makes a database write outgoing events. low is how few available points are low where the customer says
// nothing else; 0 is for none.
func Attach(db *store.DB, low billing.Points) {
	db.BeforeCommit(func(ctx context.Context, tx *store.Tx, f *store.Facts) error { return tell(ctx, tx, f, low) })
}

// threshold is how few available points are low for an account.
func threshold(a billing.Account, low billing.Points) billing.Points {
	if a.LowPoints != nil {
		return *a.LowPoints
	}
	return low
}

// ofEntries says which movements of points are told. Holds, releases and rollovers are not: nothing was won or lost by
// them.
var ofEntries = map[billing.EntryKind]billing.OutgoingType{
	billing.EntryGrant: billing.OutPointsGranted, billing.EntrySpend: billing.OutPointsSpent,
	billing.EntryCapture: billing.OutPointsSpent,
	billing.EntryExpire:  billing.OutPointsExpired, billing.EntryClawback: billing.OutPointsClawedBack,
	billing.EntryRestore:    billing.OutPointsRestored,
	billing.EntryCorrection: billing.OutPointsCorrected,
}

// told is an event in the making.
type told struct {
	kind    billing.OutgoingType
	account billing.AccountID
	about   func(*data)
}

// tell writes what a transaction's facts say to endpoints that want to know it.
func tell(ctx context.Context, tx *store.Tx, f *store.Facts, low billing.Points) error {
	// Ids sort deliveries in the order in which things happened. An account's transactions come here one after another,
	// for each holds its row; the machine's clock tells them apart also where the product's stands still.
	now := time.Now()
	for i, t := range all(f, low) {
		if wanted, err := tx.Wants(ctx, t.kind); err != nil || !wanted {
			if err != nil {
				return err
			}
			continue
		}
		a, err := accountOf(ctx, tx, f, t.account)
		if err != nil {
			return err
		}
		d := data{AccountID: a.ID, Version: a.Version, Points: points{a.Available, a.Held, a.Debt}}
		t.about(&d)
		body, err := json.Marshal(event{t.kind, tx.Now, d})
		if err != nil {
			return err
		}
		err = tx.InsertDeliveries(ctx, billing.Delivery{
			ID: billing.NewMessageID(
				now.Add(time.Duration(i) * time.Microsecond),
			), AccountID: a.ID, Type: t.kind, Body: string(body), CreatedAt: tx.Now,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// all lists what the facts amount to: each movement of points, then what became of orders and subscriptions, and last
// whether points are low now. What went down and up again within the transaction, as at a renewal, was never low.
func all(f *store.Facts, low billing.Points) (list []told) {
	for _, e := range f.Entries {
		if kind, ok := ofEntries[e.Kind]; ok && e.Amount != 0 {
			list = append(list, told{kind, e.AccountID, func(d *data) { d.Entry = toEntry(e) }})
		}
	}
	for _, o := range f.Orders {
		if kind := ofOrder(o); kind != "" {
			list = append(list, told{kind, o.After.AccountID, func(d *data) { d.Order = toOrder(o.After) }})
		}
	}
	for _, t := range f.Stopped {
		list = append(list, told{billing.OutTopUpAttention, t.AccountID, func(d *data) { d.TopUp = toTopUp(t) }})
	}
	for _, c := range f.Changes {
		if c.Subscription {
			list = append(
				list,
				told{
					billing.OutSubscriptionChanged, c.After.ID,
					func(d *data) { d.Subscription = toSubscription(c.After.Subscription) },
				},
			)
		}
		if limit := threshold(c.After, low); c.Before.Available >= limit && c.After.Available < limit {
			list = append(list, told{billing.OutPointsLow, c.After.ID, func(d *data) { d.Threshold = &limit }})
		}
	}
	return list
}

// ofOrder says what became of an order. One that is fulfilled again, because its money came back, is not told twice:
// whoever ships by it would ship twice.
func ofOrder(o store.OrderChange) billing.OutgoingType {
	switch {
	case o.Before == o.After.Status:
		return ""
	case o.After.Status == billing.OrderFulfilled && o.Before != billing.OrderRefunded:
		return billing.OutOrderFulfilled
	case o.After.Status == billing.OrderRefunded:
		return billing.OutOrderRefunded
	case o.After.Status == billing.OrderFailed:
		return billing.OutOrderFailed
	}
	return ""
}

func accountOf(ctx context.Context, tx *store.Tx, f *store.Facts, id billing.AccountID) (billing.Account, error) {
	if c := f.Of(id); c != nil {
		return c.After, nil
	}
	return tx.Account(ctx, id)
}
