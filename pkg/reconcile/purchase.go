package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
)

// purchase is what an invoice of a subscription bought: the sum of its lines, before it is known how much was paid in
// money. docs/grants.md has the rule, and docs/adr/0009-only-money-grants.md the reason. The key and the period depend
// on the invoice alone.
type purchase struct {
	key      string
	plan     string         // the name of its period's plan, if it pays for a period
	carries  billing.Points // the rollover of that plan
	begins   bool           // it begins a period: its points replace the earlier ones
	anew     bool           // a change of plan begins it, and credits what was left of the old period
	points   billing.Points // negative if more is given back than bought
	whole    billing.Points // of these, the points of the lines that are for its period
	monthly  bool           // its points come month by month
	trial    billing.Points // for a period that costs nothing: these do not depend on money
	start    time.Time
	end      time.Time
	interval billing.Interval // of the plan that start and end belong to
	every    int64
	late     bool     // paid after the subscription ended, so the period begins with the payment
	atOnce   bool     // late, and of an earlier customer: all months are granted now
	unknown  []string // items of ours whose points neither the price nor the catalogue gives
	warnings []string
}

// InvoicePoints returns how many points an invoice brings once it is paid. For an invoice that is only previewed,
// AmountPaid must be what will be paid in money, and the balances must be what they will be.
func InvoicePoints(c *catalog.Catalog, i billing.StripeInvoice) billing.Points {
	p := readInvoice(c, i)
	if len(p.unknown) > 0 {
		return 0
	}
	sum := p.trial
	for _, s := range p.slices(p.end.AddDate(-1, 0, 0)) {
		sum += paidShare(s.points, i, owed(i))
	}
	return sum
}

// readInvoice adds up the lines of ours. A line for a period brings the points of its price. A line for a change of
// plan brings a share of them, negative if it credits unused time. A line of zero in the first invoice brings the
// trial.
func readInvoice(c *catalog.Catalog, i billing.StripeInvoice) purchase {
	p := purchase{key: changeKey(i), anew: beginsAnew(i)}
	period, found := periodLine(i)
	if found && !p.anew {
		p.key = lineKey(i, period)
	}
	lines := slices.Clone(i.Lines)
	slices.SortFunc(lines, func(a, b billing.StripeInvoiceLine) int { return cmp.Compare(a.ID, b.ID) })
	for _, l := range lines {
		p.add(c, i, l)
	}
	if found && (period.Amount > 0 || p.trial > 0) {
		plan, _ := c.Plan(period.Item)
		terms, _ := termsOf(c, period)
		p.begins, p.plan, p.carries = true, cmp.Or(plan.Name, period.Item), terms.Rollover
		p.take(c, period)
		return p
	}
	for _, l := range lines {
		if l.Item != "" && l.Proration && l.Amount > 0 && l.PeriodEnd.After(p.end) {
			p.take(c, l)
		}
	}
	return p
}

// take uses the period of a line as that of the purchase.
func (p *purchase) take(c *catalog.Catalog, l billing.StripeInvoiceLine) {
	p.start, p.end, p.interval, p.every = l.PeriodStart, l.PeriodEnd, l.Interval, max(l.IntervalCount, 1)
	if p.interval == "" {
		plan, _ := c.Plan(l.Item)
		p.interval = plan.Interval
	}
}

// add counts one line of the invoice.
func (p *purchase) add(c *catalog.Catalog, i billing.StripeInvoice, l billing.StripeInvoiceLine) {
	if l.Item == "" { // not ours
		return
	}
	if isPack(c, l) {
		p.warnings = append(
			p.warnings,
			fmt.Sprintf(
				"invoice %s has a line for the pack %s, which only an order buys: it grants nothing", i.ID, l.Item,
			),
		)
		return
	}
	terms, known := termsOf(c, l)
	unit, comparable := unitAmount(c, l)
	if !known || l.Proration && !comparable {
		p.unknown = append(p.unknown, l.Item)
		return
	}
	whole := terms.PeriodPoints() * billing.Points(max(l.Quantity, 1))
	switch {
	case l.Proration:
		p.points += share(whole, l.Amount, unit*max(l.Quantity, 1))
	case l.Amount > 0:
		p.points += whole
		p.whole += whole
	case l.Amount == 0 && i.BillingReason == billing.ReasonCreate:
		p.trial += terms.TrialPoints
	}
	if l.Amount > 0 && terms.GrantInterval != "" {
		p.monthly = true
	}
}

