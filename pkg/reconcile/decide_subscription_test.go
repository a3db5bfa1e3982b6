package reconcile_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/reconcile"
)

// Proves the design's table from Stripe's status to the window, and which states end the period's points. In all of them
// the renewal of March is owed, which matters to past_due alone.
func TestWindowOfStatus(t *testing.T) {
	t.Parallel()
	owed := invoice("in_march", "open", "subscription_cycle", line("il_1", march, april))
	period := &billing.Window{From: march, Until: april}
	grace := &billing.Window{From: march, Until: march.Add(policy.PastDueGrace)}
	for _, c := range []struct {
		status billing.SubscriptionStatus
		window *billing.Window
		ends   []reconcile.End
	}{
		{billing.SubActive, period, nil},
		{billing.SubTrialing, period, nil},
		{billing.SubPastDue, grace, []reconcile.End{{Source: source, At: march.Add(policy.PastDueGrace)}}},
		{billing.SubIncomplete, nil, nil},
		{billing.SubIncompleteExpired, nil, []reconcile.End{{Source: source, At: tenth}}},
		{billing.SubUnpaid, nil, nil},
		{billing.SubPaused, nil, nil},
		{billing.SubCanceled, nil, []reconcile.End{{Source: source, At: tenth}}},
		{"a status of the future", nil, nil},
	} {
		t.Run(string(c.status), func(t *testing.T) {
			t.Parallel()
			s := subscription(c.status)
			s.CancelAtPeriodEnd = true
			d := decide(billing.Snapshot{Subscriptions: []billing.StripeSubscription{s}, Invoices: []billing.StripeInvoice{owed}})
			same(t, "subscription", d.Subscription, &billing.Subscription{
				ID: sub, Plan: "basic", Quantity: 1, Status: c.status, CurrentPeriodStart: march, CurrentPeriodEnd: april, CancelAtPeriodEnd: true, Window: c.window,
			})
			same(t, "ends", d.Ends, c.ends)
			same(t, "grants", d.Grants, []billing.Grant(nil))
		})
	}
}

// Proves that a window of past_due counts from what was paid: Stripe moves the period before it charges, and moves it again
// while an older renewal is still owed.
func TestPastDueCountsFromWhatWasPaid(t *testing.T) {
	t.Parallel()
	january, may := february.AddDate(0, -1, 0), april.AddDate(0, 1, 0)
	proration := line("il_p", february.AddDate(0, 0, 10), march)
	proration.Proration = true
	another := invoice("in_other", "open", "subscription_cycle", line("il_o", january, february))
	another.SubscriptionID = "sub_other"
	paid := func(start, end time.Time) billing.StripeInvoice {
		return invoice(billing.InvoiceID("in_paid"+start.Month().String()), "paid", "subscription_cycle", line("il_paid", start, end))
	}
	owed := func(status string, start, end time.Time) billing.StripeInvoice {
		return invoice(billing.InvoiceID("in_"+status+start.Month().String()), status, "subscription_cycle", line("il_owed", start, end))
	}
	for _, c := range []struct {
		name     string
		invoices []billing.StripeInvoice
		paid     time.Time
	}{
		{"RenewalOpen", []billing.StripeInvoice{paid(february, march), owed("open", march, april)}, march},
		{"RenewalDraft", []billing.StripeInvoice{paid(february, march), owed("draft", march, april)}, march},
		{"TwoRenewalsOwed", []billing.StripeInvoice{paid(january, february), owed("open", february, march), owed("draft", march, april)}, february},
		{"AnOldOneGivenUp", []billing.StripeInvoice{owed("uncollectible", january, february), paid(february, march), owed("open", march, april)}, march},
		{"AnOldOneGivenUpAndNothingElse", []billing.StripeInvoice{owed("uncollectible", february, march), paid(march, april)}, april},
		{"NothingOwed", []billing.StripeInvoice{paid(march, april)}, april},
		{"NoInvoices", nil, april},
		{"VoidOwesNothing", []billing.StripeInvoice{owed("void", march, april)}, april},
		{"OnlyAPlanChangeOwed", []billing.StripeInvoice{paid(march, april), invoice("in_p", "open", "subscription_update", proration)}, april},
		{"AnotherSubscriptionOwes", []billing.StripeInvoice{paid(march, april), another}, april},
		{"PaidAhead", []billing.StripeInvoice{paid(april, may), owed("open", march, april)}, april},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := decide(billing.Snapshot{Subscriptions: []billing.StripeSubscription{subscription(billing.SubPastDue)}, Invoices: c.invoices})
			from := march
			if c.paid.Before(march) {
				from = c.paid
			}
			same(t, "window", d.Subscription.Window, &billing.Window{From: from, Until: c.paid.Add(policy.PastDueGrace)})
			same(t, "ends", d.Ends, []reconcile.End{{Source: source, At: c.paid.Add(policy.PastDueGrace)}})
		})
	}
}

