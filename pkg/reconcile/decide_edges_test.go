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

// Proves which invoices of changes count as decided, and which count as open. A change that waits for a decided invoice
// is checked then. A draft is neither.
func TestChangesDecided(t *testing.T) {
	t.Parallel()
	var p billing.Snapshot
	for n, c := range []struct {
		status billing.InvoiceStatus
		reason billing.BillingReason
	}{
		{"void", "subscription_update"}, {"open", "subscription_update"}, {"paid", "subscription_update"}, {
			"draft", "subscription_update",
		}, {"open", "subscription_update"},
		{
			"uncollectible", "subscription_update",
		}, {"paid", "subscription_cycle"}, {"open", "subscription_cycle"}, {"open", "manual"},
	} {
		p.Invoices = append(
			p.Invoices,
			invoice(billing.InvoiceID("in_"+string(rune('9'-n))), c.status, c.reason, line("il_1", march, april)),
		)
	}
	d := decide(p)
	same(t, "decided", d.Decided, []billing.InvoiceID{"in_4", "in_7", "in_9"})
	same(t, "open", d.Open, []billing.InvoiceID{"in_5", "in_8"})
}

// Proves that the watermark depends on the invoices' age, in whatever order they are listed.
func TestWatermarkOfAnyOrder(t *testing.T) {
	t.Parallel()
	older, newer := invoice(
		"in_1", "paid", "subscription_create", line("il_1", february, march),
	), invoice("in_2", "paid", "subscription_cycle", line("il_2", march, april))
	d := decide(billing.Snapshot{Invoices: []billing.StripeInvoice{newer, older}})
	same(t, "since", *d.InvoicesSince, march.Add(-24*time.Hour))
	older.Status, newer.Status = "open", "open"
	d = decide(billing.Snapshot{Invoices: []billing.StripeInvoice{newer, older}})
	same(t, "since", *d.InvoicesSince, february.Add(-24*time.Hour))
}

// Proves which periods are owed and which are paid. A voided invoice pays for no period. A period that another invoice
// paid for is not owed. If a failed invoice and one under way are owed for one period, the failed one counts.
func TestFirstUnpaid(t *testing.T) {
	t.Parallel()
	may := april.AddDate(0, 1, 0)
	of := func(id billing.InvoiceID, status billing.InvoiceStatus, start, end time.Time) billing.StripeInvoice {
		return invoice(id, status, "subscription_cycle", line("il_1", start, end))
	}
	underWay := of("in_4", "open", march, april)
	underWay.UnderWay = true
	for name, c := range map[string]struct {
		invoices []billing.StripeInvoice
		february time.Time
	}{
		"VoidIsNotPaid": {
			[]billing.StripeInvoice{of("in_1", "void", april, may), of("in_2", "open", march, april)},
			march.Add(policy.PastDueGrace),
		},
		"PaidByAnother": {
			[]billing.StripeInvoice{of("in_1", "paid", march, april), of("in_2", "open", march, april)},
			march.Add(policy.RenewalGrace),
		},
		// Paid until just before April. Points from before that expire with the present period plus 72 hours.
		"PaidButForAMoment": {
			[]billing.StripeInvoice{of("in_1", "paid", march, april.Add(-1)), of("in_2", "open", march, april)},
			april.Add(-1).Add(policy.PastDueGrace),
		},
		"FailedAndUnderWay": {
			[]billing.StripeInvoice{of("in_1", "open", march, april), underWay}, march.Add(policy.PastDueGrace),
		},
		"UnderWayAndFailed": {
			[]billing.StripeInvoice{underWay, of("in_1", "open", march, april)}, march.Add(policy.PastDueGrace),
		},
	} {
		d := decide(
			billing.Snapshot{
				Subscriptions: []billing.StripeSubscription{subscription(billing.SubPastDue)}, Invoices: c.invoices,
			},
		)
		same(t, name, endOf(d, lotOf(february, march)), c.february)
	}
}

