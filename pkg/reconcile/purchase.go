package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
)

// purchase is what an invoice of a subscription stands for: the sum over its lines, before it is said how much of it
// was paid in money. docs/grants.md tells the rule, docs/adr/0009-only-money-grants.md why. Its key and its period
// depend on the invoice alone.
type purchase struct {
	key      string
	plan     string         // the name of the plan of its period, where it pays for one
	carries  billing.Points // the rollover of that plan
	begins   bool           // a period: its points take the place of those before
	anew     bool           // by a change of plan, which credits what was left of the old period
	points   billing.Points // negative where more is given back than bought
	whole    billing.Points // of these, what its period's lines stand for
	monthly  bool           // its points come month by month
	trial    billing.Points // for a period of nothing: no money decides about these
	start    time.Time
	end      time.Time
	interval string // of the plan that start and end are of
	every    int64
	late     bool     // paid after the subscription ended: the period begins with the payment
	unknown  []string // items of ours whose points neither the price nor the catalogue gives
	warnings []string
}

// InvoicePoints is how many points an invoice brings once it is paid. For an invoice that is only previewed, AmountPaid
// must be what will be paid in money, and the balances what they will be.
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

// readInvoice adds up the lines of ours. One for a period stands for the points of its price, one of a change of plan
// for a share of them, negative where it credits time that is not used, and a line of nothing in the first invoice for
// the trial.
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

// take makes the period of a line that of the purchase.
func (p *purchase) take(c *catalog.Catalog, l billing.StripeInvoiceLine) {
	p.start, p.end, p.interval, p.every = l.PeriodStart, l.PeriodEnd, l.Interval, max(l.IntervalCount, 1)
	if p.interval == "" {
		plan, _ := c.Plan(l.Item)
		p.interval = plan.Interval
	}
}

// add counts one line.
func (p *purchase) add(c *catalog.Catalog, i billing.StripeInvoice, l billing.StripeInvoiceLine) {
	if l.Item == "" { // none of ours
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
	case l.Amount == 0 && i.BillingReason == "subscription_create":
		p.trial += terms.TrialPoints
	}
	if l.Amount > 0 && terms.GrantInterval != "" {
		p.monthly = true
	}
}

// termsOf returns what a line's price grants: what it was sold with, else what the catalogue says of its item.
func termsOf(c *catalog.Catalog, l billing.StripeInvoiceLine) (billing.PriceTerms, bool) {
	if l.Terms != nil {
		return *l.Terms, true
	}
	plan, known := c.Plan(l.Item)
	return plan.Terms(), known
}

// isPack reports whether a line's price is one that is paid once.
func isPack(c *catalog.Catalog, l billing.StripeInvoiceLine) bool {
	_, known := c.Pack(l.Item)
	return known || l.Terms != nil && l.Interval == ""
}

// unitAmount returns what a line's price asks for one, if that is in the currency of the line: only then is one a share
// of the other.
func unitAmount(c *catalog.Catalog, l billing.StripeInvoiceLine) (int64, bool) {
	if l.UnitAmount > 0 {
		return l.UnitAmount, l.UnitCurrency == l.Currency
	}
	plan, known := c.Plan(l.Item)
	return plan.Amount, known && plan.Currency == l.Currency
}

// periodLine returns the line that says which period an invoice pays for: of those of ours that are no prorations the
// one whose period ends last, then the one with the smaller id.
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

// beginWith moves the period to where an invoice was paid after its subscription had ended.
func (p *purchase) beginWith(paid time.Time) {
	length := p.end.Sub(p.start)
	p.late, p.start = true, paid
	switch p.interval {
	case "day":
		p.end = paid.AddDate(0, 0, int(p.every))
	case "week":
		p.end = paid.AddDate(0, 0, 7*int(p.every))
	case "month":
		p.end = monthsAfter(paid, int(p.every))
	case "year":
		p.end = monthsAfter(paid, 12*int(p.every))
	default: // the price does not say, and the catalogue has no such plan any more
		p.end = paid.Add(length)
	}
}

// rollover is how many of the older points live on in the n-th month of the period, or in the period. The points of the
// plan before a change stay, for as long as the new period: the difference leaves them out.
func (p purchase) rollover(n int) billing.Points {
	switch {
	case !p.begins:
		return 0
	case p.anew && n == 0:
		return billing.RolloverAll
	}
	return p.carries
}

// describe says in the customer's history what was bought, and where the points are fewer than the plan's, why.
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

// beginsAnew reports whether an invoice is for a change of plan that may begin a new period, as one to another interval
// does, and credits what was left of the old one.
func beginsAnew(i billing.StripeInvoice) bool {
	return i.BillingReason == "subscription_update" &&
		slices.ContainsFunc(
			i.Lines, func(l billing.StripeInvoiceLine) bool { return l.Item != "" && l.Proration && l.Amount <= 0 },
		)
}