// Proves that points live as long as the longer of the two graces while a renewal is owed.
func TestPastDueLongerRenewalGrace(t *testing.T) {
	t.Parallel()
	in := input(billing.Snapshot{Subscriptions: []billing.StripeSubscription{subscription(billing.SubPastDue)}})
	in.Policy = reconcile.Policy{PastDueGrace: time.Hour, RenewalGrace: 2 * time.Hour}
	d := reconcile.Decide(in)
	same(t, "window", d.Subscription.Window, &billing.Window{From: march, Until: april.Add(time.Hour)})
	same(t, "ends", d.Ends, []reconcile.End{{Source: source, At: april.Add(2 * time.Hour)}})
}

// Proves that a canceled subscription's points end when it ended, also long after.
func TestCanceledEndsPoints(t *testing.T) {
	t.Parallel()
	s := subscription(billing.SubCanceled)
	s.EndedAt = ptr(march.AddDate(0, 0, 5))
	d := decide(billing.Snapshot{Subscriptions: []billing.StripeSubscription{s}})
	same(t, "ends", d.Ends, []reconcile.End{{Source: source, At: *s.EndedAt}})
	same(t, "window", d.Subscription.Window, (*billing.Window)(nil))
}

// Proves which of several subscriptions counts: a live one before one that is not, then the newest; the points of each that
// has ended end, and two live ones are worth a warning.
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
			if d.Subscription.ID != c.counts || len(d.Ends) != c.ends || len(d.Warnings) != c.warnings {
				t.Errorf("%s counts, %d ends, warnings %q", d.Subscription.ID, len(d.Ends), d.Warnings)
			}
		})
	}
}

// Proves that a subscription which Stripe no longer shows, because its customer was deleted, has ended; and that where there
// never was one there is none.
func TestSubscriptionGone(t *testing.T) {
	t.Parallel()
	in := input(billing.Snapshot{})
	same(t, "none", reconcile.Decide(in), reconcile.Decision{})
	known := billing.Subscription{
		ID: sub, Plan: "basic", Status: billing.SubActive, CurrentPeriodStart: march, CurrentPeriodEnd: april, CancelAtPeriodEnd: true,
		Window: &billing.Window{From: march, Until: april},
	}
	in.Account.Subscription = &known
	gone := known
	gone.Status, gone.CancelAtPeriodEnd, gone.Window = billing.SubCanceled, false, nil
	same(t, "gone", reconcile.Decide(in), reconcile.Decision{Subscription: &gone, Ends: []reconcile.End{{Source: source, At: tenth}}})
	if known.Status != billing.SubActive {
		t.Error("the decision changed the account that it was given")
	}
}

// Proves that a price which the catalogue does not know still counts as a subscription, of no plan.
func TestUnknownPlan(t *testing.T) {
	t.Parallel()
	s := subscription(billing.SubActive)
	s.Item = ""
	d := decide(billing.Snapshot{Subscriptions: []billing.StripeSubscription{s}})
	if d.Subscription == nil || d.Subscription.Plan != "" || d.Subscription.Window == nil || strings.Join(d.Warnings, "") != "" {
		t.Errorf("got %+v", d)
	}
}
