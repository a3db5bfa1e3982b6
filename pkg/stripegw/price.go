package stripegw

import (
	"context"
	"sync"
	"time"

	stripe "github.com/stripe/stripe-go/v76"

	"github.com/pointsync/pointsync/pkg/billing"
)

// priceLife is how long a price is believed without asking again: a setup that runs beside a serving process shows
// there within this time.
const priceLife = time.Minute

// priceCache remembers the prices of the items. The zero value is ready.
type priceCache struct {
	mu    sync.Mutex
	items map[string]cachedPrice
	sells map[billing.PriceID]string // the items of prices; for good, as their metadata is
}

type cachedPrice struct {
	SoldPrice
	foundAt time.Time
}

// SoldPrice is a price that sells an item.
type SoldPrice struct {
	ID    billing.PriceID
	Terms *billing.PriceTerms // nil where the price has none, and the catalogue's hold
}

func (c *priceCache) get(item string, now time.Time) (SoldPrice, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.items[item]
	// The clock may be one that tests set back, so an age below zero is no life either.
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
	if c.sells == nil || len(c.sells) >= maxObjects { // forgetting costs a call
		c.sells = map[billing.PriceID]string{}
	}
	c.sells[id] = item
}

// itemOfPrice names the catalogue's item that a price sells, whose id alone is known.
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

// PlanPrice is the price that a plan is sold at, which must be the catalogue's: what a customer is told is what is
// charged and granted. EStripeRefused: there is none, or it has another amount, currency, interval or other points.
// EStripeUnavailable.
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

// Price finds the price that sells an item now. EStripeRefused: there is none, setup was not run. EStripeUnavailable.
func (g *Gateway) Price(ctx context.Context, item string) (billing.PriceID, error) {
	p, err := g.Sold(ctx, item)
	return p.ID, err
}

// Sold is Price with what the price grants.
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

// lookUpPrice is the active price with the item's lookup key, nil where there is none. Stripe keeps a lookup key on
// one price at a time.
func (g *Gateway) lookUpPrice(ctx context.Context, item string) (*stripe.Price, error) {
	list := g.api.Prices.List(&stripe.PriceListParams{
		ListParams: listParams(ctx),
		Active:     stripe.Bool(true),
		LookupKeys: []*string{stripe.String(billing.LookupKey(item))},
	})
	var found *stripe.Price
	err := each(list.Iter, "prices", func() error {
		// Compared again: a price that is not the item's must not be sold as it, whatever the answer holds.
		if p := list.Price(); p.Active && p.LookupKey == billing.LookupKey(item) {
			found = p
		}
		return nil
	})
	return found, err
}