// Proves that a lot without a period, such as an old one, keeps its expiry unless its subscription has ended.
func TestEndWithoutPeriod(t *testing.T) {
	t.Parallel()
	l := lotOf(february, march)
	l.Period, l.ExpiresAt = nil, ptr(tenth.AddDate(0, 0, 3))
	d := decide(billing.Snapshot{Subscriptions: []billing.StripeSubscription{subscription(billing.SubActive)}})
	same(t, "live", endOf(d, l), tenth.AddDate(0, 0, 3))
	ended := subscription(billing.SubCanceled)
	ended.EndedAt = &tenth
	d = decide(billing.Snapshot{Subscriptions: []billing.StripeSubscription{ended}})
	same(t, "ended", endOf(d, l), tenth)
}

// Proves that of two active subscriptions the newer one counts, even if its renewal is owed, or the other's first
// invoice is. Only its own first invoice shows that it was never paid.
func TestOwesItsFirst(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		of     billing.SubscriptionID
		status billing.InvoiceStatus
		reason billing.BillingReason
		counts billing.SubscriptionID
	}{
		"First": {"sub_new", "open", "subscription_create", sub}, "FirstPaid": {
			"sub_new", "paid", "subscription_create", "sub_new",
		},
		"Renewal": {
			"sub_new", "open", "subscription_cycle", "sub_new",
		}, "Anothers": {"sub_0", "open", "subscription_create", "sub_new"},
	} {
		older, newer := subscription(billing.SubActive), subscription(billing.SubActive)
		newer.ID, newer.Created = "sub_new", march
		i := invoice("in_1", c.status, c.reason, line("il_1", march, april))
		i.SubscriptionID = c.of
		d := decide(
			billing.Snapshot{
				Subscriptions: []billing.StripeSubscription{older, newer}, Invoices: []billing.StripeInvoice{i},
			},
		)
		if d.Subscription.ID != c.counts {
			t.Errorf("%s: %s counts", name, d.Subscription.ID)
		}
	}
}

// Proves that a subscription that never began does not use up a trial.
func TestUsesTrial(t *testing.T) {
	t.Parallel()
	for status, want := range map[billing.SubscriptionStatus]bool{
		billing.SubIncomplete: false, billing.SubIncompleteExpired: false, billing.SubTrialing: true,
		billing.SubActive: true, billing.SubPastDue: true, billing.SubCanceled: true,
	} {
		newer := subscription(billing.SubIncomplete)
		newer.ID = "sub_2"
		for _, subs := range [][]billing.StripeSubscription{
			{subscription(status), newer}, {newer, subscription(status)},
		} {
			if d := decide(billing.Snapshot{Subscriptions: subs}); d.UsesTrial != want {
				t.Errorf("%s: %v", status, d.UsesTrial)
			}
		}
	}
}

