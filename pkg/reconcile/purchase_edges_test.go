package reconcile_test

import (
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// one returns the only grant of a decision about one paid invoice.
func one(
	t *testing.T, name string, reason billing.InvoiceReason, change func(i *billing.StripeInvoice),
	lines ...billing.StripeInvoiceLine,
) billing.Grant {
	t.Helper()
	i := invoice("in_1", "paid", reason, lines...)
	if change != nil {
		change(&i)
	}
	d := decide(billing.Snapshot{Invoices: []billing.StripeInvoice{i}})
	if len(d.Grants) != 1 {
		t.Errorf("%s: %+v", name, d.Grants)
		return billing.Grant{}
	}
	return d.Grants[0]
}

// Proves which line of an invoice determines its period. Of our lines that are not prorations it is the one that ends
// last, and then the one with the smaller id.
func TestPeriodOfAnInvoice(t *testing.T) {
	t.Parallel()
	may := april.AddDate(0, 1, 0)
	proration, foreign := line("il_0", march, may), line("il_0", march, may)
	proration.Proration, proration.UnitAmount, proration.UnitCurrency = true, 900, "usd"
	foreign.Item = ""
	for name, c := range map[string]struct {
		lines []billing.StripeInvoiceLine
		key   string
		end   time.Time
	}{
		"Later": {
			[]billing.StripeInvoiceLine{line("il_1", march, april), line("il_2", march, may)}, "il_2", may,
		},
		"LaterFirst": {
			[]billing.StripeInvoiceLine{line("il_2", march, may), line("il_1", march, april)}, "il_2", may,
		},
		"SmallerID": {
			[]billing.StripeInvoiceLine{line("il_1", march, april), line("il_2", march, april)}, "il_1", april,
		},
		"SmallerIDLast": {
			[]billing.StripeInvoiceLine{line("il_2", march, april), line("il_1", march, april)}, "il_1", april,
		},
		"NoProration":    {[]billing.StripeInvoiceLine{proration, line("il_1", march, april)}, "il_1", april},
		"NobodyElses":    {[]billing.StripeInvoiceLine{foreign, line("il_1", march, april)}, "il_1", april},
		"ProrationAlone": {[]billing.StripeInvoiceLine{proration}, "proration", may},
	} {
		g := one(t, name, "subscription_cycle", nil, c.lines...)
		if g.Key != "stripe:invoice:in_1:"+c.key || g.ExpiresAt == nil || !g.ExpiresAt.Equal(
			c.end.Add(policy.RenewalGrace),
		) {
			t.Errorf("%s: %+v", name, g)
		}
	}
	// Of prorations alone, the one that ends last determines it, whichever is first.
	short := proration
	short.ID, short.PeriodEnd, short.Amount = "il_9", april, 450
	for _, lines := range [][]billing.StripeInvoiceLine{{proration, short}, {short, proration}} {
		if g := one(
			t, "two prorations", "subscription_update", nil, lines...,
		); !g.ExpiresAt.Equal(may.Add(policy.RenewalGrace)) || g.Amount != 750 {
			t.Errorf("two prorations: %+v", g) // 500 for a whole period plus half of it, 250
		}
	}
}

// Proves what a line counts for. A quantity of zero counts as one. A trial's points come only with the first invoice,
// even if the invoice also has a paid period.
func TestWhatALineCounts(t *testing.T) {
	t.Parallel()
	none := line("il_1", march, april)
	none.Quantity = 0
	if g := one(t, "no quantity", "subscription_cycle", nil, none); g.Amount != 500 {
		t.Errorf("no quantity: %+v", g)
	}
	part := billing.StripeInvoiceLine{
		ID:           "il_1",
		Item:         "basic",
		Amount:       450,
		UnitAmount:   900,
		UnitCurrency: "usd",
		Proration:    true,
		PeriodStart:  tenth,
		PeriodEnd:    april,
	}
	if g := one(t, "a part of no quantity", "subscription_update", nil, part); g.Amount != 250 {
		t.Errorf("a part of no quantity: %+v", g)
	}
	trial := line("il_2", march, april.AddDate(0, 1, 0))
	trial.Item, trial.Amount = "pro", 0
	if g := one(t, "a trial", "subscription_create", nil, trial, line("il_1", march, april)); g.Amount != 550 {
		t.Errorf("a trial beside a period: %+v", g)
	}
	for name, l := range map[string]billing.StripeInvoiceLine{
		// The plan is sold in dollars.
		"OfACurrency": {
			ID:          "il_1",
			Item:        "basic",
			Amount:      450,
			Currency:    "eur",
			Proration:   true,
			Quantity:    1,
			PeriodStart: tenth,
			PeriodEnd:   april,
		},
		"OfNoItem": {
			ID: "il_1", Item: "gone", Amount: 450, Proration: true, Quantity: 1, PeriodStart: tenth, PeriodEnd: april,
		},
	} {
		d := decide(
			billing.Snapshot{Invoices: []billing.StripeInvoice{invoice("in_1", "paid", "subscription_update", l)}},
		)
		if len(d.Grants) != 0 || len(d.Unknown) != 1 {
			t.Errorf("%s: %+v, %+v", name, d.Grants, d.Unknown)
		}
	}
	once := line("il_1", march, april)
	once.Terms = &billing.PriceTerms{Points: 500} // the terms of a price that is paid once
	d := decide(
		billing.Snapshot{Invoices: []billing.StripeInvoice{invoice("in_1", "paid", "subscription_cycle", once)}},
	)
	if len(d.Grants) != 0 || len(d.Warnings) != 1 || len(d.Unknown) != 0 {
		t.Errorf("a price that is paid once: %+v, %q", d.Grants, d.Warnings)
	}
}

// zeroLine is the line of a change that costs nothing.
var zeroLine = billing.StripeInvoiceLine{
	ID:           "il_0",
	Item:         "basic",
	Amount:       0,
	UnitAmount:   900,
	UnitCurrency: "usd",
	Quantity:     1,
	Proration:    true,
	PeriodStart:  tenth,
	PeriodEnd:    april,
}

// Proves how a purchase is described. A plan is described by its name, or by its id if the catalogue has lost it. Also
// proves it for a trial, for a change, and for how much was paid in money.
func TestDescriptions(t *testing.T) {
	t.Parallel()
	gone := soldFor(line("il_1", march, april), billing.PriceTerms{Points: 500})
	gone.Item = "gone"
	for name, c := range map[string]struct {
		reason billing.InvoiceReason
		change func(i *billing.StripeInvoice)
		lines  []billing.StripeInvoiceLine
		want   string
	}{
		"Paid": {"subscription_cycle", nil, []billing.StripeInvoiceLine{line("il_1", march, april)}, "Basic"},
		"Half": {
			"subscription_cycle", func(i *billing.StripeInvoice) { i.AmountPaid = 450 },
			[]billing.StripeInvoiceLine{line("il_1", march, april)}, "Basic (450 of 900 paid in money)",
		},
		"HalfOwed": {
			"subscription_cycle", func(i *billing.StripeInvoice) { i.AmountPaid, i.EndingBalance = 0, 450 },
			[]billing.StripeInvoiceLine{line("il_1", march, april)}, "Basic (450 of 900 paid in money)",
		},
		"AllOwed": {
			"subscription_cycle", func(i *billing.StripeInvoice) { i.AmountPaid, i.EndingBalance = 0, 900 },
			[]billing.StripeInvoiceLine{line("il_1", march, april)}, "Basic",
		},
		"Discount": {
			"subscription_cycle", func(i *billing.StripeInvoice) { i.AmountPaid, i.Total = 0, 0 },
			[]billing.StripeInvoiceLine{line("il_1", march, april)}, "Basic",
		},
		"Gone": {"subscription_cycle", nil, []billing.StripeInvoiceLine{gone}, "gone"},
		"Change": {
			"subscription_update", nil, []billing.StripeInvoiceLine{zeroLine, line("il_1", march, april)},
			"plan change",
		},
		"NoCredit": {"subscription_update", nil, []billing.StripeInvoiceLine{line("il_1", march, april)}, "Basic"},
		"NotAnew": {
			"subscription_cycle", nil, []billing.StripeInvoiceLine{zeroLine, line("il_1", march, april)}, "Basic",
		},
	} {
		if g := one(t, name, c.reason, c.change, c.lines...); g.Description != c.want {
			t.Errorf("%s: %q, want %q", name, g.Description, c.want)
		}
	}
}

// Proves that a full discount gives the points even if the invoice also has a line of zero. A credit that does not pay
// for all of the invoice leaves the rest.
func TestDiscountBesideALine(t *testing.T) {
	t.Parallel()
	free := func(i *billing.StripeInvoice) { i.Total, i.AmountPaid = 0, 0 }
	if g := one(t, "nothing", "subscription_cycle", free, zeroLine, line("il_1", march, april)); g.Amount != 500 {
		t.Errorf("%+v", g)
	}
}

// Proves that no points come if a credit pays for all, even if the credit represents fewer points than the period:
// 19.00 of three seats of Basic, 1500 × 19/27 = 1055 points, pay for the 1200 of Pro. Nor do points come if the
// operator's note paid and the debt stayed the same.
func TestCreditPaysForAll(t *testing.T) {
	t.Parallel()
	credit := billing.StripeInvoiceLine{
		ID: "il_0", Item: "basic", Amount: -1900, Quantity: 3, Proration: true, PeriodStart: tenth, PeriodEnd: april,
	}
	pro := line("il_1", march, april)
	pro.Item, pro.Amount = "pro", 1900
	note := invoice("in_1", "paid", "subscription_cycle", line("il_1", march, april))
	note.AmountPaid, note.StartingBalance, note.EndingBalance = 0, 40, 40
	for _, i := range []billing.StripeInvoice{invoice("in_1", "paid", "subscription_cycle", credit, pro), note} {
		for _, g := range decide(billing.Snapshot{Invoices: []billing.StripeInvoice{i}}).Grants {
			if g.Amount != 0 {
				t.Errorf("%+v", g)
			}
		}
	}
}

// Proves that an owed sum counts once, in the order in which the balances changed. The order in which the invoices were
// made does not matter. An invoice that was made first and finalized last adds nothing to an existing debt of 0.40
// until a payment has collected it.
func TestOwedByFinalization(t *testing.T) {
	t.Parallel()
	up := func(id billing.InvoiceID, made, finalized int) billing.StripeInvoice {
		i := invoice(id, "paid", "subscription_update",
			billing.StripeInvoiceLine{
				ID:          "il_1",
				Item:        "basic",
				Amount:      -36,
				Quantity:    1,
				Proration:   true,
				PeriodStart: march,
				PeriodEnd:   april,
			},
			billing.StripeInvoiceLine{
				ID: "il_2", Item: "pro", Amount: 76, Quantity: 1, Proration: true, PeriodStart: march, PeriodEnd: april,
			})
		i.AmountPaid, i.EndingBalance = 0, 40
		i.Created, i.FinalizedAt = march.Add(time.Duration(made)*time.Hour), ptr(
			march.Add(time.Duration(finalized)*time.Hour),
		)
		return i
	}
	paid := invoice("in_9", "paid", "subscription_cycle", line("il_1", march, april))
	paid.Created, paid.FinalizedAt, paid.AmountPaid, paid.StartingBalance =
		march.Add(2*time.Hour), ptr(march.Add(5*time.Hour)), 940, 40
	d := decide(billing.Snapshot{Invoices: []billing.StripeInvoice{up("in_1", 1, 4), paid, up("in_3", 3, 3)}})
	// 28 points once: the first invoice owed 0.40 at 4 o'clock, which was owed since 3.
	same(t, "keys", keysOf(d), "in_9:il_1 in_3:proration")
	paid.FinalizedAt = nil // it counts from 2 o'clock, when it was made: it has collected nothing yet
	d = decide(billing.Snapshot{Invoices: []billing.StripeInvoice{up("in_1", 1, 4), paid, up("in_3", 3, 3)}})
	same(t, "keys", keysOf(d), "in_9:il_1 in_3:proration")
	d = decide(billing.Snapshot{Invoices: []billing.StripeInvoice{up("in_1", 1, 1), paid, up("in_3", 3, 3)}})
	same(t, "keys, collected in between", keysOf(d), "in_1:proration in_9:il_1 in_3:proration")
}
