// Package outbox owns the events that we send to the operator's own endpoints: points granted, spent and low,
// subscriptions and orders that changed.
//
// An outgoing event is written in the transaction of the fact that it reports. At the end of every transaction that
// wrote something, the store calls this package with what was written. So code that moves points cannot forget the
// event: there is no event without its fact, and no fact without its event. An event that no endpoint wants is not
// written.
//
// Deliveries are signed as the Standard Webhooks specification requires, and sent at least once. The id stays the same
// over all attempts. The table is the truth, and a job only a means. The package refuses to know HTTP routes and
// Stripe.
package outbox

import (
	"context"
	"encoding/json"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// Attach makes a database write outgoing events. Fewer available points than low are low for a customer who has not
// chosen a number; 0 means that points are never low.
func Attach(db *store.DB, low billing.Points) {
	db.BeforeCommit(func(ctx context.Context, tx *store.Tx, f *store.Facts) error { return write(ctx, tx, f, low) })
}

// threshold returns the number of available points below which an account's points are low.
func threshold(a billing.Account, low billing.Points) billing.Points {
	if a.LowPoints != nil {
		return *a.LowPoints
	}
	return low
}

// ofEntries maps the movements of points that are reported to their events. Holds, releases and rollovers are not
// reported, because no points are won or lost by them.
var ofEntries = map[billing.EntryKind]billing.OutgoingType{
	billing.EntryGrant: billing.OutPointsGranted, billing.EntrySpend: billing.OutPointsSpent,
	billing.EntryCapture: billing.OutPointsSpent,
	billing.EntryExpire:  billing.OutPointsExpired, billing.EntryClawback: billing.OutPointsClawedBack,
	billing.EntryRestore:    billing.OutPointsRestored,
	billing.EntryCorrection: billing.OutPointsCorrected,
}

// draft is an event before it is written.
type draft struct {
	kind    billing.OutgoingType
	account billing.AccountID
	about   func(*data)
}

// write writes the events that a transaction's facts make, if an endpoint wants them.
func write(ctx context.Context, tx *store.Tx, f *store.Facts, low billing.Points) error {
	// Ids sort deliveries in the order in which things happened. An account's transactions come here one after another,
	// because each holds its row. The machine's clock tells them apart, even while the product's clock does not move.
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
		d := data{
			AccountID: a.ID, ExternalID: a.ExternalID, Version: a.Version, Points: points{a.Available, a.Held, a.Debt},
		}
		t.about(&d)
		body, err := json.Marshal(event{t.kind, billing.Time(tx.Now), d})
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

// all returns the events of the facts: each movement of points, then the changes of orders and subscriptions, and last
// whether points are low now. Points that went down and up again within the transaction, as at a renewal, were never
// low.
func all(f *store.Facts, low billing.Points) (list []draft) {
	for _, e := range f.Entries {
		if kind, ok := ofEntries[e.Kind]; ok && e.Amount != 0 {
			list = append(list, draft{kind, e.AccountID, func(d *data) { d.Entry = toEntry(e) }})
		}
	}
	for _, o := range f.Orders {
		if kind := ofOrder(o); kind != "" {
			list = append(list, draft{kind, o.After.AccountID, func(d *data) { d.Order = toOrder(o.After) }})
		}
	}
	for _, t := range f.Stopped {
		list = append(list, draft{billing.OutTopUpAttention, t.AccountID, func(d *data) { d.TopUp = toTopUp(t) }})
	}
	for _, c := range f.Changes {
		if c.Subscription {
			list = append(
				list,
				draft{
					billing.OutSubscriptionChanged, c.After.ID,
					func(d *data) { d.Subscription = toSubscription(c.After.Subscription) },
				},
			)
		}
		if limit := threshold(c.After, low); c.Before.Available >= limit && c.After.Available < limit {
			list = append(list, draft{billing.OutPointsLow, c.After.ID, func(d *data) { d.Threshold = &limit }})
		}
		if c.Before.DeletedAt == nil && c.After.DeletedAt != nil {
			list = append(list, draft{
				billing.OutAccountDeleted, c.After.ID, func(d *data) { d.ExternalID = c.Before.ExternalID },
			})
		}
	}
	return list
}

// ofOrder returns the event of a changed order, or "" for none. An order that is fulfilled again, because its money
// came back, is not reported twice: an operator who ships by it would ship twice.
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
