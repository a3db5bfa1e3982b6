package reconcile_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/reconcile"
)

// paidMarch returns a picture of a subscriber who paid for March and for a pack, of which a fifth was refunded. It also
// returns what the database should contain about them.
func paidMarch() (reconcile.Input, reconcile.Books) {
	in := input(billing.Snapshot{
		Subscriptions: []billing.StripeSubscription{subscription(billing.SubActive)},
		Invoices: []billing.StripeInvoice{
			invoice("in_1", "paid", "subscription_create", line("il_1", march, april)),
		},
		Charges: []billing.StripeCharge{
			{ID: "ch_1", InvoiceID: "in_1", PaymentIntentID: "pi_1", Amount: 900}, {
				ID: "ch_2", PaymentIntentID: "pi_2", Amount: 500, AmountRefunded: 100,
			},
		},
	})
	in.Account.Subscription = &billing.Subscription{
		ID:                 sub,
		Plan:               "basic",
		Quantity:           1,
		Status:             billing.SubActive,
		CurrentPeriodStart: march,
		CurrentPeriodEnd:   april,
		Window:             &billing.Window{From: march, Until: april},
	}
	return in, reconcile.Books{
		Lots: []billing.Lot{
			{
				ID:        "lot_1",
				GrantKey:  "stripe:invoice:in_1:il_1",
				Source:    source,
				Granted:   500,
				Remaining: 400,
				ExpiresAt: ptr(april.Add(policy.RenewalGrace)),
			},
			{
				ID:         "lot_2",
				GrantKey:   "stripe:checkout:cs_1",
				Source:     "order:ord_1",
				Granted:    100,
				Remaining:  80,
				ClawedBack: 20,
			},
			{ID: "lot_3", GrantKey: "admin:acc_1:gift", Source: "admin:gift", Granted: 7},
		},
		Orders: []billing.Order{
			{
				ID:              "ord_1",
				Kind:            billing.KindPack,
				Status:          billing.OrderFulfilled,
				CheckoutID:      "cs_1",
				PaymentIntentID: "pi_2",
			},
		},
	}
}

// difference is a change to an account that is as it should be, and the drift that it leads to.
type difference struct {
	change func(in *reconcile.Input, b *reconcile.Books)
	want   string // kind and ref of each drift
}

