package reconcile_test

import (
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/reconcile"
)

// granted returns the grant of a line of an invoice, for the month that ends at end.
func granted(invoice, line string, points billing.Points, end time.Time, what string) billing.Grant {
	return billing.Grant{
		Key: "stripe:invoice:" + invoice + ":" + line, Source: source, Amount: points, ExpiresAt: ptr(
			end.Add(policy.RenewalGrace),
		),
		Period: &billing.Period{Start: end.AddDate(0, -1, 0), End: end}, Replaces: true, Description: what,
	}
}

// Proves what each kind of invoice grants.
func TestInvoiceGrants(t *testing.T) {
	t.Parallel()
	three, trial, free := line("il_1", march, april), line("il_1", march, april), line("il_1", march, april)
	foreign, vanished := line("il_1", march, april), line("il_1", march, april)
	three.Quantity, three.Amount = 3, 2700
	trial.Item, trial.Amount = "pro", 0
	free.Amount = 0
	foreign.Item, vanished.Item = "", "gone"
	packed := line("il_1", march, april)
	packed.Item = "pack"
	trialGrant := granted("in_1", "il_1", 50, april, "Pro (trial)")
	trialGrant.Rollover = 7
	adHoc := invoice("in_1", "paid", "manual", line("il_1", march, april))
	adHoc.SubscriptionID = ""
	for _, c := range []struct {
		name     string
		invoice  billing.StripeInvoice
		grants   []billing.Grant
		warnings int
	}{
		{
			"FirstPeriod", invoice("in_1", "paid", "subscription_create", line("il_1", march, april)),
			[]billing.Grant{granted("in_1", "il_1", 500, april, "Basic")}, 0,
		},
		{
			"Renewal", invoice("in_1", "paid", "subscription_cycle", line("il_1", april, april.AddDate(0, 1, 0))),
			[]billing.Grant{granted("in_1", "il_1", 500, april.AddDate(0, 1, 0), "Basic")}, 0,
		},
		{
			"Quantity", invoice("in_1", "paid", "subscription_create", three),
			[]billing.Grant{granted("in_1", "il_1", 1500, april, "Basic")}, 0,
		},
		{"Trial", invoice("in_1", "paid", "subscription_create", trial), []billing.Grant{trialGrant}, 0},
		{"TrialWithoutPoints", invoice("in_1", "paid", "subscription_create", free), nil, 0},
		{"NothingPaidLater", invoice("in_1", "paid", "subscription_cycle", trial), nil, 0},
		{"NotOurs", invoice("in_1", "paid", "subscription_create", foreign), nil, 0},
		{"NotUnderstood", invoice("in_1", "paid", "subscription_create", vanished), nil, 1},
		{"APackIsNoPlan", invoice("in_1", "paid", "subscription_create", packed), nil, 1},
		{"NoSubscription", adHoc, nil, 0},
		{"Open", invoice("in_1", "open", "subscription_cycle", line("il_1", march, april)), nil, 0},
		{"Draft", invoice("in_1", "draft", "subscription_cycle", line("il_1", march, april)), nil, 0},
		{"Void", invoice("in_1", "void", "subscription_cycle", line("il_1", march, april)), nil, 0},
		{"Uncollectible", invoice("in_1", "uncollectible", "subscription_cycle", line("il_1", march, april)), nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := decide(billing.Snapshot{Invoices: []billing.StripeInvoice{c.invoice}})
			same(t, "grants", d.Grants, c.grants)
			if len(d.Warnings) != c.warnings {
				t.Errorf("warnings %q", d.Warnings)
			}
		})
	}
}

