package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
)

// purchase is what an invoice of a subscription stands for: the sum over its lines, before it is said how much of it was paid in
// money. docs/grants.md tells the rule, docs/adr/0009-only-money-grants.md why.
type purchase struct {
	key      string
	plan     billing.Plan   // of its period, where it pays for one
	begins   bool           // a period: its points take the place of those before
	anew     bool           // by a change of plan, which credits what was left of the old period
	points   billing.Points // negative where more is given back than bought
	whole    billing.Points // of these, what its period's lines stand for
	monthly  bool           // its points come month by month
	start    time.Time
	trial    billing.Points // for a period of nothing: no money decides about these
	end      time.Time
	warnings []string
}

// InvoicePoints is how many points an invoice brings once it is paid. For an invoice that is only previewed, AmountPaid must be what will
// be paid in money.
func InvoicePoints(c *catalog.Catalog, i billing.StripeInvoice) billing.Points {
	p := readInvoice(c, i)
	sum := p.trial
	for _, s := range p.slices(p.end.AddDate(-1, 0, 0)) {
		sum += paidShare(s.points, i)
	}
	return sum
}

// readInvoice adds up the lines. One for a period stands for the plan's points, one of a change of plan for a share of them, negative
// where it credits time that is not used, and a line of nothing in the first invoice for the trial.
func readInvoice(c *catalog.Catalog, i billing.StripeInvoice) purchase {
	p := purchase{key: changeKey(i), anew: beginsAnew(i)}
	lines := slices.Clone(i.Lines)
	slices.SortFunc(lines, func(a, b billing.StripeInvoiceLine) int { return cmp.Compare(a.ID, b.ID) })
	for _, l := range lines {
		plan, known := c.Plan(l.Item)
		whole := plan.PeriodPoints() * billing.Points(max(l.Quantity, 1))
		switch {
		case !known:
			p.warnings = append(p.warnings, fmt.Sprintf("invoice %s has a line for a price that the catalogue does not know: it grants nothing", i.ID))
			continue
		case l.Proration:
			p.points += share(whole, l.Amount, cmp.Or(l.UnitAmount, plan.Amount)*max(l.Quantity, 1))
		case l.Amount > 0:
			p.points += whole
			p.whole += whole
			p.begin(i, l, plan)
		case i.BillingReason == "subscription_create" && plan.TrialPoints > 0:
			p.trial += plan.TrialPoints
			p.begin(i, l, plan)
		default:
			continue
		}
		if l.Amount > 0 && plan.GrantInterval != "" {
			p.monthly = true
		}
		if l.PeriodEnd.After(p.end) {
			p.start, p.end = l.PeriodStart, l.PeriodEnd
		}
	}
	return p
}

// begin notes that the invoice pays for a period. The first line of one gives the grant its key.
func (p *purchase) begin(i billing.StripeInvoice, l billing.StripeInvoiceLine, plan billing.Plan) {
	if !p.begins && !p.anew {
		p.key = lineKey(i, l)
	}
	if !p.begins {
		p.plan, p.begins = plan, true
	}
}

// rollover is how many of the older points live on in the n-th month of the period, or in the period. The points of the plan before a
// change stay, for as long as the new period: the difference leaves them out.
func (p purchase) rollover(n int) billing.Points {
	switch {
	case !p.begins:
		return 0
	case p.anew && n == 0:
		return billing.RolloverAll
	}
	return p.plan.Rollover
}

// describe says in the customer's history what was bought, and where the points are fewer than the plan's, why.
func (p purchase) describe(i billing.StripeInvoice) string {
	switch {
	case p.anew || !p.begins:
		return "plan change"
	case p.points == 0 && p.trial > 0:
		return p.plan.Name + " (trial)"
	case i.Total > 0 && i.AmountPaid < i.Total:
		return fmt.Sprintf("%s (%d of %d paid in money)", p.plan.Name, i.AmountPaid, i.Total)
	}
	return p.plan.Name
}

func lineKey(i billing.StripeInvoice, l billing.StripeInvoiceLine) string {
	return InvoiceKey(i.ID) + ":" + l.ID
}

func changeKey(i billing.StripeInvoice) string { return InvoiceKey(i.ID) + ":proration" }

// beginsAnew says whether an invoice is for a change of plan that may begin a period anew, as one to another interval does, and
// credits what was left of the old one.
func beginsAnew(i billing.StripeInvoice) bool {
	return i.BillingReason == "subscription_update" &&
		slices.ContainsFunc(i.Lines, func(l billing.StripeInvoiceLine) bool { return l.Proration && l.Amount <= 0 })
}