// termsOf returns what a line's price grants: the terms that it was sold with, else those of its item in the catalogue.
func termsOf(c *catalog.Catalog, l billing.StripeInvoiceLine) (billing.PriceTerms, bool) {
	if l.Terms != nil {
		return *l.Terms, true
	}
	plan, known := c.Plan(l.Item)
	return plan.Terms(), known
}

// isPack reports whether a line's price is paid only once.
func isPack(c *catalog.Catalog, l billing.StripeInvoiceLine) bool {
	_, known := c.Pack(l.Item)
	return known || l.Terms != nil && l.Interval == ""
}

// unitAmount returns what a line's price costs for one unit, and whether it is in the currency of the line. Only then
// can the line's amount be a share of it.
func unitAmount(c *catalog.Catalog, l billing.StripeInvoiceLine) (int64, bool) {
	if l.UnitAmount > 0 {
		return l.UnitAmount, l.UnitCurrency == l.Currency
	}
	plan, known := c.Plan(l.Item)
	return plan.Amount, known && plan.Currency == l.Currency
}

// periodLine returns the line that says which period an invoice pays for. Of our lines that are no prorations, it is
// the one whose period ends last; if several end then, the one with the smallest id.
func periodLine(i billing.StripeInvoice) (found billing.StripeInvoiceLine, ok bool) {
	for _, l := range i.Lines {
		if l.Item == "" || l.Proration {
			continue
		}
		if !ok || l.PeriodEnd.After(found.PeriodEnd) || l.PeriodEnd.Equal(found.PeriodEnd) && l.ID < found.ID {
			found, ok = l, true
		}
	}
	return found, ok
}

// beginWith moves the period of an invoice that was paid after its subscription ended: it begins with the payment.
func (p *purchase) beginWith(paid time.Time) {
	length := p.end.Sub(p.start)
	p.late, p.start = true, paid
	switch p.interval {
	case billing.IntervalDay:
		p.end = paid.AddDate(0, 0, int(p.every))
	case billing.IntervalWeek:
		p.end = paid.AddDate(0, 0, 7*int(p.every))
	case billing.IntervalMonth:
		p.end = monthsAfter(paid, int(p.every))
	case billing.IntervalYear:
		p.end = monthsAfter(paid, 12*int(p.every))
	default: // the price does not say, and the plan is no longer in the catalogue
		p.end = paid.Add(length)
	}
}

// rollover returns how many of the older points live on in the n-th month of the period, or in the whole period. After
// a change of plan all of the old plan's points stay for as long as the new period, because the difference that was
// bought does not include them.
func (p purchase) rollover(n int) billing.Points {
	switch {
	case !p.begins:
		return 0
	case p.anew && n == 0:
		return billing.RolloverAll
	}
	return p.carries
}

// describe returns the text for the customer's history: what was bought, and why the points are fewer than the plan's,
// if they are.
func (p purchase) describe(i billing.StripeInvoice, owed int64) string {
	switch {
	case p.anew || !p.begins:
		return "plan change"
	case p.points == 0 && p.trial > 0:
		return p.plan + " (trial)"
	case i.Total > 0 && i.AmountPaid+owed < i.Total:
		return fmt.Sprintf("%s (%d of %d paid in money)", p.plan, i.AmountPaid+owed, i.Total)
	}
	return p.plan
}

func lineKey(i billing.StripeInvoice, l billing.StripeInvoiceLine) string {
	return InvoiceKey(i.ID) + ":" + l.ID
}

func changeKey(i billing.StripeInvoice) string { return InvoiceKey(i.ID) + ":proration" }

// beginsAnew reports whether an invoice is for a change of plan that may begin a new period, and credits what was left
// of the old one. A change to another interval does that.
func beginsAnew(i billing.StripeInvoice) bool {
	return i.BillingReason == billing.ReasonUpdate &&
		slices.ContainsFunc(
			i.Lines, func(l billing.StripeInvoiceLine) bool { return l.Item != "" && l.Proration && l.Amount <= 0 },
		)
}
