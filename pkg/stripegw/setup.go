package stripegw

import (
	"context"
	"fmt"
	"time"

	stripe "github.com/stripe/stripe-go/v76"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
)

// Change describes one thing that a setup did at Stripe, for the operator.
type Change string

// ware is an item of the catalogue as Stripe sees it: a product with one price.
type ware struct {
	item, name, description string
	amount                  int64
	currency                string
	interval                billing.Interval // "" for a single payment
	grants                  billing.PriceTerms
	retired                 bool
}

func wares(c *catalog.Catalog) []ware {
	var all []ware
	for _, p := range c.Plans {
		all = append(all, wareOfPlan(p))
	}
	for _, p := range c.Packs {
		all = append(all, ware{p.ID, p.Name, p.Description, p.Amount, p.Currency, "", p.Terms(), p.Retired})
	}
	return all
}

func wareOfPlan(p billing.Plan) ware {
	return ware{p.ID, p.Name, p.Description, p.Amount, p.Currency, p.Interval, p.Terms(), p.Retired}
}

// productID returns an id that we choose. So a product is found without a search and cannot be created twice.
func (w ware) productID() string { return billing.LookupKey(w.item) }

// metadata returns the metadata that marks products and prices as ours.
func (w ware) metadata() map[string]string { return map[string]string{billing.MetadataItem: w.item} }

// priceMetadata returns metadata with the terms that belong to a price.
func (w ware) priceMetadata() map[string]string {
	m := termsMetadata(w.grants)
	m[billing.MetadataItem] = w.item
	return m
}

// SmallAmounts lists the items of the catalogue whose amount is below Stripe's smallest charge, and what Stripe then
// does.
func SmallAmounts(c *catalog.Catalog) (notes []string) {
	for _, w := range wares(c) {
		if small := w.tooSmall(); small != "" && !w.retired {
			notes = append(notes, small)
		}
	}
	return notes
}

// EnsureCatalog makes Stripe's products and prices match the catalogue, and returns what it changed. A second run
// changes nothing. Stripe's prices cannot be edited, and a sold item keeps its terms. So if the amount or the grant of
// a price changes, it gets a successor that takes over the lookup key, and the old price is archived. Subscriptions
// that have the old price keep it. The prices of a retired item are archived. Items that were removed from the
// catalogue stay unchanged at Stripe. After an error it may be run again, and it continues where it stopped. Errors:
// EStripeUnavailable, EStripeRefused.
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
	if w.retired {
		g.prices.forget(w.item)
		changes, err := g.archiveOthers(ctx, w, "")
		if isMissing(err, "product") { // it was retired before it was ever set up
			return nil, nil
		}
		return changes, err
	}
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
	case current.Metadata[billing.MetadataItem] != w.item || termsOf(current) == nil:
		if err := g.markPrice(ctx, w, current); err != nil {
			return changes, err
		}
		changes = append(
			changes,
			Change(fmt.Sprintf("%s: price %s marked as this item's, with %s", w.item, current.ID, pointsOf(w.grants))),
		)
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
		params.Description = stripe.String(w.description) // Stripe refuses an empty description at creation
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
	params.Description = stripe.String(w.description) // in an update, an empty description clears it
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
		TransferLookupKey: stripe.Bool(true), // from the price that has it, even an archived one
		Metadata:          w.priceMetadata(),
	}
	params.Context = ctx
	if w.interval != "" {
		params.Recurring = &stripe.PriceRecurringParams{Interval: stripe.String(string(w.interval))}
	}
	return g.api.Prices.New(params)
}

// markPrice writes on a price whose it is and what it grants, and if another system made it, since when.
func (g *Gateway) markPrice(ctx context.Context, w ware, p *stripe.Price) error {
	params := &stripe.PriceParams{Metadata: w.priceMetadata()}
	params.Context = ctx
	if p.Product == nil || p.Product.ID != w.productID() { // another system made it
		params.Metadata[billing.MetadataAdoptedAt] = g.now().UTC().Format(time.RFC3339)
	}
	for _, key := range termsKeys { // an existing value that cannot be read is removed
		if params.Metadata[key] == "" && p.Metadata[key] != "" {
			params.Metadata[key] = ""
		}
	}
	_, err := g.api.Prices.Update(p.ID, params)
	g.prices.forget(w.item)
	return err
}

// archiveOthers also archives what an earlier run left behind if it stopped between creating and archiving. Prices
// that an operator made by hand under our product do not have our mark, and stay.
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

// differsFrom returns how a price differs from the catalogue, or "" if it does not.
func (w ware) differsFrom(p *stripe.Price) string {
	interval, every := billing.Interval(""), int64(1)
	if p.Recurring != nil {
		interval, every = billing.Interval(p.Recurring.Interval), p.Recurring.IntervalCount
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
	if t := termsOf(p); t != nil && *t != w.grants {
		return fmt.Sprintf("it grants %s, not %s", pointsOf(*t), pointsOf(w.grants))
	}
	return ""
}

// pointsOf returns what a price grants in words: 500 points a month, 50 for a trial, rolling over at most 300.
func pointsOf(t billing.PriceTerms) string {
	words := fmt.Sprintf("%d points", t.Points)
	if t.GrantInterval != "" {
		words += " a " + string(t.GrantInterval)
	}
	if t.TrialPoints > 0 {
		words += fmt.Sprintf(", %d for a trial", t.TrialPoints)
	}
	switch {
	case t.Rollover == billing.RolloverAll:
		words += ", rolling over"
	case t.Rollover > 0:
		words += fmt.Sprintf(", rolling over at most %d", t.Rollover)
	}
	return words
}

func rhythm(interval billing.Interval, every int64) string {
	switch {
	case interval == "":
		return "once"
	case every == 1:
		return "every " + string(interval)
	}
	return fmt.Sprintf("every %d %ss", every, interval)
}

// terms returns the price in words: 1900 usd every month for 1200 points.
func (w ware) terms() string {
	return fmt.Sprintf("%d %s %s for %s", w.amount, w.currency, rhythm(w.interval, 1), pointsOf(w.grants))
}