// Proves how each state of a payment moves an automatic order on, and what it grants. Also proves when an order is
// given up about which nothing is known: after 70 minutes and not at 70 minutes. For an order with a page the limit is
// 25 hours.
func TestAutomaticOrders(t *testing.T) {
	t.Parallel()
	pending := billing.Order{
		ID:        "ord_1",
		AccountID: "acc_1",
		Item:      "pack",
		Kind:      billing.KindPack,
		Quantity:  1,
		Points:    100,
		Status:    billing.OrderPending,
		Automatic: true,
		CreatedAt: tenth.Add(-reconcile.UnchargedAge),
	}
	with := func(f func(o *billing.Order)) billing.Order {
		o := pending
		f(&o)
		return o
	}
	old := with(func(o *billing.Order) { o.CreatedAt = o.CreatedAt.Add(-1) })
	asked := with(func(o *billing.Order) { o.PaymentIntentID, o.CreatedAt = "pi_1", old.CreatedAt })
	page := billing.Order{
		ID: "ord_1", Kind: billing.KindPack, Status: billing.OrderPending, CreatedAt: tenth.Add(-25 * time.Hour),
	}
	oldPage, gone := page, page
	oldPage.CreatedAt = page.CreatedAt.Add(-1)
	gone.CreatedAt, gone.Status = oldPage.CreatedAt, billing.OrderExpired
	for name, c := range map[string]struct {
		before billing.Order
		intent billing.StripeIntent // without a status: no intent exists
		after  *billing.Order       // nil: unchanged
		grant  string
	}{
		"NotAsked": {pending, billing.StripeIntent{}, nil, ""},
		"NotAskedTooLong": {
			old, billing.StripeIntent{},
			ptr(with(func(o *billing.Order) { o.CreatedAt, o.Status = old.CreatedAt, billing.OrderExpired })), "",
		},
		"AskedAndNotShown": {asked, billing.StripeIntent{}, nil, ""},
		"PaidAndNotShown": {
			with(func(o *billing.Order) { o.Status, o.CreatedAt = billing.OrderPaid, old.CreatedAt }),
			billing.StripeIntent{}, nil, "",
		},
		"Succeeded": {pending, billing.StripeIntent{Status: "succeeded"}, ptr(with(func(o *billing.Order) {
			o.Status, o.PaymentIntentID, o.FulfilledAt = billing.OrderFulfilled, "pi_1", &tenth
		})), "stripe:payment_intent:pi_1"},
		"Canceled": {pending, billing.StripeIntent{
			Status: "canceled", DeclineCode: "expired_card",
		}, ptr(with(func(o *billing.Order) {
			o.Status, o.PaymentIntentID, o.DeclineCode = billing.OrderFailed, "pi_1", "expired_card"
		})), ""},
		"CouldBePaid":  {asked, billing.StripeIntent{Status: "requires_payment_method"}, ptr(old), ""},
		"StillCouldBe": {old, billing.StripeIntent{Status: "requires_action"}, nil, ""},
		"UnderWay": {
			pending, billing.StripeIntent{Status: "processing"},
			ptr(with(func(o *billing.Order) { o.PaymentIntentID = "pi_1" })), "",
		},
		"PageNotOld": {page, billing.StripeIntent{}, nil, ""},
		"PageTooOld": {oldPage, billing.StripeIntent{}, &gone, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := billing.Snapshot{Intents: []billing.StripeIntent{{ID: "pi_0", OrderID: "ord_0", Status: "succeeded"}}}
			if c.intent.Status != "" {
				c.intent.ID, c.intent.OrderID = "pi_1", "ord_1"
				p.Intents = append(p.Intents, c.intent)
			}
			d := decide(p, c.before)
			var want []billing.Order
			if c.after != nil {
				want = []billing.Order{*c.after}
			}
			same(t, "orders", d.Orders, want)
			grant := ""
			for _, g := range d.Grants {
				grant += g.Key
			}
			same(t, "grants", grant, c.grant)
		})
	}
}

// Proves that the payments of one invoice are added up in one currency, and that a failed payment does not count. Also
// proves that payments without a refund are reported as well.
func TestMoneyOfAnInvoice(t *testing.T) {
	t.Parallel()
	d := decide(billing.Snapshot{Charges: []billing.StripeCharge{
		{ID: "ch_1", InvoiceID: "in_1", Amount: 400, Currency: "usd", Paid: true},
		{ID: "ch_2", InvoiceID: "in_1", Amount: 500, Currency: "usd", Paid: true, AmountRefunded: 100},
		{ID: "ch_3", InvoiceID: "in_1", Amount: 900, Currency: "usd"}, // failed
		// cannot be added
		{ID: "ch_4", InvoiceID: "in_1", Amount: 700, Currency: "eur", Paid: true, AmountRefunded: 700},
		{ID: "ch_5", InvoiceID: "in_2", Amount: 900, Currency: "usd", Paid: true},           // kept
		{ID: "ch_6", PaymentIntentID: "pi_6", Amount: 500, Currency: "usd", Paid: true},     // kept
		{ID: "ch_7", PaymentIntentID: "pi_7", Amount: 500, Currency: "usd"},                 // failed
		{ID: "ch_8", PaymentIntentID: "pi_8", Amount: 500, Currency: "usd", Disputed: true}, // won
	}})
	same(
		t, "refunds", d.Refunds,
		[]reconcile.Refund{
			{Key: "stripe:invoice:in_1", Refunded: 100, Amount: 900}, {PaymentIntentID: "pi_8", Amount: 500},
		},
	)
	same(
		t, "kept", d.Kept,
		[]reconcile.Refund{{Key: "stripe:invoice:in_2", Amount: 900}, {PaymentIntentID: "pi_6", Amount: 500}},
	)
}

