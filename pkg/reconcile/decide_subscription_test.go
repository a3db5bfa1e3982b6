package reconcile_test

import (
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/reconcile"
)

// Proves the design's table from Stripe's status to the window, and when the points of February expire. In all cases
// the renewal of March is owed, which matters only to past_due. Points expire two hours after their period, and for
// past_due 72 hours after it. If the subscription has ended, they expire when it ended.
func TestWindowOfStatus(t *testing.T) {
	t.Parallel()
	owed := invoice("in_march", "open", "subscription_cycle", line("il_1", march, april))
	period := &billing.Window{From: march, Until: april}
	grace := &billing.Window{From: march, Until: march.Add(policy.PastDueGrace)}
	for _, c := range []struct {
		status billing.SubscriptionStatus
		window *billing.Window
		end    time.Time
	}{
		{billing.SubActive, period, march.Add(policy.RenewalGrace)},
		{billing.SubTrialing, period, march.Add(policy.RenewalGrace)},
		{billing.SubPastDue, grace, march.Add(policy.PastDueGrace)},
		{billing.SubIncomplete, nil, march.Add(policy.RenewalGrace)},
		{billing.SubIncompleteExpired, nil, tenth},
		{billing.SubUnpaid, nil, march.Add(policy.RenewalGrace)},
		{billing.SubPaused, nil, march.Add(policy.RenewalGrace)},
		{billing.SubCanceled, nil, tenth},
		{"a status of the future", nil, march.Add(policy.RenewalGrace)},
	} {
		t.Run(string(c.status), func(t *testing.T) {
			t.Parallel()
			s := subscription(c.status)
			s.CancelAtPeriodEnd = true
			d := decide(
				billing.Snapshot{
					Subscriptions: []billing.StripeSubscription{s}, Invoices: []billing.StripeInvoice{owed},
				},
			)
			same(t, "subscription", d.Subscription, &billing.Subscription{
				ID:                 sub,
				Plan:               "basic",
				Quantity:           1,
				Status:             c.status,
				CurrentPeriodStart: march,
				CurrentPeriodEnd:   april,
				CancelAtPeriodEnd:  true,
				Window:             c.window,
			})
			same(t, "end", endOf(d, lotOf(february, march)), c.end)
			same(t, "grants", d.Grants, []billing.Grant(nil))
		})
	}
}

// Proves that a window of past_due counts from the last paid period. Stripe moves the period before it charges, and
// moves it again while an older renewal is still owed.
func TestPastDueCountsFromWhatWasPaid(t *testing.T) {
	t.Parallel()
	january, may := february.AddDate(0, -1, 0), april.AddDate(0, 1, 0)
	proration := line("il_p", february.AddDate(0, 0, 10), march)
	proration.Proration = true
	another := invoice("in_other", "open", "subscription_cycle", line("il_o", january, february))
	another.SubscriptionID = "sub_other"
	paid := func(start, end time.Time) billing.StripeInvoice {
		return invoice(
			billing.InvoiceID("in_paid"+start.Month().String()), "paid", "subscription_cycle",
			line("il_paid", start, end),
		)
	}
	owed := func(status billing.InvoiceStatus, start, end time.Time) billing.StripeInvoice {
		return invoice(
			billing.InvoiceID("in_"+string(status)+start.Month().String()), status, "subscription_cycle",
			line("il_owed", start, end),
		)
	}
	for _, c := range []struct {
		name     string
		invoices []billing.StripeInvoice
		paid     time.Time
	}{
		{"RenewalOpen", []billing.StripeInvoice{paid(february, march), owed("open", march, april)}, march},
		{"RenewalDraft", []billing.StripeInvoice{paid(february, march), owed("draft", march, april)}, march},
		{
			"TwoRenewalsOwed",
			[]billing.StripeInvoice{
				paid(january, february), owed("open", february, march), owed("draft", march, april),
			},
			february,
		},
		{
			"AnOldOneGivenUp",
			[]billing.StripeInvoice{
				owed("uncollectible", january, february), paid(february, march), owed("open", march, april),
			},
			march,
		},
		{
			"AnOldOneGivenUpAndNothingElse",
			[]billing.StripeInvoice{owed("uncollectible", february, march), paid(march, april)}, april,
		},
		{"NothingOwed", []billing.StripeInvoice{paid(march, april)}, april},
		{"NoInvoices", nil, april},
		{"VoidOwesNothing", []billing.StripeInvoice{owed("void", march, april)}, april},
		{
			"OnlyAPlanChangeOwed",
			[]billing.StripeInvoice{paid(march, april), invoice("in_p", "open", "subscription_update", proration)},
			april,
		},
		{"AnotherSubscriptionOwes", []billing.StripeInvoice{paid(march, april), another}, april},
		{
			"MonthInsteadOfAYear",
			[]billing.StripeInvoice{paid(february, march), paid(january, may), owed("open", march, april)}, march,
		},
		{"PaidAhead", []billing.StripeInvoice{paid(april, may), owed("open", march, april)}, april},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := decide(
				billing.Snapshot{
					Subscriptions: []billing.StripeSubscription{subscription(billing.SubPastDue)}, Invoices: c.invoices,
				},
			)
			from := march
			if c.paid.Before(march) {
				from = c.paid
			}
			same(
				t, "window", d.Subscription.Window, &billing.Window{From: from, Until: c.paid.Add(policy.PastDueGrace)},
			)
			same(t, "end", endOf(d, lotOf(c.paid.AddDate(0, -1, 0), c.paid)), c.paid.Add(policy.PastDueGrace))
		})
	}
}