// Proves that a paid plan change grants the difference in proportion to the money. A change down, or down and up again,
// grants nothing: only money that was paid does.
func TestProrationGrants(t *testing.T) {
	t.Parallel()
	part := func(id, item string, amount int64) billing.StripeInvoiceLine {
		return billing.StripeInvoiceLine{
			ID: id, Item: item, Amount: amount, Quantity: 1, Proration: true, PeriodStart: tenth, PeriodEnd: april,
		}
	}
	renewal := line("il_9", april, april.AddDate(0, 1, 0))
	for _, c := range []struct {
		name   string
		lines  []billing.StripeInvoiceLine
		points billing.Points
	}{
		{
			"HalfAPeriodUp", []billing.StripeInvoiceLine{part("il_1", "basic", -450), part("il_2", "pro", 950)},
			600 - 250,
		},
		{"RoundedTowardsZero", []billing.StripeInvoiceLine{part("il_1", "basic", -1), part("il_2", "pro", 2)}, 1},
		{"Down", []billing.StripeInvoiceLine{part("il_1", "pro", -950), part("il_2", "basic", 450)}, 0},
		{
			"DownAndUpAgain",
			[]billing.StripeInvoiceLine{
				part("il_1", "pro", -950), part("il_2", "basic", 450), part("il_3", "basic", -450),
				part("il_4", "pro", 950),
			},
			0,
		},
		{"NeverMoreThanThePlan", []billing.StripeInvoiceLine{part("il_1", "pro", 1_000_000)}, 1200},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := decide(
				billing.Snapshot{
					Invoices: []billing.StripeInvoice{invoice("in_1", "paid", "subscription_update", c.lines...)},
				},
			)
			var want []billing.Grant
			if c.points > 0 {
				want = []billing.Grant{{
					Key: "stripe:invoice:in_1:proration", Source: source, Amount: c.points, ExpiresAt: ptr(
						april.Add(policy.RenewalGrace),
					),
					Period: &billing.Period{Start: tenth, End: april}, Description: "plan change",
				}}
			}
			same(t, "grants", d.Grants, want)
			unpaid := decide(
				billing.Snapshot{
					Invoices: []billing.StripeInvoice{invoice("in_1", "open", "subscription_update", c.lines...)},
				},
			)
			same(t, "grants of an unpaid change", unpaid.Grants, []billing.Grant(nil))
		})
	}
	t.Run("PaidByAnEarlierCredit", func(t *testing.T) {
		t.Parallel()
		up := invoice("in_1", "paid", "subscription_update", part("il_1", "basic", -450), part("il_2", "pro", 950))
		up.AmountPaid = 0
		same(t, "grants", decide(billing.Snapshot{Invoices: []billing.StripeInvoice{up}}).Grants, []billing.Grant(nil))
		up.AmountPaid = up.Total / 2
		if d := decide(
			billing.Snapshot{Invoices: []billing.StripeInvoice{up}},
		); len(d.Grants) != 1 || d.Grants[0].Amount != 175 {
			t.Errorf("half of it was paid in money: %+v", d.Grants)
		}
	})
	t.Run("ToAnotherInterval", func(t *testing.T) {
		t.Parallel()
		period := line("il_2", tenth, tenth.AddDate(0, 2, 0))
		period.Item, period.Amount = "pro", 1900
		up := invoice("in_1", "paid", "subscription_update", part("il_1", "basic", -450), period)
		want := []billing.Grant{{
			Key: "stripe:invoice:in_1:proration", Source: source, Amount: 1200 - 250, ExpiresAt: ptr(
				period.PeriodEnd.Add(policy.RenewalGrace),
			),
			Period:   &billing.Period{Start: tenth, End: period.PeriodEnd},
			Replaces: true, Rollover: billing.RolloverAll, Description: "plan change",
		}}
		same(t, "grants", decide(billing.Snapshot{Invoices: []billing.StripeInvoice{up}}).Grants, want)
		period.Item, period.Amount = "basic", 900
		down := invoice("in_1", "paid", "subscription_update", part("il_1", "pro", -1900), period)
		same(
			t, "grants of the way back", decide(billing.Snapshot{Invoices: []billing.StripeInvoice{down}}).Grants,
			[]billing.Grant(nil),
		)
	})
	t.Run("OnTheNextRenewal", func(t *testing.T) {
		t.Parallel()
		d := decide(billing.Snapshot{Invoices: []billing.StripeInvoice{
			invoice(
				"in_1", "paid", "subscription_cycle", part("il_1", "basic", -450), part("il_2", "pro", 950), renewal,
			),
		}})
		want := granted("in_1", "il_9", 500+350, april.AddDate(0, 1, 0), "Basic")
		same(t, "grants", d.Grants, []billing.Grant{want})
	})
}