// differences are changes to paidMarch, each with the drift that it causes.
var differences = map[string]difference{
	"None": {func(*reconcile.Input, *reconcile.Books) {}, ""},
	"SubscriptionOnlyAtStripe": {
		func(in *reconcile.Input, _ *reconcile.Books) { in.Account.Subscription = nil }, "missing sub_1",
	},
	"SubscriptionOnlyInDatabase": {
		func(in *reconcile.Input, _ *reconcile.Books) { in.Picture.Subscriptions = nil },
		"missing sub_1, points-expiry lot_1",
	},
	"AnotherSubscription": {
		func(in *reconcile.Input, _ *reconcile.Books) { in.Account.Subscription.ID = "sub_0" }, "missing sub_1",
	},
	"Status": {
		func(in *reconcile.Input, _ *reconcile.Books) { in.Account.Subscription.Status = billing.SubTrialing },
		"status sub_1",
	},
	"Cancels": {
		func(in *reconcile.Input, _ *reconcile.Books) { in.Account.Subscription.CancelAtPeriodEnd = true },
		"status sub_1",
	},
	"Price": {
		func(in *reconcile.Input, _ *reconcile.Books) { in.Account.Subscription.Plan = "pro" }, "price sub_1",
	},
	"Quantity": {
		func(in *reconcile.Input, _ *reconcile.Books) { in.Account.Subscription.Quantity = 2 }, "quantity sub_1",
	},
	"Scheduled": {func(in *reconcile.Input, _ *reconcile.Books) {
		in.Account.Subscription.Scheduled = &billing.ScheduledChange{Plan: "pro", Quantity: 1, At: april}
	}, "scheduled-change sub_1"},
	"ScheduledOtherwise": {func(in *reconcile.Input, _ *reconcile.Books) {
		in.Account.Subscription.Scheduled = &billing.ScheduledChange{Plan: "pro", Quantity: 1, At: april}
		in.Picture.Subscriptions[0].Scheduled = &billing.ScheduledChange{Plan: "pro", Quantity: 2, At: april}
	}, "scheduled-change sub_1"},
	"Period": {
		func(in *reconcile.Input, _ *reconcile.Books) { in.Account.Subscription.CurrentPeriodEnd = march },
		"period sub_1",
	},
	"Window": {func(in *reconcile.Input, _ *reconcile.Books) { in.Account.Subscription.Window = nil }, "window sub_1"},
	"SecondSubscription": {func(in *reconcile.Input, _ *reconcile.Books) {
		second := subscription(billing.SubActive)
		second.ID, second.Created = "sub_0", february.Add(-time.Hour)
		in.Picture.Subscriptions = append(in.Picture.Subscriptions, second)
	}, "second-subscription sub_1"},
	"EndedBesideALiveOne": {func(in *reconcile.Input, _ *reconcile.Books) {
		ended := subscription(billing.SubCanceled)
		ended.ID, ended.EndedAt = "sub_0", &february
		in.Picture.Subscriptions = append(in.Picture.Subscriptions, ended)
	}, ""},
	"OrderBehind": {func(in *reconcile.Input, b *reconcile.Books) {
		in.Orders = []billing.Order{
			{ID: "ord_2", Kind: billing.KindPack, Status: billing.OrderPending, CheckoutID: "cs_2", Points: 100},
		}
		in.Picture.Checkouts = []billing.StripeCheckout{
			{ID: "cs_2", Status: "complete", PaymentStatus: "paid", PaymentIntentID: "pi_3"},
		}
	}, "order ord_2, grant-missing stripe:checkout:cs_2"},
	"InvoiceNotGranted": {
		func(_ *reconcile.Input, b *reconcile.Books) { b.Lots = b.Lots[1:] }, "grant-missing stripe:invoice:in_1:il_1",
	},
	"AnotherAmount": {
		func(_ *reconcile.Input, b *reconcile.Books) { b.Lots[0].Granted = 501 }, "grant-amount lot_1",
	},
	"AmountOfAPeriodOver": {func(in *reconcile.Input, b *reconcile.Books) {
		b.Lots[0].Granted, in.Now = 501, april.Add(policy.RenewalGrace)
	}, ""},
	"InvoiceNotPaid": {
		func(in *reconcile.Input, _ *reconcile.Books) { in.Picture.Invoices[0].Status = "void" },
		"payment-missing lot_1",
	},
	"InvoiceGone": {
		func(in *reconcile.Input, _ *reconcile.Books) { in.Picture.Invoices = nil }, "payment-missing lot_1",
	},
	"OrderNotPaid": {
		func(in *reconcile.Input, _ *reconcile.Books) { in.Picture.Charges = in.Picture.Charges[:1] },
		"payment-missing ord_1",
	},
	"RefundOfOrder": {
		func(_ *reconcile.Input, b *reconcile.Books) { b.Lots[1].ClawedBack = 19 }, "clawback-missing lot_2",
	},
	"RefundOfInvoice": {
		func(in *reconcile.Input, _ *reconcile.Books) { in.Picture.Charges[0].AmountRefunded = 900 },
		"clawback-missing lot_1",
	},
	"MoreClawedThanPaid": {
		func(_ *reconcile.Input, b *reconcile.Books) { b.Lots[1].ClawedBack = 50 }, "restore-missing lot_2",
	},
	"ClawedAndKept": {func(in *reconcile.Input, b *reconcile.Books) {
		in.Picture.Charges[0].Paid, b.Lots[0].ClawedBack = true, 1
	}, "restore-missing lot_1"},
	"PointsOutliveTheEnd": {func(in *reconcile.Input, _ *reconcile.Books) {
		in.Picture.Subscriptions[0].Status, in.Picture.Subscriptions[0].EndedAt = billing.SubCanceled, &tenth
	}, "status sub_1, points-expiry lot_1"},
	"Deleted": {func(in *reconcile.Input, _ *reconcile.Books) {
		in.Picture = billing.Snapshot{Deleted: true}
	}, "missing sub_1, points-expiry lot_1"},
	"DeletedAndKnown": {func(in *reconcile.Input, b *reconcile.Books) {
		in.Picture = billing.Snapshot{Deleted: true}
		in.Account.Subscription.Status, in.Account.Subscription.Window = billing.SubCanceled, nil
		b.Lots[0].Remaining = 0
	}, ""},
}

// Proves each kind of drift. An account that is as it should be has none. An account that differs in one thing has that
// one drift, and no other that does not follow from it.
func TestCompare(t *testing.T) {
	t.Parallel()
	eachDifference(t, differences)
}

func eachDifference(t *testing.T, all map[string]difference) {
	t.Helper()
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, books := paidMarch()
			c.change(&in, &books)
			if got := kinds(reconcile.Compare(in, books)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// kinds writes drift as kinds and refs, and requires each to have a detail.
func kinds(found []billing.Drift) string {
	var all []string
	for _, d := range found {
		all = append(all, string(d.Kind)+" "+d.Ref)
		if d.Detail == "" || d.Account == "" {
			all = append(all, "says nothing")
		}
	}
	return strings.Join(slices.Compact(all), ", ")
}