// Proves that points last for the longer of the two graces while a renewal is owed.
func TestPastDueLongerRenewalGrace(t *testing.T) {
	t.Parallel()
	in := input(billing.Snapshot{Subscriptions: []billing.StripeSubscription{subscription(billing.SubPastDue)}})
	in.Policy = reconcile.Policy{PastDueGrace: time.Hour, RenewalGrace: 2 * time.Hour}
	d := reconcile.Decide(in)
	same(t, "window", d.Subscription.Window, &billing.Window{From: march, Until: april.Add(time.Hour)})
	same(t, "end", endOf(d, lotOf(march, april)), april.Add(2*time.Hour))
}

// Proves that a canceled subscription's points expire when it ended, even if that was long ago.
func TestCanceledEndsPoints(t *testing.T) {
	t.Parallel()
	s := subscription(billing.SubCanceled)
	s.EndedAt = ptr(march.AddDate(0, 0, 5))
	d := decide(billing.Snapshot{Subscriptions: []billing.StripeSubscription{s}})
	same(t, "end", endOf(d, lotOf(march, april)), *s.EndedAt)
	same(t, "window", d.Subscription.Window, (*billing.Window)(nil))
}

// Proves which of several subscriptions counts: a live one before one that is not live, and then the newest. The points
// of each ended subscription expire. Two live ones cause a warning.
func TestWhichSubscriptionCounts(t *testing.T) {
	t.Parallel()
	older, newer := subscription(billing.SubActive), subscription(billing.SubActive)
	older.ID, newer.ID, newer.Created = "sub_old", "sub_new", march
	ended := func(s billing.StripeSubscription) billing.StripeSubscription {
		s.Status, s.EndedAt = billing.SubCanceled, ptr(tenth)
		return s
	}
	for _, c := range []struct {
		name     string
		subs     []billing.StripeSubscription
		counts   billing.SubscriptionID
		ends     int
		warnings int
	}{
		{"Newest", []billing.StripeSubscription{older, newer}, "sub_new", 0, 1},
		{"LiveBeforeNewer", []billing.StripeSubscription{older, ended(newer)}, "sub_old", 1, 0},
		{"BothEnded", []billing.StripeSubscription{ended(older), ended(newer)}, "sub_new", 2, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := decide(billing.Snapshot{Subscriptions: c.subs})
			ends := 0
			for _, e := range d.Ends {
				if e.Ended != nil {
					ends++
				}
			}
			if d.Subscription.ID != c.counts || ends != c.ends || len(d.Warnings) != c.warnings {
				t.Errorf("%s counts, %d end, warnings %q", d.Subscription.ID, ends, d.Warnings)
			}
		})
	}
}

// Proves that a subscription which Stripe no longer shows, because its customer was deleted, has ended. If there never
// was a subscription, there is still none.
func TestSubscriptionGone(t *testing.T) {
	t.Parallel()
	in := input(billing.Snapshot{})
	same(t, "none", reconcile.Decide(in), reconcile.Decision{})
	known := billing.Subscription{
		ID:                 sub,
		Plan:               "basic",
		Status:             billing.SubActive,
		CurrentPeriodStart: march,
		CurrentPeriodEnd:   april,
		CancelAtPeriodEnd:  true,
		Window:             &billing.Window{From: march, Until: april},
	}
	in.Account.Subscription = &known
	gone := known
	gone.Status, gone.CancelAtPeriodEnd, gone.Window = billing.SubCanceled, false, nil
	same(
		t, "gone", reconcile.Decide(in),
		reconcile.Decision{Subscription: &gone, Ends: []reconcile.End{{Source: source, Ended: &tenth}}},
	)
	if known.Status != billing.SubActive {
		t.Error("the decision changed the account that it was given")
	}
}

