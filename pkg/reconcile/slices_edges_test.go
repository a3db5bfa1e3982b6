package reconcile_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/reconcile"
)

func keysOf(d reconcile.Decision) string {
	var keys []string
	for _, g := range d.Grants {
		keys = append(keys, strings.TrimPrefix(g.Key, "stripe:invoice:"))
	}
	return strings.Join(keys, " ")
}

// Proves that grants come in the order in which they fall due, and not invoice by invoice. The months of a year that
// began on 1 January are due on the first of each month. The months of a change on 10 February are due on that day and
// on 1 March. What is due at once is ordered by the age of its invoice.
func TestGrantsByTheirTime(t *testing.T) {
	t.Parallel()
	begin, change := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2030, 2, 10, 0, 0, 0, 0, time.UTC)
	part := func(id, item string, amount int64) billing.StripeInvoiceLine {
		return proration(id, item, amount, change, begin.AddDate(1, 0, 0))
	}
	up := invoice(
		"in_2", "paid", "subscription_update", part("il_2", "basic_year", -8000), part("il_3", "pro_year", 16000),
	)
	for _, invoices := range [][]billing.StripeInvoice{{year("in_1", begin), up}, {up, year("in_1", begin)}} {
		d := monthly(billing.Snapshot{Invoices: invoices}, time.Date(2030, 3, 5, 0, 0, 0, 0, time.UTC))
		same(t, "keys", keysOf(d), "in_1:il_1 in_1:il_1:2 in_2:proration in_1:il_1:3 in_2:proration:2")
	}
}

// Proves that of the months of two years, the earliest one is the next grant, whichever invoice is older. The days are
// the 10th and the 31st, which is the 28th in February.
func TestNextGrantOfTwo(t *testing.T) {
	t.Parallel()
	tenthOf, lastOf := year(
		"in_1", time.Date(2030, 1, 10, 0, 0, 0, 0, time.UTC),
	), year("in_2", time.Date(2030, 1, 31, 0, 0, 0, 0, time.UTC))
	for n := range 2 {
		tenthOf.Created, lastOf.Created = march.AddDate(0, 0, n), march.AddDate(0, 0, 1-n)
		d := monthly(billing.Snapshot{Invoices: []billing.StripeInvoice{tenthOf, lastOf}}, february)
		same(t, "next", d.NextGrantAt, ptr(time.Date(2030, 2, 10, 0, 0, 0, 0, time.UTC)))
	}
}

// Proves that a month which begins as its subscription ends is not granted, whether or not Stripe states when it ended.
func TestSliceAsItEnds(t *testing.T) {
	t.Parallel()
	second := time.Date(2030, 2, 1, 0, 0, 0, 0, time.UTC)
	for _, status := range []billing.SubscriptionStatus{
		billing.SubCanceled, billing.SubIncompleteExpired, billing.SubActive,
	} {
		for _, ended := range []*time.Time{&second, ptr(second.Add(1)), nil} {
			s := subscription(status)
			s.EndedAt = ended
			want := "in_1:il_1"
			if status == billing.SubActive || ended != nil && ended.After(second) {
				want = "in_1:il_1 in_1:il_1:2"
			}
			d := monthly(
				billing.Snapshot{
					Subscriptions: []billing.StripeSubscription{s},
					Invoices:      []billing.StripeInvoice{year("in_1", second.AddDate(0, -1, 0))},
				},
				second,
			)
			same(t, string(status), keysOf(d), want)
		}
	}
}

// Proves that a partial refund stops no month, and a full refund stops all coming months.
func TestSliceWhileMoneyIsBack(t *testing.T) {
	t.Parallel()
	for back, want := range map[int64]string{8999: "in_1:il_1 in_1:il_1:2", 9000: "in_1:il_1"} {
		d := monthly(billing.Snapshot{
			Invoices: []billing.StripeInvoice{year("in_1", february)}, Charges: []billing.StripeCharge{
				{ID: "ch_1", InvoiceID: "in_1", Amount: 9000, AmountRefunded: back, Paid: true},
			},
		}, march)
		same(t, "keys", keysOf(d), want)
	}
}

