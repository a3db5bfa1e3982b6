package reconcile_test

import (
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/reconcile"
)

// Proves that an owed sum grants points as a paid one does. The sum of an invoice that is too small to charge is
// carried on the customer's balance.
func TestOwedGrants(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                      string
		total, paid, before, then int64
		want                      billing.Points
	}{
		{"Carried", 45, 0, 0, 45, 500},
		{"CarriedBesideCredit", 45, 0, -20, 25, 277},  // 500 × 25/45 = 277.7…: 20 were paid by credit
		{"OldDebtCharged", 45, 75, 30, 0, 500},        // 75 pays 45 and the earlier 30, which granted then
		{"CarriedBesideDebt", 20, 0, 20, 40, 500},     // 20 more are owed
		{"CreditPaysAll", 45, 0, -45, 0, 0},           // nothing is owed
		{"CreditPaysAllAndMore", 45, 0, -100, -55, 0}, // nothing is owed here either
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			i := invoice("in_1", "paid", "subscription_cycle", line("il_1", march, april))
			i.Total, i.AmountPaid, i.StartingBalance, i.EndingBalance = c.total, c.paid, c.before, c.then
			got := billing.Points(0)
			for _, g := range decide(billing.Snapshot{Invoices: []billing.StripeInvoice{i}}).Grants {
				got += g.Amount
			}
			same(t, "granted", got, c.want)
		})
	}
}

// Proves that three changes grant once: an upgrade with a sum too small to charge, a downgrade, whose credit cancels
// the debt, and the upgrade again. The sum counts again after a payment has collected the debt. The picture keeps the
// invoices that are needed for this comparison.
func TestOwedGrantsOnce(t *testing.T) {
	t.Parallel()
	part := func(id, item string, amount int64) billing.StripeInvoiceLine {
		return billing.StripeInvoiceLine{
			ID: id, Item: item, Amount: amount, Quantity: 1, Proration: true, PeriodStart: march, PeriodEnd: april,
		}
	}
	change := func(
		id billing.InvoiceID, hour int, from, to string, give, take, before, then int64,
	) billing.StripeInvoice {
		i := invoice(id, "paid", "subscription_update", part("il_1", from, -give), part("il_2", to, take))
		i.AmountPaid, i.StartingBalance, i.EndingBalance = 0, before, then
		i.Created = march.Add(time.Duration(hour) * time.Hour)
		return i
	}
	// On the last day: −0.36 basic, +0.76 pro. Of the plans' points that is −20 + 48 = 28, for 0.40 owed.
	up, down, again := change(
		"in_1", 1, "basic", "pro", 36, 76, 0, 40,
	), change("in_2", 2, "pro", "basic", 76, 36, 40, 0), change("in_3", 3, "basic", "pro", 36, 76, 0, 40)
	d := decide(billing.Snapshot{Invoices: []billing.StripeInvoice{up, down, again}})
	if len(d.Grants) != 1 || d.Grants[0].Amount != 28 || d.Grants[0].Key != "stripe:invoice:in_1:proration" {
		t.Errorf("to and fro: %+v", d.Grants)
	}
	same(t, "since", *d.InvoicesSince, up.Created.Add(-24*time.Hour))

	renewal := invoice("in_9", "paid", "subscription_cycle", line("il_1", march, april))
	renewal.Created, renewal.AmountPaid, renewal.StartingBalance = march.Add(150*time.Minute), 940, 40
	d = decide(billing.Snapshot{Invoices: []billing.StripeInvoice{up, renewal, again}})
	if len(d.Grants) != 3 || d.Grants[2].Amount != 28 {
		t.Errorf("after a payment: %+v", d.Grants)
	}
	// The debt was collected, so the first change is no longer needed. The renewal is needed until its period is over,
	// and then neither is.
	same(t, "since, after a payment", *d.InvoicesSince, renewal.Created.Add(-24*time.Hour))
	in := input(billing.Snapshot{Invoices: []billing.StripeInvoice{up, renewal, again}})
	in.Now = april
	same(t, "since, after the period", *reconcile.Decide(in).InvoicesSince, again.Created.Add(-24*time.Hour))

	more := change("in_4", 4, "basic", "pro", 9, 18, 40, 49) // 0.09 more: of −5 + 11 = 6 points, all of it is owed
	d = decide(billing.Snapshot{Invoices: []billing.StripeInvoice{up, more}})
	if len(d.Grants) != 2 || d.Grants[1].Amount != 6 {
		t.Errorf("more of it: %+v", d.Grants)
	}
}

