package reconcile_test

import (
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/reconcile"
)

// lotOf returns a lot of a period of the subscription.
func lotOf(start, end time.Time) billing.Lot {
	return billing.Lot{
		Source:    source,
		Period:    &billing.Period{Start: start, End: end},
		Origin:    &start,
		ExpiresAt: ptr(end.Add(policy.RenewalGrace)),
	}
}

// endOf returns when a lot expires according to a decision.
func endOf(d reconcile.Decision, l billing.Lot) time.Time {
	for _, e := range d.Ends {
		l = e.Of(l)
	}
	return *l.ExpiresAt
}

// Proves when the lots of each period expire, depending on Stripe's present period, on what is unpaid, and on what is
// under way. The renewal of March is paid, or not. An upgrade on the tenth of March belongs to March, whether it is
// paid before or after the renewal.
func TestLotsEnd(t *testing.T) {
	t.Parallel()
	const renewal, pastDue = 2 * time.Hour, 72 * time.Hour
	renewalOf := func(status billing.InvoiceStatus) billing.StripeInvoice {
		return invoice("in_march", status, "subscription_cycle", line("il_1", march, april))
	}
	underWay := renewalOf("open")
	underWay.UnderWay = true
	week := 7 * 24 * time.Hour
	oneOff := invoice(
		"in_one", "draft", "manual",
		billing.StripeInvoiceLine{ID: "il_m", Amount: 100, PeriodStart: tenth, PeriodEnd: tenth},
	)
	oneOff.SubscriptionID = sub
	april1 := april.Add(renewal)
	for _, c := range []struct {
		name     string
		status   billing.SubscriptionStatus
		change   func(*billing.StripeSubscription)
		invoices []billing.StripeInvoice
		february time.Time // when the points of February expire
		march    time.Time // the points of March, if it is paid
		up       time.Time // the points of the upgrade
	}{
		{
			"Draft", billing.SubActive, nil, []billing.StripeInvoice{renewalOf("draft")}, march.Add(renewal), april1,
			april1,
		},
		{
			"Paid", billing.SubActive, nil, []billing.StripeInvoice{renewalOf("paid")}, march.Add(renewal), april1,
			april1,
		},
		{
			"Void", billing.SubActive, nil, []billing.StripeInvoice{renewalOf("void")}, march.Add(renewal), april1,
			april1,
		},
		{
			"Failed", billing.SubPastDue, nil, []billing.StripeInvoice{renewalOf("open")}, march.Add(pastDue), april1,
			april1,
		},
		// A debit of the renewal is under way. March counts as paid for the points that were there before.
		{"UnderWay", billing.SubActive, nil, []billing.StripeInvoice{underWay}, april1, april1, april1},
		// The card failed, and a debit is paying the renewal now.
		{"FailedAndUnderWay", billing.SubPastDue, nil, []billing.StripeInvoice{underWay}, april1, april1, april1},
		// The failed invoice is an upgrade. March is paid, and its points last as long as the window.
		{
			"ChangeFailed", billing.SubPastDue, nil, []billing.StripeInvoice{renewalOf("paid")}, march.Add(renewal),
			april.Add(pastDue), april.Add(pastDue),
		},
		// A change to a year was refused on the 10th and waits for its payment. Its year has not begun, and March's
		// points keep their expiry.
		{"YearRefused", billing.SubActive, nil, []billing.StripeInvoice{renewalOf("paid"),
			invoice(
				"in_year", "open", "subscription_update", line("il_year", tenth, tenth.AddDate(1, 0, 0)),
			)}, march.Add(renewal), april1, april1},
		{
			"Unpaid", billing.SubUnpaid, nil, []billing.StripeInvoice{renewalOf("open")}, march.Add(renewal), april1,
			april1,
		},
		{"Paused", billing.SubPaused, nil, nil, march.Add(renewal), april1, april1},
		// A line that is not ours owes no period.
		{
			"SomethingElseIsOwed", billing.SubActive, nil, []billing.StripeInvoice{renewalOf("paid"), oneOff},
			march.Add(renewal), april1, april1,
		},
		{"Lengthened", billing.SubTrialing, func(s *billing.StripeSubscription) {
			s.CurrentPeriodEnd = april.Add(week)
		},
			[]billing.StripeInvoice{renewalOf("paid")}, march.Add(renewal), april1.Add(week), april1.Add(week)},
		{"Shortened", billing.SubActive, func(s *billing.StripeSubscription) { s.CurrentPeriodEnd = april.Add(-week) },
			[]billing.StripeInvoice{renewalOf("paid")}, march.Add(renewal), april1.Add(-week), april1.Add(-week)},
		// An operator puts a trial over the running period on the 12th, until the 20th of April.
		{"TrialOverThePeriod", billing.SubTrialing, func(s *billing.StripeSubscription) {
			s.CurrentPeriodStart, s.CurrentPeriodEnd = tenth.AddDate(0, 0, 2), april.AddDate(0, 0, 19)
		}, []billing.StripeInvoice{renewalOf("paid")}, march.Add(renewal), april.AddDate(0, 0, 19).Add(renewal),
			april.AddDate(0, 0, 19).Add(renewal)},
		// A credit paid for a change to another interval. The old points keep their expiry, because the change
		// shortened none of their periods.
		{"AnewOnCredit", billing.SubActive, func(s *billing.StripeSubscription) {
			s.CurrentPeriodStart, s.CurrentPeriodEnd = tenth.AddDate(0, 0, 2), march.AddDate(0, 0, 20)
		}, []billing.StripeInvoice{renewalOf("paid")}, march.Add(renewal), april1, april1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := subscription(c.status)
			if c.change != nil {
				c.change(&s)
			}
			d := decide(billing.Snapshot{Subscriptions: []billing.StripeSubscription{s}, Invoices: c.invoices})
			same(t, "february", endOf(d, lotOf(february, march)), c.february)
			same(t, "march", endOf(d, lotOf(march, april)), c.march)
			same(t, "up", endOf(d, lotOf(tenth, april)), c.up)
			other := lotOf(march, april)
			other.Source = "subscription:sub_other"
			same(t, "another's", endOf(d, other), april1)
		})
	}
}

