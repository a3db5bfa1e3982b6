package stripegw

import (
	"context"
	"fmt"

	stripe "github.com/stripe/stripe-go/v76"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
)

// Change is one thing that a setup did at Stripe, in words for the operator.
type Change string

// ware is an item of the catalogue as Stripe sees it: a product with one price.
type ware struct {
	item, name, description string
	amount                  int64
	currency                string
	interval                string // "" for a single payment
}

func wares(c *catalog.Catalog) []ware {
	var all []ware
	for _, p := range c.Plans {
		all = append(all, ware{p.ID, p.Name, p.Description, p.Amount, p.Currency, p.Interval})
	}
	for _, p := range c.Packs {
		all = append(all, ware{p.ID, p.Name, p.Description, p.Amount, p.Currency, ""})
	}
	return all
}

// productID is chosen by us, so that a product is found without a search and cannot be made twice.
func (w ware) productID() string { return billing.LookupKey(w.item) }

// metadata marks products and prices as ours.
func (w ware) metadata() map[string]string { return map[string]string{billing.MetadataItem: w.item} }

// EnsureCatalog makes Stripe's products and prices what the catalogue says, and tells what it changed: nothing on
// the second run. Stripe's prices cannot be edited, so a changed one gets a successor that takes the lookup key over,
// and is archived; subscriptions that have it keep it. Items that left the catalogue stay at Stripe untouched. After
// an error it may be run again: it goes on where it stopped. EStripeUnavailable, EStripeRefused.
func (g *Gateway) EnsureCatalog(ctx context.Context, c *catalog.Catalog) ([]Change, error) {
	var changes []Change
	for _, w := range wares(c) {
		done, err := g.ensureWare(ctx, w)
		changes = append(changes, done...)
		if err != nil {
			return changes, fmt.Errorf("set up %s: %w", w.item, g.failure(err, "set up the catalogue"))
		}
	}
	return changes, nil
}

func (g *Gateway) ensureWare(ctx context.Context, w ware) ([]Change, error) {
	changes, err := g.ensureProduct(ctx, w)
	if err != nil {
		return changes, err
	}
	current, err := g.lookUpPrice(ctx, w.item)
	if err != nil {
		return changes, err
	}
	switch {
	case current == nil || w.differsFrom(current) != "":
		if current, err = g.createPrice(ctx, w); err != nil {
			return changes, err
		}
		g.prices.forget(w.item)
		changes = append(changes, Change(fmt.Sprintf("%s: price %s created, %s", w.item, current.ID, w.terms())))
	case current.Metadata[billing.MetadataItem] != w.item:
		params := &stripe.PriceParams{Metadata: w.metadata()}
		params.Context = ctx
		if _, err := g.api.Prices.Update(current.ID, params); err != nil {
			return changes, err
		}
		changes = append(changes, Change(fmt.Sprintf("%s: price %s marked as this item's", w.item, current.ID)))
	}
	archived, err := g.archiveOthers(ctx, w, current.ID)
	return append(changes, archived...), err
}

func (g *Gateway) ensureProduct(ctx context.Context, w ware) ([]Change, error) {
	get := &stripe.ProductParams{}
	get.Context = ctx
	p, err := g.api.Products.Get(w.productID(), get)
	params := &stripe.ProductParams{Name: stripe.String(w.name), Metadata: w.metadata()}
	params.Context = ctx
	if w.description != "" {
		params.Description = stripe.String(w.description) // Stripe refuses an empty one at creation
	}
	switch {
	case isMissing(err, ""):
		params.ID = stripe.String(w.productID())
		if _, err := g.api.Products.New(params); err != nil {
			return nil, err
		}
		return []Change{Change(fmt.Sprintf("%s: product %s created", w.item, w.productID()))}, nil
	case err != nil:
		return nil, err
	case p.Active && p.Name == w.name && p.Description == w.description && p.Metadata[billing.MetadataItem] == w.item:
		return nil, nil
	}
	params.Active = stripe.Bool(true)
	params.Description = stripe.String(w.description) // in an update, an empty one clears it
	if _, err := g.api.Products.Update(w.productID(), params); err != nil {
		return nil, err
	}
	return []Change{Change(fmt.Sprintf("%s: product %s updated", w.item, w.productID()))}, nil
}

func (g *Gateway) createPrice(ctx context.Context, w ware) (*stripe.Price, error) {
	params := &stripe.PriceParams{
		Product:           stripe.String(w.productID()),
		Currency:          stripe.String(w.currency),
		UnitAmount:        stripe.Int64(w.amount),
		LookupKey:         stripe.String(billing.LookupKey(w.item)),
		TransferLookupKey: stripe.Bool(true), // from whichever price has it, archived ones included
		Metadata:          w.metadata(),
	}
	params.Context = ctx
	if w.interval != "" {
		params.Recurring = &stripe.PriceRecurringParams{Interval: stripe.String(w.interval)}
	}
	return g.api.Prices.New(params)
}

// archiveOthers also ends what an earlier run left behind when it stopped between creating and archiving. Prices
// that an operator made under our product by hand do not carry our mark, and stay.
func (g *Gateway) archiveOthers(ctx context.Context, w ware, keep string) ([]Change, error) {
	list := g.api.Prices.List(&stripe.PriceListParams{
		ListParams: listParams(ctx), Active: stripe.Bool(true), Product: stripe.String(w.productID()),
	})
	var old []string
	err := each(list.Iter, "prices", func() error {
		if p := list.Price(); p.ID != keep && p.Metadata[billing.MetadataItem] == w.item {
			old = append(old, p.ID)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var changes []Change
	for _, id := range old {
		params := &stripe.PriceParams{Active: stripe.Bool(false)}
		params.Context = ctx
		if _, err := g.api.Prices.Update(id, params); err != nil {
			return changes, err
		}
		changes = append(changes, Change(fmt.Sprintf("%s: price %s archived", w.item, id)))
	}
	return changes, nil
}

// differsFrom says what about a price is not as the catalogue wants it, "" where all is.
func (w ware) differsFrom(p *stripe.Price) string {
	interval, every := "", int64(1)
	if p.Recurring != nil {
		interval, every = string(p.Recurring.Interval), p.Recurring.IntervalCount
	}
	switch {
	case p.UnitAmount != w.amount:
		return fmt.Sprintf("the amount is %d, not %d", p.UnitAmount, w.amount)
	case string(p.Currency) != w.currency:
		return fmt.Sprintf("the currency is %s, not %s", p.Currency, w.currency)
	case interval != w.interval || every != 1:
		return fmt.Sprintf("it is paid %s, not %s", rhythm(interval, every), rhythm(w.interval, 1))
	case p.Product == nil || p.Product.ID != w.productID():
		return "it belongs to another product"
	case p.Recurring != nil && p.Recurring.UsageType == stripe.PriceRecurringUsageTypeMetered:
		return "it is metered"
	}
	return ""
}

func rhythm(interval string, every int64) string {
	switch {
	case interval == "":
		return "once"
	case every == 1:
		return "every " + interval
	}
	return fmt.Sprintf("every %d %ss", every, interval)
}

// terms puts the price in words: 1900 usd every month.
func (w ware) terms() string {
	return fmt.Sprintf("%d %s %s", w.amount, w.currency, rhythm(w.interval, 1))
}