// Proves that a subscription whose price is ours counts, even if the catalogue lost its item. One without an item of
// ours does not count. It belongs to someone else: it hides nothing, ends nothing, uses up no trial and is no warning.
func TestWhoseSubscription(t *testing.T) {
	t.Parallel()
	foreign := subscription(billing.SubActive)
	foreign.ID, foreign.Item, foreign.Created = "sub_foreign", "", march
	ended := foreign
	ended.ID, ended.Status, ended.EndedAt = "sub_foreign_ended", billing.SubCanceled, ptr(tenth)
	vanished := subscription(billing.SubActive)
	vanished.Item = "gone"
	for _, c := range []struct {
		name   string
		subs   []billing.StripeSubscription
		counts billing.SubscriptionID
	}{
		{"Alone", []billing.StripeSubscription{foreign}, ""},
		{"NewerThanOurs", []billing.StripeSubscription{foreign, subscription(billing.SubActive)}, sub},
		{"LiveBesideOursUnpaid", []billing.StripeSubscription{foreign, subscription(billing.SubUnpaid)}, sub},
		{"LiveBesideOursEnded", []billing.StripeSubscription{foreign, subscription(billing.SubCanceled)}, sub},
		{"Ended", []billing.StripeSubscription{ended}, ""},
		{"OfAnItemThatVanished", []billing.StripeSubscription{vanished, foreign}, sub},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := input(billing.Snapshot{Subscriptions: c.subs})
			d := reconcile.Decide(in)
			if got := d.Subscription; c.counts == "" && got != nil ||
				c.counts != "" && (got == nil || got.ID != c.counts) {
				t.Errorf("%+v counts, want %q", got, c.counts)
			}
			if len(d.Warnings) > len(d.Unknown) || d.UsesTrial != (c.counts != "") {
				t.Errorf("warnings %q, a trial is used: %t", d.Warnings, d.UsesTrial)
			}
			for _, end := range d.Ends {
				if end.Source != source {
					t.Errorf("the points of %s end", end.Source)
				}
			}
			for _, drift := range reconcile.Compare(in, reconcile.Books{}) {
				if drift.Kind == billing.DriftSecond || drift.Ref == "sub_foreign" {
					t.Errorf("drift: %+v", drift)
				}
			}
		})
	}
}

// Proves that of two subscriptions the paid one counts, whichever is newer. An older active one counts before a newer
// one whose first payment failed, waits, or is a debit that the bank has not decided.
func TestPaidOneCounts(t *testing.T) {
	t.Parallel()
	for _, status := range []billing.SubscriptionStatus{
		billing.SubIncomplete, billing.SubPastDue, billing.SubUnpaid, billing.SubPaused, billing.SubTrialing,
		billing.SubActive, billing.SubIncompleteExpired,
	} {
		t.Run(string(status), func(t *testing.T) {
			t.Parallel()
			older, newer := subscription(billing.SubActive), subscription(status)
			newer.ID, newer.Created = "sub_new", march
			first := invoice("in_first", "open", "subscription_create", line("il_1", march, april))
			first.SubscriptionID = newer.ID
			d := decide(
				billing.Snapshot{
					Subscriptions: []billing.StripeSubscription{newer, older}, Invoices: []billing.StripeInvoice{first},
				},
			)
			if d.Subscription.ID != older.ID {
				t.Errorf("%s counts, and the older one is paid", d.Subscription.ID)
			}
			older.Status = billing.SubPastDue
			d = decide(
				billing.Snapshot{
					Subscriptions: []billing.StripeSubscription{newer, older}, Invoices: []billing.StripeInvoice{first},
				},
			)
			if paid := status == billing.SubTrialing || status == billing.SubActive ||
				status == billing.SubPastDue; paid != (d.Subscription.ID == newer.ID) {
				t.Errorf("beside an older one that is past due %s counts", d.Subscription.ID)
			}
		})
	}
}

// Proves that the window of a subscription ends with the subscription, if that is earlier than its status allows: at a
// date ten days ahead, and in the grace of a failed renewal. A later end does not move the window.
func TestWindowEndsWithSubscription(t *testing.T) {
	t.Parallel()
	owed := invoice("in_march", "open", "subscription_cycle", line("il_1", march, april))
	for _, c := range []struct {
		name   string
		status billing.SubscriptionStatus
		ends   time.Time
		until  time.Time
	}{
		{"InThePeriod", billing.SubActive, march.AddDate(0, 0, 10), march.AddDate(0, 0, 10)},
		{"InTheTrial", billing.SubTrialing, march.AddDate(0, 0, 10), march.AddDate(0, 0, 10)},
		{"WithThePeriod", billing.SubActive, april, april},
		{"Later", billing.SubActive, april.AddDate(0, 0, 1), april},
		{"InTheGrace", billing.SubPastDue, march.AddDate(0, 0, 1), march.AddDate(0, 0, 1)}, // the grace is 72 hours
		{"AfterTheGrace", billing.SubPastDue, march.AddDate(0, 0, 10), march.AddDate(0, 0, 3)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := subscription(c.status)
			s.EndsAt = &c.ends
			d := decide(
				billing.Snapshot{
					Subscriptions: []billing.StripeSubscription{s}, Invoices: []billing.StripeInvoice{owed},
				},
			)
			same(t, "window", d.Subscription.Window, &billing.Window{From: march, Until: c.until})
			same(t, "end", d.Subscription.EndsAt, &c.ends)
		})
	}
}