// Proves how long the invoice of a paid period stays in the picture, because it determines when points expire. It stays
// while its period goes on. After that it stays while its subscription has an unpaid invoice for a period that began
// within it. It is 10 March, the paid period lasted until 15 February, and the picture begins a day before.
func TestWatermarkOfAPaidPeriod(t *testing.T) {
	t.Parallel()
	begin, end := time.Date(2030, 1, 15, 0, 0, 0, 0, time.UTC), time.Date(2030, 2, 15, 0, 0, 0, 0, time.UTC)
	proration := line("il_2", february, april)
	proration.Proration, proration.UnitAmount, proration.UnitCurrency = true, 900, "usd"
	for name, c := range map[string]struct {
		status billing.InvoiceStatus
		of     billing.SubscriptionID
		line   billing.StripeInvoiceLine
		paid   bool // whether the picture begins with the paid invoice
	}{
		"WithinIt":      {"open", sub, line("il_2", february, april), true},
		"AtItsEnd":      {"open", sub, line("il_2", end, april), false},
		"JustBefore":    {"draft", sub, line("il_2", end.Add(-1), april), true},
		"OfAnother":     {"open", "sub_0", line("il_2", february, april), false},
		"OfNoPeriod":    {"open", sub, proration, false},
		"Paid":          {"paid", sub, line("il_2", february, march), false},
		"Uncollectible": {"uncollectible", sub, line("il_2", february, april), true},
	} {
		next := invoice("in_2", c.status, "subscription_cycle", c.line)
		next.SubscriptionID = c.of
		newest := invoice("in_3", "void", "subscription_cycle", line("il_3", march, april))
		d := decide(
			billing.Snapshot{
				Invoices: []billing.StripeInvoice{
					newest, next, invoice("in_1", "paid", "subscription_cycle", line("il_1", begin, end)),
				},
			},
		)
		want := next.Created
		switch {
		case c.paid:
			want = begin
		case c.status == "paid":
			want = newest.Created
		}
		same(t, name, *d.InvoicesSince, want.Add(-24*time.Hour))
	}
	// Its period is over, or goes on for a moment.
	for until, paid := range map[time.Time]bool{tenth: false, tenth.Add(1): true} {
		d := decide(billing.Snapshot{Invoices: []billing.StripeInvoice{
			invoice(
				"in_1", "paid", "subscription_cycle", line("il_1", begin, until),
			), invoice("in_3", "void", "subscription_cycle", line("il_3", march, april)),
		}})
		same(t, until.String(), d.InvoicesSince.Equal(begin.Add(-24*time.Hour)), paid)
	}
}

// Proves that an invoice of an older period that was made later comes later. Also proves that an invoice of zero, for a
// trial that is over, is settled.
func TestMadeLater(t *testing.T) {
	t.Parallel()
	late := invoice("in_2", "paid", "subscription_cycle", line("il_2", february, march))
	late.Created = march.AddDate(0, 0, 1)
	d := decide(
		billing.Snapshot{
			Invoices: []billing.StripeInvoice{
				late, invoice("in_1", "paid", "subscription_cycle", line("il_1", march, april)),
			},
		},
	)
	same(t, "keys", keysOf(d), "in_1:il_1 in_2:il_2")
	trial := line("il_1", february, march)
	trial.Amount = 0
	d = decide(billing.Snapshot{Invoices: []billing.StripeInvoice{
		invoice("in_1", "paid", "subscription_create", trial), invoice(
			"in_2", "void", "subscription_cycle", line("il_2", march, april),
		),
	}})
	same(t, "since", *d.InvoicesSince, march.Add(-24*time.Hour))
}

// Proves that no points outlive a known end of their subscription, and that a change which is not paid owes no period.
// March's points expire on 20 March, and February's as if nothing was owed.
func TestEndsBeforeItsPoints(t *testing.T) {
	t.Parallel()
	s := subscription(billing.SubActive)
	s.EndsAt = ptr(march.AddDate(0, 0, 19))
	same(
		t, "march",
		endOf(decide(billing.Snapshot{Subscriptions: []billing.StripeSubscription{s}}), lotOf(march, april)), *s.EndsAt,
	)
	proration := line("il_1", march, april)
	proration.Proration = true
	d := decide(billing.Snapshot{
		Subscriptions: []billing.StripeSubscription{
			subscription(billing.SubPastDue),
		}, Invoices: []billing.StripeInvoice{invoice("in_1", "open", "subscription_update", proration)},
	})
	same(t, "february", endOf(d, lotOf(february, march)), march.Add(policy.RenewalGrace))
	same(t, "march", endOf(d, lotOf(march, april)), april.Add(policy.PastDueGrace))
}
