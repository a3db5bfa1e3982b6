// Package catalog owns what is for sale, and what points buy: the plans, packs and actions of catalog.yaml, read once
// and checked as a whole. It does not know Stripe, where plans and packs exist as products and prices, nor who has
// bought what.
//
// Every Catalog that Load, Parse or Default returns has at least one item. Its ids are unique over plans and packs
// together, and its order is the file's. Every amount of money and points is positive and within the limits of this
// package.
package catalog

import (
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/pointsync/pointsync/pkg/billing"
)

//go:generate cp ../../catalog.yaml default.yaml

//go:embed default.yaml
var defaultYAML []byte

// maxFileBytes is far above any catalogue that people can read, and far below what causes problems.
const maxFileBytes = 1 << 20

// Catalog is what is for sale, and what was: retired items. It has the file's order. It does not change after it was
// read, so it may be shared.
type Catalog struct {
	Plans []billing.Plan
	Packs []billing.Pack
	// Actions are what points are spent on, in the order of their ids.
	Actions []billing.Action
	// ActionsOnly refuses spends and holds of users that name an amount in place of an action. Services may name one.
	ActionsOnly bool
	// Caps limit what an account may spend.
	Caps billing.CapPolicy
	// AllowPromotionCodes lets customers enter a promotion code on Stripe's page.
	AllowPromotionCodes bool
}

// Load reads the catalogue from a file.
func Load(path string) (*Catalog, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the catalogue: %w", err)
	}
	defer f.Close()
	c, err := Parse(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// Parse reads a catalogue. Its error lists everything that is wrong, each with its place in the file.
func Parse(r io.Reader) (*Catalog, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the catalogue: %w", err)
	}
	if len(text) > maxFileBytes {
		return nil, fmt.Errorf("the catalogue is larger than %d bytes", maxFileBytes)
	}
	file, err := decode(text)
	if err != nil {
		return nil, err
	}
	if err := file.check(); err != nil {
		return nil, err
	}
	return file.catalog(), nil
}

// Default returns the catalogue that ships with the program: the repository's own catalog.yaml.
func Default() *Catalog {
	c, err := Parse(bytes.NewReader(defaultYAML))
	if err != nil {
		panic("catalog: the embedded catalogue is broken: " + err.Error()) // a test reads it, so never in a release
	}
	return c
}

// ForSale returns the catalogue without its retired items.
func (c *Catalog) ForSale() *Catalog {
	sold := *c
	sold.Plans = slices.DeleteFunc(slices.Clone(c.Plans), func(p billing.Plan) bool { return p.Retired })
	sold.Packs = slices.DeleteFunc(slices.Clone(c.Packs), func(p billing.Pack) bool { return p.Retired })
	return &sold
}

// Plan returns the plan with an id, retired or not.
func (c *Catalog) Plan(id string) (billing.Plan, bool) {
	for _, p := range c.Plans {
		if p.ID == id {
			return p, true
		}
	}
	return billing.Plan{}, false
}

// Pack returns the pack with an id, retired or not.
func (c *Catalog) Pack(id string) (billing.Pack, bool) {
	for _, p := range c.Packs {
		if p.ID == id {
			return p, true
		}
	}
	return billing.Pack{}, false
}

// Action returns the action with an id.
func (c *Catalog) Action(id string) (billing.Action, bool) {
	for _, a := range c.Actions {
		if a.ID == id {
			return a, true
		}
	}
	return billing.Action{}, false
}

// Features returns the features of a plan, retired or not, and none for a plan that the catalogue does not know.
func (c *Catalog) Features(plan string) []string {
	p, _ := c.Plan(plan)
	return p.Features
}