// Proves that an invoice grants points for the part that was paid in money. Credits reduce it, whether the balance or a
// line of the invoice paid with them. A discount does not. An old price counts with its old value.
func TestPartPaid(t *testing.T) {
	t.Parallel()
	back := billing.StripeInvoiceLine{
		ID: "il_0", Item: "pro", Amount: -950, Quantity: 1, Proration: true, PeriodStart: tenth, PeriodEnd: march,
	}
	old := line("il_2", march, april)
	old.Amount, old.UnitAmount, old.Proration = 300, 600, true
	seats := line("il_3", march, april)
	seats.Amount, seats.Quantity, seats.Proration = 1350, 3, true
	dear := line("il_4", march, april)
	dear.Item, dear.Amount = "pro", 1900
	for _, c := range []struct {
		name        string
		reason      billing.InvoiceReason
		lines       []billing.StripeInvoiceLine
		total, paid int64
		points      billing.Points
	}{
		{"Whole", "subscription_cycle", []billing.StripeInvoiceLine{line("il_1", march, april)}, 900, 900, 500},
		{"HalfByBalance", "subscription_cycle", []billing.StripeInvoiceLine{line("il_1", march, april)}, 900, 450, 250},
		{"ByBalance", "subscription_cycle", []billing.StripeInvoiceLine{line("il_1", march, april)}, 900, 0, 0},
		{
			"WithAnOldDebt", "subscription_cycle", []billing.StripeInvoiceLine{line("il_1", march, april)}, 900, 1000,
			500,
		},
		{"HalfDiscount", "subscription_cycle", []billing.StripeInvoiceLine{line("il_1", march, april)}, 450, 450, 500},
		{"WholeDiscount", "subscription_cycle", []billing.StripeInvoiceLine{line("il_1", march, april)}, 0, 0, 500},
		{
			"WholeDiscountOfAChange", "subscription_update", []billing.StripeInvoiceLine{line("il_1", march, april)}, 0,
			0, 0,
		},
		{"CreditOnTheInvoice", "subscription_cycle", []billing.StripeInvoiceLine{back, dear}, 950, 950, 600},
		{"CreditPaysAll", "subscription_cycle", []billing.StripeInvoiceLine{back, line("il_1", march, april)}, 0, 0, 0},
		{
			"CreditIsMore", "subscription_cycle", []billing.StripeInvoiceLine{back, line("il_1", march, april)}, -50, 0,
			0,
		},
		{"OldPrice", "subscription_update", []billing.StripeInvoiceLine{old}, 300, 300, 250},
		{"Seats", "subscription_update", []billing.StripeInvoiceLine{seats}, 1350, 1350, 750},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			i := invoice("in_1", "paid", c.reason, c.lines...)
			i.Total, i.AmountPaid = c.total, c.paid
			var got billing.Points
			for _, g := range decide(billing.Snapshot{Invoices: []billing.StripeInvoice{i}}).Grants {
				got += g.Amount
			}
			if told := reconcile.InvoicePoints(shop, i); got != c.points || told != got {
				t.Errorf("granted %d and told %d, want %d", got, told, c.points)
			}
		})
	}
}

// Proves that grants come oldest first, so that each period replaces the one before.
func TestGrantsOldestFirst(t *testing.T) {
	t.Parallel()
	d := decide(billing.Snapshot{Invoices: []billing.StripeInvoice{
		invoice("in_2", "paid", "subscription_cycle", line("il_2", march, april)),
		invoice("in_1", "paid", "subscription_create", line("il_1", february, march)),
	}})
	same(
		t, "grants", d.Grants,
		[]billing.Grant{granted("in_1", "il_1", 500, march, "Basic"), granted("in_2", "il_2", 500, april, "Basic")},
	)
}

// Proves that each period's grant states how many of the older points roll over into it, according to its own plan.
func TestRolloverOfGrants(t *testing.T) {
	t.Parallel()
	may := april.AddDate(0, 1, 0)
	pro := line("il_3", april, may)
	pro.Item, pro.Amount = "pro", 1900
	d := decide(billing.Snapshot{Invoices: []billing.StripeInvoice{
		invoice("in_3", "paid", "subscription_cycle", pro), invoice(
			"in_2", "open", "subscription_cycle", line("il_2", march, april),
		),
		invoice("in_1", "paid", "subscription_create", line("il_1", february, march)),
	}})
	first, third := granted("in_1", "il_1", 500, march, "Basic"), granted("in_3", "il_3", 1200, may, "Pro")
	third.Rollover = 7
	same(t, "grants", d.Grants, []billing.Grant{first, third})
}

// Proves where the next picture begins: a day before the oldest invoice that may still change, or before the newest
// invoice if all are settled. It never begins earlier than before.
func TestWatermark(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	older := func(status billing.InvoiceStatus) billing.StripeInvoice {
		return invoice("in_1", status, "subscription_create", line("il_1", february, march))
	}
	newer := func(status billing.InvoiceStatus) billing.StripeInvoice {
		return invoice("in_2", status, "subscription_cycle", line("il_2", march, april))
	}
	for _, c := range []struct {
		name     string
		invoices []billing.StripeInvoice
		before   *time.Time
		want     *time.Time
	}{
		{"NoInvoices", nil, nil, nil},
		{"NoInvoicesKeepsIt", nil, &march, &march},
		{"AllSettled", []billing.StripeInvoice{older("paid"), newer("void")}, nil, ptr(march.Add(-day))},
		{"OlderOpen", []billing.StripeInvoice{older("open"), newer("paid")}, nil, ptr(february.Add(-day))},
		{
			"OlderUncollectible", []billing.StripeInvoice{older("uncollectible"), newer("paid")}, nil,
			ptr(february.Add(-day)),
		},
		{"NewerDraft", []billing.StripeInvoice{older("paid"), newer("draft")}, &february, ptr(march.Add(-day))},
		{"NeverBack", []billing.StripeInvoice{older("paid"), newer("open")}, &april, &april},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := input(billing.Snapshot{Invoices: c.invoices})
			in.Account.Sync.InvoicesSince = c.before
			same(t, "since", reconcile.Decide(in).InvoicesSince, c.want)
		})
	}
}
