package reconcile_test

import (
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/reconcile"
)

// Proves which invoices of changes count as decided, and which count as open. A change that waits for a decided invoice
// is checked then. A draft is neither.
func TestChangesDecided(t *testing.T) {
	t.Parallel()
	var p billing.Snapshot
	for n, c := range []struct {
		status billing.InvoiceStatus
		reason billing.InvoiceReason
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
		reason billing.InvoiceReason
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
