package reconcile_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/housetest"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/reconcile"
)

var (
	basicYear = housetest.BasicYear
	proYear   = billing.Plan{
		ID:            "pro_year",
		Name:          "Pro, by the year",
		Amount:        18000,
		Currency:      "usd",
		Interval:      "year",
		GrantInterval: "month",
		Points:        1200,
	}
)

// year returns a paid year of a plan that grants month by month.
func year(id billing.InvoiceID, start time.Time) billing.StripeInvoice {
	l := line("il_1", start, start.AddDate(1, 0, 0))
	l.Item, l.Amount = "basic_year", 9000
	return invoice(id, "paid", "subscription_create", l)
}

// monthly decides about a picture at a given time, in a shop that sells years whose points come by the month.
func monthly(p billing.Snapshot, now time.Time) reconcile.Decision {
	in := input(p)
	in.Now, in.Catalog = now, &catalog.Catalog{Plans: []billing.Plan{basicYear, proYear}}
	return reconcile.Decide(in)
}

// told returns grants as amounts and the days on which they expire, without the grace.
func told(d reconcile.Decision) (s string) {
	for _, g := range d.Grants {
		s += fmt.Sprintf("%d until %s, ", g.Amount, g.ExpiresAt.Add(-policy.RenewalGrace).Format("2006-01-02"))
	}
	return s
}

// Proves which months of a paid year are granted at a given time, and when the next one comes: on the day of the month
// on which the year began, or on the last day of a shorter month. Their keys never come twice. None comes after all
// money was refunded or the subscription ended. All months that a server missed come later. The invoice stays in the
// picture until its year is over.
func TestSlices(t *testing.T) {
	t.Parallel()
	begin := time.Date(2030, 1, 31, 10, 0, 0, 0, time.UTC)
	day := func(month time.Month, d int) time.Time { return time.Date(2030, month, d, 10, 0, 0, 0, time.UTC) }
	back := []billing.StripeCharge{{ID: "ch_1", InvoiceID: "in_1", Amount: 9000, AmountRefunded: 9000, Paid: true}}
	ended := subscription(billing.SubCanceled)
	ended.EndedAt = ptr(day(3, 5))
	for _, c := range []struct {
		name string
		now  time.Time
		with billing.Snapshot
		want string
		next *time.Time
	}{
		{"First", begin, billing.Snapshot{}, "500 until 2030-02-28, ", ptr(day(2, 28))},
		{"JustBeforeTheSecond", day(2, 28).Add(-1), billing.Snapshot{}, "500 until 2030-02-28, ", ptr(day(2, 28))},
		{"Second", day(2, 28), billing.Snapshot{}, "500 until 2030-02-28, 500 until 2030-03-31, ", ptr(day(3, 31))},
		{
			"ThreeMonthsMissed", day(5, 1), billing.Snapshot{},
			"500 until 2030-02-28, 500 until 2030-03-31, 500 until 2030-04-30, 500 until 2030-05-31, ", ptr(day(5, 31)),
		},
		{"WholeRefund", day(5, 1), billing.Snapshot{Charges: back}, "500 until 2030-02-28, ", nil},
		{
			"CanceledAtOnce", day(5, 1), billing.Snapshot{Subscriptions: []billing.StripeSubscription{ended}},
			"500 until 2030-02-28, 500 until 2030-03-31, ", nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.with.Invoices = []billing.StripeInvoice{
				year("in_1", begin), invoice("in_2", "void", "manual", line("il_9", c.now, c.now)),
			}
			d := monthly(c.with, c.now)
			same(t, "grants", told(d), c.want)
			same(t, "next", d.NextGrantAt, c.next)
			same(t, "since", *d.InvoicesSince, begin.Add(-24*time.Hour))
			keys := map[string]bool{}
			for _, g := range d.Grants {
				if keys[g.Key] {
					t.Errorf("the key %s comes twice", g.Key)
				}
				keys[g.Key] = true
			}
		})
	}
	over := monthly(
		billing.Snapshot{
			Invoices: []billing.StripeInvoice{
				year("in_1", begin), invoice("in_2", "void", "manual", line("il_9", begin.AddDate(1, 0, 0), begin)),
			},
		},
		begin.AddDate(1, 0, 0),
	)
	if len(over.Grants) != 12 || over.NextGrantAt != nil || !over.InvoicesSince.After(begin) {
		t.Errorf(
			"a year that is over: %d grants, next %v, since %v", len(over.Grants), over.NextGrantAt, over.InvoicesSince,
		)
	}
}

// proration returns the line of an invoice that credits or charges one item from a change to the end of its period.
func proration(id, item string, amount int64, change, end time.Time) billing.StripeInvoiceLine {
	return billing.StripeInvoiceLine{
		ID: id, Item: item, Amount: amount, Quantity: 1, Proration: true, PeriodStart: change, PeriodEnd: end,
	}
}

