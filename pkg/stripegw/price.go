package stripegw

import (
	"context"
	"sync"
	"time"

	stripe "github.com/stripe/stripe-go/v76"

	"github.com/pointsync/pointsync/pkg/billing"
)

// priceLife is how long a cached price is used without asking again. A setup that runs beside a server becomes visible
// there within this time.
const priceLife = time.Minute

// priceCache caches the prices of the items. The zero value is ready.
type priceCache struct {
	mu    sync.Mutex
	items map[string]cachedPrice
	sells map[billing.PriceID]string // the items of prices; kept for good, because their metadata does not change
}

type cachedPrice struct {
	SoldPrice
	foundAt time.Time
}

// SoldPrice is a price that sells an item.
type SoldPrice struct {
	ID    billing.PriceID
	Terms *billing.PriceTerms // nil if the price has none; the catalogue's terms then apply
}

func (c *priceCache) get(item string, now time.Time) (SoldPrice, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.items[item]
	// The clock may be one that tests set back, so a negative age is also not valid.
	age := now.Sub(p.foundAt)
	return p.SoldPrice, ok && age >= 0 && age < priceLife
}

func (c *priceCache) put(item string, p SoldPrice, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.items == nil {
		c.items = map[string]cachedPrice{}
	}
	c.items[item] = cachedPrice{SoldPrice: p, foundAt: now}
}

func (c *priceCache) forget(item string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.items, item)
}

func (c *priceCache) itemOf(id billing.PriceID) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	item, known := c.sells[id]
	return item, known
}

func (c *priceCache) learn(id billing.PriceID, item string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sells == nil || len(c.sells) >= maxObjects { // forgetting costs only a call
		c.sells = map[billing.PriceID]string{}
	}
	c.sells[id] = item
}

// itemOfPrice returns the catalogue's item that a price sells, if only the price's id is known.
func (g *Gateway) itemOfPrice(ctx context.Context, id billing.PriceID) (string, error) {
	if item, known := g.prices.itemOf(id); known {
		return item, nil
	}
	if err := need("the price", string(id)); err != nil {
		return "", err
	}
	params := &stripe.PriceParams{}
	params.Context = ctx
	p, err := g.api.Prices.Get(string(id), params)
	if isMissing(err, "") {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	item := itemOf(p)
	if item != "" {
		g.prices.learn(id, item)
	}
	return item, nil
}

// PlanPrice returns the price that a plan is sold at. It must match the catalogue, so that customers are charged and
// granted what they were told. Errors: EStripeRefused if there is none, or if it has another amount, currency,
// interval or other points; EStripeUnavailable.
func (g *Gateway) PlanPrice(ctx context.Context, plan billing.Plan) (billing.PriceID, error) {
	p, err := g.lookUpPrice(ctx, plan.ID)
	if err != nil {
		return "", g.failure(err, "show its prices")
	}
	if p == nil || wareOfPlan(plan).differsFrom(p) != "" {
		return "", billing.Errorf(billing.EStripeRefused,
			"The price of %s at Stripe is not the one in the catalogue, so nothing is changed. The operator has to run pointsync stripe setup.",
			plan.ID)
	}
	return billing.PriceID(p.ID), nil
}

// Price returns the price that sells an item now. Errors: EStripeRefused if there is none because setup was not run;
// EStripeUnavailable.
func (g *Gateway) Price(ctx context.Context, item string) (billing.PriceID, error) {
	p, err := g.Sold(ctx, item)
	return p.ID, err
}

// Sold returns the same price as Price, with what it grants.
func (g *Gateway) Sold(ctx context.Context, item string) (SoldPrice, error) {
	if err := need("the item", item); err != nil {
		return SoldPrice{}, err
	}
	if p, ok := g.prices.get(item, g.now()); ok {
		return p, nil
	}
	p, err := g.lookUpPrice(ctx, item)
	if err != nil {
		return SoldPrice{}, g.failure(err, "show its prices")
	}
	if p == nil {
		return SoldPrice{}, billing.Errorf(
			billing.EStripeRefused, "Stripe has no price for %q; run pointsync stripe setup.", item,
		)
	}
	sold := SoldPrice{ID: billing.PriceID(p.ID), Terms: termsOf(p)}
	g.prices.put(item, sold, g.now())
	return sold, nil
}

// lookUpPrice returns the active price with the item's lookup key, or nil if there is none. Stripe keeps a lookup key
// on one price at a time.
func (g *Gateway) lookUpPrice(ctx context.Context, item string) (*stripe.Price, error) {
	list := g.api.Prices.List(&stripe.PriceListParams{
		ListParams: listParams(ctx),
		Active:     stripe.Bool(true),
		LookupKeys: []*string{stripe.String(billing.LookupKey(item))},
	})
	var found *stripe.Price
	err := each(list.Iter, "prices", func() error {
		// Compared again: a price that is not the item's must not be sold as it, whatever the response contains.
		if p := list.Price(); p.Active && p.LookupKey == billing.LookupKey(item) {
			found = p
		}
		return nil
	})
	return found, err
}
