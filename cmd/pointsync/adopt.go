package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/config"
)

type stripeAdoptCmd struct {
	Price string `arg:"" help:"The price at Stripe: price_…"`
	Plan  string `arg:"" help:"The id of the plan in the catalogue."`
	Yes   bool   `help:"Do it. Without this, only print what would be done."`

	outcome
	target
}

// Run makes a price one of a plan.
func (s stripeAdoptCmd) Run(ctx context.Context) (err error) {
	c, release, err := s.load(ctx, config.Stripe)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	items, err := catalogOf(c)
	if err != nil {
		return err
	}
	plan, ok := items.Plan(s.Plan)
	if !ok {
		return fmt.Errorf("the catalogue has no plan %q", s.Plan)
	}
	log := slog.New(slog.DiscardHandler)
	now, err := clockOf(ctx, c, log)
	if err != nil {
		return err
	}
	gateway, err := newGateway(c, now, nil, log)
	if err != nil {
		return err
	}
	change, err := gateway.AdoptPrice(ctx, billing.PriceID(s.Price), plan, s.Yes)
	if err != nil {
		return err
	}
	say := "would change: " + string(change) + "\nNothing was changed; add --yes."
	switch {
	case change == "":
		say = "The price is one of " + s.Plan + " already."
	case s.Yes:
		say = "changed: " + string(change)
	}
	return tell(s.JSON, say, map[string]any{
		"price": s.Price, "plan": s.Plan, "change": change, "changed": s.Yes && change != "",
	})
}