// Proves that a change between two such plans in mid-year brings the difference month by month for the time that is
// left. The old plan's points stay. A downgrade brings and takes nothing.
func TestSlicesOfAChange(t *testing.T) {
	t.Parallel()
	// In the middle of a month of 30 days.
	begin, change := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2030, 11, 16, 0, 0, 0, 0, time.UTC)
	part := func(id, item string, amount int64) billing.StripeInvoiceLine {
		return proration(id, item, amount, change, begin.AddDate(1, 0, 0))
	}
	// 1.5 months.
	up := invoice(
		"in_2", "paid", "subscription_update", part("il_2", "basic_year", -1125), part("il_3", "pro_year", 2250),
	)
	d := monthly(billing.Snapshot{Invoices: []billing.StripeInvoice{year("in_1", begin), up}}, begin.AddDate(0, 11, 0))
	months := 0
	for _, g := range d.Grants {
		switch {
		case g.Replaces:
			months++
		case g.Key == "stripe:invoice:in_2:proration" && g.Amount == 350, g.Key == "stripe:invoice:in_2:proration:2" &&
			g.Amount == 700:
		default:
			t.Errorf("%+v", g)
		}
	}
	last := d.Grants[len(d.Grants)-1]
	if len(d.Grants) != 14 || months != 12 || last.Replaces {
		t.Errorf(
			"%d grants, %d of them months; the last, which stands beside its month, is %+v", len(d.Grants), months,
			last,
		)
	}
	down := invoice(
		"in_2", "paid", "subscription_update", part("il_2", "pro_year", -2250), part("il_3", "basic_year", 1125),
	)
	if d := monthly(
		billing.Snapshot{Invoices: []billing.StripeInvoice{year("in_1", begin), down}}, begin.AddDate(0, 11, 0),
	); len(d.Grants) != 12 {
		t.Errorf("a change down: %+v", d.Grants)
	}
	if got := reconcile.InvoicePoints(&catalog.Catalog{Plans: []billing.Plan{basicYear, proYear}}, up); got != 1050 {
		t.Errorf("the change is told to bring %d points", got)
	}
}

// yearly returns a buyer who has paid for a year of the basic plan and was synced, and the subscription.
func (w *world) yearly() (billing.Account, string) {
	w.t.Helper()
	c, a := w.sells(basicYear), w.buyer()
	id := w.pay(w.orderOf(c, a, basicYear.ID))["subscription"].(string)
	w.sync(a)
	return a, id
}

// Proves the months of a paid year through the sandbox. Each month's points replace the last one's, however many syncs
// run. A partial refund claws back the same share of each month, past and to come. No month comes after the rest was
// refunded.
func TestYearByTheMonth(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, id := w.yearly()
		w.wantPoints(a.ID, 500, 0)
		w.spend(a, 100)
		w.toNextGrant(a)
		w.syncTogetherOf(a, 3)
		w.wantPoints(a.ID, 500, 0)
		w.spend(a, 500)

		invoice := w.Ask(http.MethodGet, "/v1/subscriptions/"+id, nil)["latest_invoice"].(string)
		charge := w.Ask(http.MethodGet, "/v1/invoices/"+invoice, nil)["charge"].(string)
		w.Ask(http.MethodPost, "/v1/refunds", url.Values{"charge": {charge}, "amount": {"4500"}})
		w.sync(a)
		w.wantDrift(a)
		debt := w.account(a.ID).Debt
		if debt < 250 {
			w.t.Errorf("half of what is spent should be owed: %d", debt)
		}
		w.toNextGrant(a)
		w.sync(a)
		w.wantPoints(a.ID, 0, debt-250)
		w.wantDrift(a)
		w.Advance(92 * 24 * time.Hour) // no sync runs for three months
		w.wantDrift(a, billing.DriftGrant, billing.DriftGrant, billing.DriftGrant)
		w.sync(a)
		w.wantDrift(a)
		before := len(w.entries(a))
		w.sync(a)
		if after := len(w.entries(a)); after != before {
			w.t.Errorf("another sync made %d entries more", after-before)
		}
		w.Ask(http.MethodPost, "/v1/refunds", url.Values{"charge": {charge}})
		w.sync(a)
		if next := w.account(a.ID).Sync.NextGrantAt; next != nil {
			w.t.Errorf("all money is back, and more points shall come at %v", next)
		}
		w.Advance(62 * 24 * time.Hour)
		before = len(w.entries(a))
		w.sync(a)
		if after := len(w.entries(a)); after != before {
			w.t.Errorf("after a whole refund there are %d entries more", after-before)
		}
		must(w.t, ledger.Audit(w.t.Context(), w.db, a.ID))
	})
}

// toNextGrant moves the clock to when the account's next points fall due.
func (w *world) toNextGrant(a billing.Account) {
	w.t.Helper()
	next := w.account(a.ID).Sync.NextGrantAt
	if next == nil {
		w.t.Fatal("nothing falls due")
	}
	w.Advance(next.Sub(w.Now()) + time.Second)
}

// syncTogetherOf syncs n times at once in this world's shop.
func (w *world) syncTogetherOf(a billing.Account, n int) {
	w.t.Helper()
	done := make(chan error, n)
	for range n {
		go func() { _, err := w.syncer.Sync(w.t.Context(), a.ID, billing.CauseEvent); done <- err }()
	}
	for range n {
		must(w.t, <-done)
	}
}

// orderOf is like order, in a shop that sells more than the default one.
func (w *world) orderOf(c *catalog.Catalog, a billing.Account, item string) billing.Order {
	w.t.Helper()
	plan, _ := c.Plan(item)
	return w.orderAs(
		a,
		billing.Order{
			Item: item, Kind: billing.KindPlan, Points: plan.Points, Amount: plan.Amount, Currency: plan.Currency,
		},
	)
}