// Proves that a month of a year keeps its expiry, whatever happens to the year, and that the last month follows the
// year.
func TestMonthsKeepTheirEnds(t *testing.T) {
	t.Parallel()
	s := subscription(billing.SubActive)
	s.CurrentPeriodStart, s.CurrentPeriodEnd = february, february.AddDate(1, 0, 7)
	inner, last := lotOf(march, april), lotOf(february.AddDate(0, 11, 0), february.AddDate(1, 0, 0))
	inner.Period.Inner = true
	d := decide(billing.Snapshot{Subscriptions: []billing.StripeSubscription{s}})
	same(t, "inner", endOf(d, inner), april.Add(policy.RenewalGrace))
	same(t, "last", endOf(d, last), s.CurrentPeriodEnd.Add(policy.RenewalGrace))
	s.Status = billing.SubPastDue
	d = decide(billing.Snapshot{Subscriptions: []billing.StripeSubscription{s}})
	same(t, "inner while a change is owed", endOf(d, inner), april.Add(policy.RenewalGrace))
}

// Proves that a period that was moved more than once still has its points, because the lot stores the present end.
func TestMovedTwice(t *testing.T) {
	t.Parallel()
	l := lotOf(february, march)
	for _, moved := range []struct{ start, end time.Time }{
		{march.AddDate(0, 0, -5), april}, {tenth, april.AddDate(0, 1, 0)},
	} {
		s := subscription(billing.SubTrialing)
		s.CurrentPeriodStart, s.CurrentPeriodEnd = moved.start, moved.end
		for _, e := range decide(billing.Snapshot{Subscriptions: []billing.StripeSubscription{s}}).Ends {
			l = e.Of(l)
		}
		same(t, "end", *l.ExpiresAt, moved.end.Add(policy.RenewalGrace))
	}
}

// Proves that the debit of a later period keeps no points while an earlier period has failed. A debit of the earlier
// period keeps them, in whichever order the invoices come. The points of January expire 72 hours after January, or with
// the current period.
func TestTwoPeriodsOwed(t *testing.T) {
	t.Parallel()
	owed := func(start, end time.Time, underWay bool) billing.StripeInvoice {
		i := invoice(
			billing.InvoiceID("in_"+start.Month().String()), "open", "subscription_cycle", line("il_1", start, end),
		)
		i.UnderWay = underWay
		return i
	}
	january := lotOf(february.AddDate(0, -1, 0), february)
	for underWay, want := range map[bool]time.Time{
		true: april.Add(policy.RenewalGrace), false: february.Add(policy.PastDueGrace),
	} {
		first, second := owed(february, march, underWay), owed(march, april, !underWay)
		for _, invoices := range [][]billing.StripeInvoice{{first, second}, {second, first}} {
			d := decide(
				billing.Snapshot{
					Subscriptions: []billing.StripeSubscription{subscription(billing.SubPastDue)}, Invoices: invoices,
				},
			)
			same(t, "january", endOf(d, january), want)
		}
	}
}

// Proves the window while the payment of what is owed is under way: it lasts until the current period's end, as long as
// its points.
func TestWindowUnderWay(t *testing.T) {
	t.Parallel()
	i := invoice("in_march", "open", "subscription_cycle", line("il_1", march, april))
	i.UnderWay = true
	d := decide(
		billing.Snapshot{
			Subscriptions: []billing.StripeSubscription{subscription(billing.SubPastDue)},
			Invoices:      []billing.StripeInvoice{i},
		},
	)
	same(t, "window", d.Subscription.Window, &billing.Window{From: march, Until: april})
}