// Proves that a negative line of the operator's is a price cut, and a negative proration of ours is a credit. A change
// of plan that costs nothing grants nothing.
func TestPriceCuts(t *testing.T) {
	t.Parallel()
	goodwill := func(amount int64) billing.StripeInvoiceLine {
		return billing.StripeInvoiceLine{ID: "il_7", Amount: -amount, Quantity: 1, PeriodStart: march, PeriodEnd: march}
	}
	// Unused time of something that is not ours.
	addOn := billing.StripeInvoiceLine{
		ID: "il_8", Amount: -900, Quantity: 1, Proration: true, PeriodStart: march, PeriodEnd: april,
	}
	credit := billing.StripeInvoiceLine{
		ID: "il_0", Item: "pro", Amount: -950, Quantity: 1, Proration: true, PeriodStart: march, PeriodEnd: april,
	}
	up := billing.StripeInvoiceLine{
		ID: "il_2", Item: "pro", Amount: 950, Quantity: 1, Proration: true, PeriodStart: march, PeriodEnd: april,
	}
	unused := billing.StripeInvoiceLine{
		ID: "il_1", Item: "basic", Amount: -450, Quantity: 1, Proration: true, PeriodStart: march, PeriodEnd: april,
	}
	pro := line("il_1", march, april)
	pro.Item, pro.Amount = "pro", 1900
	for _, c := range []struct {
		name   string
		reason billing.InvoiceReason
		lines  []billing.StripeInvoiceLine
		want   billing.Points
	}{
		{"APart", "subscription_cycle", []billing.StripeInvoiceLine{line("il_1", march, april), goodwill(300)}, 500},
		{"All", "subscription_cycle", []billing.StripeInvoiceLine{line("il_1", march, april), goodwill(900)}, 500},
		{
			"MoreThanAll", "subscription_cycle",
			[]billing.StripeInvoiceLine{line("il_1", march, april), goodwill(1000)}, 500,
		},
		{
			"CreditOfSomethingElse", "subscription_cycle",
			[]billing.StripeInvoiceLine{line("il_1", march, april), addOn}, 500,
		},
		{"OurCredit", "subscription_cycle", []billing.StripeInvoiceLine{credit, line("il_1", march, april)}, 0},
		// 1200 − 600. The rest was a gift.
		{"OurCreditAndTheRest", "subscription_cycle", []billing.StripeInvoiceLine{credit, pro, goodwill(950)}, 600},
		{"ChangeForNothing", "subscription_update", []billing.StripeInvoiceLine{unused, up, goodwill(500)}, 0},
		{"ChangeForLess", "subscription_update", []billing.StripeInvoiceLine{unused, up, goodwill(100)}, 350},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := billing.Points(0)
			for _, g := range decide(
				billing.Snapshot{Invoices: []billing.StripeInvoice{invoice("in_1", "paid", c.reason, c.lines...)}},
			).Grants {
				got += g.Amount
			}
			same(t, "granted", got, c.want)
		})
	}
}

// Proves that the points of a change to another interval expire with the new period, even if the credited period would
// have ended later.
func TestPeriodOfAChange(t *testing.T) {
	t.Parallel()
	december := time.Date(2030, 12, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name string
		from billing.StripeInvoiceLine
		to   billing.StripeInvoiceLine
		want time.Time
	}{
		{
			"YearToMonth", line("il_0", tenth, december), line("il_1", tenth, tenth.AddDate(0, 1, 0)),
			tenth.AddDate(0, 1, 0),
		},
		{
			"MonthToWeek", line("il_0", tenth, april), line("il_1", tenth, tenth.AddDate(0, 0, 7)),
			tenth.AddDate(0, 0, 7),
		},
		{
			"MonthToYear", line("il_0", tenth, april), line("il_1", tenth, tenth.AddDate(1, 0, 0)),
			tenth.AddDate(1, 0, 0),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.from.Amount, c.from.Proration = -90, true
			d := decide(
				billing.Snapshot{
					Invoices: []billing.StripeInvoice{invoice("in_1", "paid", "subscription_update", c.from, c.to)},
				},
			)
			// 500 less a tenth of 500
			if len(d.Grants) != 1 || d.Grants[0].Amount != 450 || !d.Grants[0].ExpiresAt.Equal(
				c.want.Add(policy.RenewalGrace),
			) {
				t.Errorf("%+v, want its end at %v", d.Grants, c.want)
			}
		})
	}
}
