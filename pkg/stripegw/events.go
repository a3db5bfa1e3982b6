package stripegw

import (
	"context"
	"slices"
	"time"

	stripe "github.com/stripe/stripe-go/v76"

	"github.com/pointsync/pointsync/pkg/billing"
)

// EventLifetime is how long Stripe lists an event. Source: https://stripe.com/docs/api/events
const EventLifetime = 30 * 24 * time.Hour

// EventPage is a page of Stripe's own list of events, with only our types.
type EventPage struct {
	Events []Event
	Last   billing.StripeEventID // the oldest on the page, of any type: the next page begins after it
	More   bool
}

// Events lists events made since a time, newest first, after the given one or from the beginning. It returns one page
// and makes one call. Stripe renders the events in the account's default version. That does not matter, because only
// ids are read. Stripe's filter by type takes 20 types, but we have more, so we filter here. Errors:
// EStripeUnavailable, EStripeRefused.
func (g *Gateway) Events(ctx context.Context, since time.Time, after billing.StripeEventID) (EventPage, error) {
	params := &stripe.EventListParams{
		ListParams: listParams(ctx), CreatedRange: &stripe.RangeQueryParams{GreaterThanOrEqual: since.Unix()},
	}
	params.Single = true // the caller asks for each page, at its own pace
	if after != "" {
		params.StartingAfter = stripe.String(string(after))
	}
	list := g.api.Events.List(params)
	var page EventPage
	for list.Next() {
		e := list.Event()
		page.Last = billing.StripeEventID(e.ID)
		if slices.Contains(EventTypes, string(e.Type)) {
			page.Events = append(page.Events, fromStripeEvent(e))
		}
	}
	if err := list.Err(); err != nil {
		return EventPage{}, g.failure(err, "list its events")
	}
	page.More = list.Meta().HasMore
	return page, nil
}

func fromStripeEvent(e *stripe.Event) Event {
	out := Event{
		ID:         billing.StripeEventID(e.ID),
		Type:       string(e.Type),
		APIVersion: e.APIVersion,
		Livemode:   e.Livemode,
		Created:    at(e.Created),
	}
	if e.Data != nil {
		out.readObject(e.Data.Raw)
	}
	return out
}
