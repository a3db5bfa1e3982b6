package reconcile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/metric"
)

// Unknown is something of ours at Stripe that the catalogue does not explain: an item that was removed from the
// catalogue while it is still paid for.
type Unknown struct {
	Thing  metric.Unknown
	Ref    string // Stripe's id
	Detail string
}

const putBack = "put it back into the catalogue, with sold: false if it is no longer sold"

// decideUnknown reports live subscriptions of an item that the catalogue does not have. They grant by the terms of
// their price, if it has any. But no one can change them, and no page can name them.
func (d *Decision) decideUnknown(in Input) {
	for _, s := range in.Picture.Subscriptions {
		if _, known := in.Catalog.Plan(s.Item); known || s.Item == "" || !s.Status.Live() {
			continue
		}
		d.unknown(
			metric.UnknownSubscription, string(s.ID),
			fmt.Sprintf("subscription %s is of %q, which the catalogue does not have: %s", s.ID, s.Item, putBack),
		)
	}
	slices.SortFunc(d.Unknown, func(a, b Unknown) int { return strings.Compare(a.Ref, b.Ref) })
}

// notUnderstood reports a paid invoice that grants nothing yet: neither the price nor the catalogue says what one of
// its lines grants.
func (d *Decision) notUnderstood(i billing.StripeInvoice, items []string) {
	d.unknown(metric.UnknownInvoice, string(i.ID), fmt.Sprintf(
		"invoice %s was paid for %q, and neither its price nor the catalogue gives the points: "+
			"it grants nothing until one does; %s", i.ID, strings.Join(slices.Compact(items), ", "), putBack,
	))
}

func (d *Decision) unknown(thing metric.Unknown, ref, detail string) {
	d.Unknown = append(d.Unknown, Unknown{Thing: thing, Ref: ref, Detail: detail})
	d.Warnings = append(d.Warnings, detail)
}
