package stripegw

import (
	"context"
	"fmt"
	"strings"

	stripe "github.com/stripe/stripe-go/v76"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
)

// leastAmounts are the smallest amounts that Stripe charges, in the currency's smallest unit.
// Source: https://stripe.com/docs/currencies#minimum-and-maximum-charge-amounts
var leastAmounts = map[string]int64{
	"usd": 50, "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250, "eur": 50,
	"gbp": 30, "hkd": 400,
	"huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300, "nzd": 50, "pln": 200, "ron": 200,
	"sek": 300, "sgd": 50, "thb": 1000,
}

// tooSmall returns what Stripe does with an item's amount that is below its smallest charge, or "" if it is not below.
func (w ware) tooSmall() string {
	least := leastAmounts[w.currency]
	switch {
	case w.amount >= least:
		return ""
	case w.interval == "":
		return fmt.Sprintf(
			"%s: the amount %d %s is below Stripe's smallest charge of %d: a page for one is refused", w.item, w.amount,
			w.currency, least,
		)
	}
	return fmt.Sprintf(
		"%s: the amount %d %s is below Stripe's smallest charge of %d: it is not charged until the customer owes as much",
		w.item, w.amount, w.currency, least,
	)
}

const setupFix = "Run pointsync stripe setup."

// checkWare examines one item. A retired item must not be for sale. Any other item must be for sale, at the
// catalogue's terms.
func (g *Gateway) checkWare(ctx context.Context, w ware) ([]Finding, error) {
	p, err := g.lookUpPrice(ctx, w.item)
	if err != nil {
		return nil, err
	}
	switch {
	case w.retired && p == nil:
		return []Finding{fine("%s: retired", w.item)}, nil
	case w.retired:
		return []Finding{wrong(setupFix, "%s: retired, and price %s still sells it", w.item, p.ID)}, nil
	case p == nil:
		return []Finding{
			wrong(setupFix, "%s: no active price has the lookup key %s", w.item, billing.LookupKey(w.item)),
		}, nil
	}
	found := []Finding{checkTerms(w, p)}
	if small := w.tooSmall(); small != "" {
		found = append(found, wrong("Raise its amount in the catalogue, or sell more of it at once.", "%s", small))
	}
	if p.Product == nil || p.Product.ID != w.productID() {
		return found, nil
	}
	get := &stripe.ProductParams{}
	get.Context = ctx
	product, err := g.api.Products.Get(w.productID(), get)
	if err == nil && !product.Active {
		found = append(
			found, wrong(setupFix, "%s: product %s is archived, so Stripe sells none of it", w.item, product.ID),
		)
	}
	return found, err
}

func checkTerms(w ware, p *stripe.Price) Finding {
	if difference := w.differsFrom(p); difference != "" {
		return wrong(setupFix, "%s: price %s is not the catalogue's: %s", w.item, p.ID, difference)
	}
	if termsOf(p) == nil {
		return wrong(
			setupFix, "%s: price %s does not carry its points, so they would change with the catalogue", w.item, p.ID,
		)
	}
	return fine("%s: price %s, %s", w.item, p.ID, w.terms())
}

// checkVanished finds items that subscribers pay for but that the catalogue does not have.
func (g *Gateway) checkVanished(ctx context.Context, c *catalog.Catalog) ([]Finding, error) {
	known := map[string]bool{}
	for _, w := range wares(c) {
		known[w.item] = true
	}
	prices := map[string][]string{} // of each item that is not in the catalogue
	var items []string
	list := g.api.Prices.List(&stripe.PriceListParams{ListParams: listParams(ctx), Type: stripe.String("recurring")})
	for list.Next() {
		p := list.Price()
		if item := itemOf(p); item != "" && !known[item] {
			if prices[item] == nil {
				items = append(items, item)
			}
			prices[item] = append(prices[item], p.ID)
		}
	}
	if err := list.Err(); err != nil {
		return nil, err
	}
	var found []Finding
	for _, item := range items {
		for _, price := range prices[item] {
			s, err := g.liveSubscription(ctx, price)
			if err != nil {
				return found, err
			}
			if s != "" {
				found = append(found, wrong("Put it back into the catalogue, with sold: false if it is no longer sold.",
					"%s: subscription %s pays for it at price %s, and the catalogue does not have it", item, s, price))
				break
			}
		}
	}
	return found, nil
}

// liveSubscription returns a live subscription of a price, or "" if there is none.
func (g *Gateway) liveSubscription(ctx context.Context, price string) (string, error) {
	list := g.api.Subscriptions.List(
		&stripe.SubscriptionListParams{ListParams: listParams(ctx), Price: stripe.String(price)},
	)
	for list.Next() {
		if s := list.Subscription(); billing.SubscriptionStatus(s.Status).Live() {
			return s.ID, nil
		}
	}
	return "", list.Err()
}

// others returns the enabled endpoints that an earlier setup made at another address. With one of them, each event
// would arrive twice.
func others(all []*stripe.WebhookEndpoint, address string) (found []*stripe.WebhookEndpoint) {
	for _, e := range all {
		if e.URL != address && e.Status == endpointEnabled && e.Description == endpointDescription {
			found = append(found, e)
		}
	}
	return found
}

func addressesOf(endpoints []*stripe.WebhookEndpoint) string {
	var all []string
	for _, e := range endpoints {
		all = append(all, e.ID+" at "+e.URL)
	}
	return strings.Join(all, ", ")
}
