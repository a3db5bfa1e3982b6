package reconcile_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/reconcile"
)

// dearer is the shop after a change. Basic costs 18.00 for 1000 points that roll over, with a trial, and its year comes
// by the month.
var dearer = &catalog.Catalog{Plans: []billing.Plan{
	{
		ID:          "basic",
		Name:        "Basic",
		Amount:      1800,
		Currency:    "usd",
		Interval:    "month",
		Points:      1000,
		TrialPoints: 90,
		Rollover:    billing.RolloverAll,
	},
	{ID: "pro", Name: "Pro", Amount: 1900, Currency: "usd", Interval: "month", Points: 1200},
	{
		ID:            "basic_year",
		Name:          "Basic, by the year",
		Amount:        9000,
		Currency:      "usd",
		Interval:      "year",
		GrantInterval: "month",
		Points:        700,
	},
}}

// soldFor returns a line of a price that carries its terms.
func soldFor(l billing.StripeInvoiceLine, t billing.PriceTerms) billing.StripeInvoiceLine {
	l.Terms, l.Interval, l.IntervalCount = &t, "month", 1
	return l
}

func decideIn(c *catalog.Catalog, p billing.Snapshot) reconcile.Decision {
	in := input(p)
	in.Catalog = c
	return reconcile.Decide(in)
}

// Proves that what was sold keeps its terms. A line grants what its price carries, whatever the catalogue contains
// today. A price without terms grants what the catalogue says. The key of a grant is the same in every catalogue.
func TestSoldKeepsItsTerms(t *testing.T) {
	t.Parallel()
	old := billing.PriceTerms{Points: 500}
	part := func(id, item string, amount, unit int64, points billing.Points) billing.StripeInvoiceLine {
		return soldFor(billing.StripeInvoiceLine{
			ID:          id,
			Item:        item,
			Amount:      amount,
			UnitAmount:  unit,
			Quantity:    1,
			Proration:   true,
			PeriodStart: tenth,
			PeriodEnd:   april,
		}, billing.PriceTerms{Points: points})
	}
	three := soldFor(line("il_1", march, april), old)
	three.Quantity, three.Amount = 3, 2700
	trial := soldFor(line("il_1", march, april), billing.PriceTerms{Points: 500, TrialPoints: 50})
	trial.Amount = 0
	year := line("il_1", march, march.AddDate(1, 0, 0))
	year.Item, year.Amount = "basic_year", 9000
	yearOld := soldFor(year, billing.PriceTerms{Points: 6000})
	yearOld.Interval = "year"
	for _, c := range []struct {
		name   string
		reason billing.InvoiceReason
		lines  []billing.StripeInvoiceLine
		want   string // amounts and rollover, with the old price's terms
	}{
		// 9.00 buys 500, not 1000.
		{
			"Renewal", "subscription_cycle", []billing.StripeInvoiceLine{soldFor(line("il_1", march, april), old)},
			"500/0 ",
		},
		// 3 × 500
		{"Seats", "subscription_cycle", []billing.StripeInvoiceLine{three}, "1500/0 "},
		{"Trial", "subscription_create", []billing.StripeInvoiceLine{trial}, "50/0 "},
		// Half of the old basic is 250 and not 500, so the upgrade is worth 600 − 250.
		{
			"ChangeUp", "subscription_update",
			[]billing.StripeInvoiceLine{part("il_1", "basic", -450, 900, 500), part("il_2", "pro", 950, 1900, 1200)},
			"350/0 ",
		},
		{"Year", "subscription_create", []billing.StripeInvoiceLine{yearOld}, "6000/0 "}, // at once, not by the month
		{
			"Rollover", "subscription_cycle",
			[]billing.StripeInvoiceLine{
				soldFor(line("il_1", march, april), billing.PriceTerms{Points: 500, Rollover: 7}),
			},
			"500/7 ",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			keys := map[string]bool{}
			// The item is changed in the catalogue, or gone from it.
			for _, shop := range []*catalog.Catalog{dearer, {Plans: dearer.Plans[1:2]}, {}} {
				got := ""
				for _, g := range decideIn(
					shop,
					billing.Snapshot{Invoices: []billing.StripeInvoice{invoice("in_1", "paid", c.reason, c.lines...)}},
				).Grants {
					got += fmt.Sprintf("%d/%d ", g.Amount, g.Rollover)
					keys[g.Key] = true
				}
				same(t, "granted", got, c.want)
			}
			if len(keys) != 1 {
				t.Errorf("keys %v", keys)
			}
		})
	}
	t.Run("WithoutTerms", func(t *testing.T) {
		t.Parallel()
		d := decideIn(
			dearer,
			billing.Snapshot{
				Invoices: []billing.StripeInvoice{
					invoice("in_1", "paid", "subscription_cycle", line("il_1", march, april)),
				},
			},
		)
		if len(d.Grants) != 1 || d.Grants[0].Amount != 1000 {
			t.Errorf("%+v", d.Grants)
		}
	})
}

