package stripegw

import (
	"context"

	stripe "github.com/stripe/stripe-go/v76"

	"github.com/pointsync/pointsync/pkg/billing"
)

// AdoptPrice makes a price that another system made one of a plan: it writes on the price which plan that is, what it
// grants, and since when. What was paid for it before grants nothing. It returns what it changes, or "" if the price
// was adopted already. Without do, it changes nothing.
//
// The price must be charged as often as the plan, and by quantity. Its amount and currency may differ: its subscribers
// keep paying them. Errors: EInvalid, EStripeUnavailable, EStripeRefused.
func (g *Gateway) AdoptPrice(ctx context.Context, id billing.PriceID, plan billing.Plan, do bool) (Change, error) {
	if err := need("the price", string(id)); err != nil {
		return "", err
	}
	params := &stripe.PriceParams{}
	params.Context = ctx
	p, err := g.api.Prices.Get(string(id), params)
	switch {
	case isMissing(err, ""):
		return "", billing.Errorf(billing.EInvalid, "Stripe has no price %s.", id)
	case err != nil:
		return "", g.failure(err, "show the price")
	}
	w := wareOfPlan(plan)
	if why := w.cannotAdopt(p); why != "" {
		return "", billing.Errorf(billing.EInvalid, "The price %s cannot become one of %s: %s.", id, plan.ID, why)
	}
	if p.Metadata[billing.MetadataItem] == w.item && termsOf(p) != nil && p.Metadata[billing.MetadataAdoptedAt] != "" {
		return "", nil
	}
	if do {
		if err := g.markPrice(ctx, w, p); err != nil {
			return "", g.failure(err, "mark the price")
		}
	}
	w.amount, w.currency = p.UnitAmount, string(p.Currency)
	return Change(w.item + ": price " + p.ID + ", " + w.terms()), nil
}

// cannotAdopt returns why a price cannot be one of a plan, or "" if it can.
func (w ware) cannotAdopt(p *stripe.Price) string {
	item, terms := itemOf(p), termsOf(p)
	switch {
	case item != "" && item != w.item:
		return "it is one of " + item
	case p.Product != nil && p.Product.ID == w.productID():
		return "stripe setup made it"
	case p.Recurring == nil:
		return "it is paid once"
	case billing.Interval(p.Recurring.Interval) != w.interval || p.Recurring.IntervalCount != 1:
		return "it is paid " + rhythm(billing.Interval(p.Recurring.Interval), p.Recurring.IntervalCount) + ", not " +
			rhythm(w.interval, 1)
	case p.Recurring.UsageType == stripe.PriceRecurringUsageTypeMetered:
		return "it is metered"
	case p.BillingScheme == stripe.PriceBillingSchemeTiered:
		return "its amount comes from tiers"
	case terms != nil && *terms != w.grants:
		return "it grants " + pointsOf(*terms) + ", and what was sold keeps its terms"
	}
	return ""
}