// Proves that the months of a change begin on the days of the year that contains the change. The year's paid invoice
// gives those days: a year that began on 29 February 2028 has months from the 29th. If that invoice is missing, is not
// paid, or belongs to another subscription, they follow the year's end, which is 28 February 2029.
func TestAnchorOfALeapDay(t *testing.T) {
	t.Parallel()
	begin, end, change := time.Date(
		2028, 2, 29, 0, 0, 0, 0, time.UTC,
	), time.Date(2029, 2, 28, 0, 0, 0, 0, time.UTC), time.Date(2028, 3, 10, 0, 0, 0, 0, time.UTC)
	l := line("il_1", begin, end)
	l.Item, l.Amount = "basic_year", 9000
	of := func(f func(i *billing.StripeInvoice)) billing.StripeInvoice {
		i := invoice("in_1", "paid", "subscription_create", l)
		f(&i)
		return i
	}
	up := invoice("in_2", "paid", "subscription_update", billing.StripeInvoiceLine{
		ID: "il_3", Item: "pro_year", Amount: 16000, Quantity: 1, Proration: true, PeriodStart: change, PeriodEnd: end,
	})
	for name, c := range map[string]struct {
		invoice billing.StripeInvoice
		day     int
	}{
		"Paid":      {of(func(*billing.StripeInvoice) {}), 29},
		"Open":      {of(func(i *billing.StripeInvoice) { i.Status = "open" }), 28},
		"Anothers":  {of(func(i *billing.StripeInvoice) { i.SubscriptionID = "sub_0" }), 28},
		"Proration": {of(func(i *billing.StripeInvoice) { i.Lines[0].Proration = true }), 28},
		"ForFree":   {of(func(i *billing.StripeInvoice) { i.Lines[0].Amount = 0 }), 28},
		"OtherEnd":  {of(func(i *billing.StripeInvoice) { i.Lines[0].PeriodEnd = end.AddDate(0, 0, 1) }), 28},
		"OfThatDay": {of(func(i *billing.StripeInvoice) { i.Lines[0].PeriodStart = change }), 10},
		"OfLater":   {of(func(i *billing.StripeInvoice) { i.Lines[0].PeriodStart = change.Add(1) }), 28},
	} {
		d := monthly(billing.Snapshot{Invoices: []billing.StripeInvoice{c.invoice, up}}, change)
		for _, g := range d.Grants {
			if want := time.Date(
				2028, 3, c.day, 0, 0, 0, 0, time.UTC,
			); c.day != 10 && g.Key == "stripe:invoice:in_2:proration" && !g.Period.End.Equal(want) {
				t.Errorf("%s: the first part ends at %v, want %v", name, g.Period.End, want)
			}
		}
		if c.day == 10 { // a whole month from the change on
			if g := d.Grants[len(d.Grants)-1]; !g.Period.End.Equal(change.AddDate(0, 1, 0)) {
				t.Errorf("%s: the first part ends at %v", name, g.Period.End)
			}
		}
	}
}

// Proves that the credit of a change to a year reduces the first months. A credit of 700 with 500 a month leaves
// nothing of the first, 300 of the second and 500 of the third. The invoice is 90.00 less 8.75, which is 700/14,400 of
// Pro's 180.00.
func TestCreditOfTheFirstMonths(t *testing.T) {
	t.Parallel()
	l := line("il_1", february, february.AddDate(1, 0, 0))
	l.Item, l.Amount = "basic_year", 9000
	credit := billing.StripeInvoiceLine{
		ID:          "il_0",
		Item:        "pro_year",
		Amount:      -875,
		Quantity:    1,
		Proration:   true,
		PeriodStart: february,
		PeriodEnd:   february.AddDate(1, 0, 0),
	}
	i := invoice("in_1", "paid", "subscription_update", credit, l)
	d := monthly(billing.Snapshot{Invoices: []billing.StripeInvoice{i}}, april)
	same(t, "grants", told(d), "300 until 2030-04-01, 500 until 2030-05-01, ")
	same(t, "keys", keysOf(d), "in_1:proration:2 in_1:proration:3")
	// In total the change brings 12 × 500 − 700.
	same(
		t, "points", reconcile.InvoicePoints(&catalog.Catalog{Plans: []billing.Plan{basicYear, proYear}}, i),
		billing.Points(5300),
	)
}