// Proves that a paid invoice is reported and grants nothing if nothing states the points of one of our lines. The
// watermark stays before it. When the item is back, it grants everything, under the same key. Lines that are not ours
// cause no delay.
func TestNotUnderstood(t *testing.T) {
	t.Parallel()
	gone := line("il_1", february, march)
	gone.Item = "gone"
	credit := billing.StripeInvoiceLine{
		ID: "il_0", Item: "gone", Amount: -450, Quantity: 1, Proration: true, PeriodStart: february, PeriodEnd: march,
	}
	odd := billing.StripeInvoiceLine{ // a proration in another currency than its price is no share of it
		ID:           "il_0",
		Item:         "basic",
		Amount:       -450,
		UnitAmount:   900,
		UnitCurrency: "eur",
		Quantity:     1,
		Proration:    true,
		PeriodStart:  february,
		PeriodEnd:    march,
	}
	foreign := line("il_0", february, march)
	foreign.Item = ""
	back := *shop
	back.Plans = append(
		[]billing.Plan{
			{ID: "gone", Name: "Gone", Amount: 900, Currency: "usd", Interval: "month", Points: 500, Retired: true},
		},
		shop.Plans...,
	)
	newer := invoice("in_2", "paid", "subscription_cycle", line("il_2", march, april))
	for _, c := range []struct {
		name       string
		lines      []billing.StripeInvoiceLine
		understood bool
		later      billing.Points // when the item is back
	}{
		{"Period", []billing.StripeInvoiceLine{gone}, false, 500},
		// 500 less half of 500
		{"CreditBesideAPeriod", []billing.StripeInvoiceLine{credit, line("il_1", february, march)}, false, 250},
		{"ProrationInAnotherCurrency", []billing.StripeInvoiceLine{odd, line("il_1", february, march)}, false, 0},
		{"NotOursBesideAPeriod", []billing.StripeInvoiceLine{foreign, line("il_1", february, march)}, true, 500},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			picture := billing.Snapshot{
				Invoices: []billing.StripeInvoice{invoice("in_1", "paid", "subscription_cycle", c.lines...), newer},
			}
			d := decideIn(shop, picture)
			since := march
			if !c.understood {
				since = february
			}
			if got := *d.InvoicesSince; !got.Equal(
				since.Add(-24*time.Hour),
			) || len(d.Unknown) > 0 == c.understood || len(d.Grants) != 1 == !c.understood {
				t.Errorf("since %v, unknown %+v, grants %+v", got, d.Unknown, d.Grants)
			}
			granted := billing.Points(0)
			for _, g := range decideIn(&back, picture).Grants {
				if g.Key == "stripe:invoice:in_1:il_1" {
					granted += g.Amount
				}
			}
			same(t, "granted when the item is back", granted, c.later)
		})
	}
	s := subscription(billing.SubActive)
	s.Item = "gone"
	if d := decide(
		billing.Snapshot{Subscriptions: []billing.StripeSubscription{s}},
	); len(d.Unknown) != 1 || d.Unknown[0].Ref != "sub_1" {
		t.Errorf("a live subscription of it: %+v", d.Unknown)
	}
	s.Status = billing.SubCanceled
	if d := decide(billing.Snapshot{Subscriptions: []billing.StripeSubscription{s}}); len(d.Unknown) != 0 {
		t.Errorf("one that has ended: %+v", d.Unknown)
	}
}
