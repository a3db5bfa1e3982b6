package reconcile_test

import (
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/reconcile"
)

// more are further differences of an account from Stripe, in addition to those of compare_test.go.
var more = map[string]difference{
	"End": {func(in *reconcile.Input, _ *reconcile.Books) {
		in.Account.Subscription.EndsAt = ptr(april.AddDate(0, 1, 0))
	}, "end sub_1"},
	"Collection": {func(in *reconcile.Input, _ *reconcile.Books) {
		in.Account.Subscription.CollectionPaused = &billing.CollectionPause{}
	}, "end sub_1"},
	"Start": {
		func(in *reconcile.Input, _ *reconcile.Books) { in.Account.Subscription.CurrentPeriodStart = february },
		"period sub_1",
	},
	"SameScheduled": {func(in *reconcile.Input, _ *reconcile.Books) {
		in.Account.Subscription.Scheduled = &billing.ScheduledChange{Plan: "pro", Quantity: 1, At: april}
		in.Picture.Subscriptions[0].Scheduled = &billing.ScheduledChange{Plan: "pro", Quantity: 1, At: april}
		in.Account.Subscription.Quantity = 2
	}, "quantity sub_1"},
	"Unknown": {func(in *reconcile.Input, _ *reconcile.Books) {
		in.Picture.Subscriptions[0].Item, in.Account.Subscription.Plan = "gone", "gone"
	}, "unknown-item sub_1"},
	"Parked": {func(in *reconcile.Input, b *reconcile.Books) {
		in.Account.Parking.At, in.Account.Parking.Reason = &march, "1 grant"
		b.Lots = b.Lots[1:]
	}, "parked acc_1"},
	"ParkedAndNothingWaits": {func(in *reconcile.Input, b *reconcile.Books) { in.Account.Parking.At = &march }, ""},
	"ParkedWithAnOrder": {func(in *reconcile.Input, b *reconcile.Books) {
		in.Account.Parking.At = &march
		in.Orders = []billing.Order{
			{
				ID:              "ord_2",
				Kind:            billing.KindPack,
				Status:          billing.OrderPaid,
				CheckoutID:      "cs_2",
				PaymentIntentID: "pi_3",
				Points:          100,
			},
		}
		in.Picture.Checkouts = []billing.StripeCheckout{
			{ID: "cs_2", Status: "complete", PaymentStatus: "paid", PaymentIntentID: "pi_3"},
		}
	}, "parked acc_1"},
	"GrantedBeforeTheCustomer": {func(in *reconcile.Input, b *reconcile.Books) {
		addFormer(b, february)
		b.Lots[0].CreatedAt, b.Orders[0].CreatedAt = march, march
	}, ""},
	"GrantedAsTheCustomerCame": {func(in *reconcile.Input, b *reconcile.Books) {
		addFormer(b, march)
	}, "payment-missing lot_0, payment-missing ord_0"},
	"PlanOrdersHaveNoCharge": {func(_ *reconcile.Input, b *reconcile.Books) {
		b.Orders = append(
			b.Orders,
			billing.Order{ID: "ord_0", Kind: billing.KindPlan, Status: billing.OrderFulfilled, PaymentIntentID: "pi_0"},
		)
	}, ""},
	"ExpiredOrdersHaveNone": {func(_ *reconcile.Input, b *reconcile.Books) {
		b.Orders = append(
			b.Orders,
			billing.Order{ID: "ord_0", Kind: billing.KindPack, Status: billing.OrderExpired, PaymentIntentID: "pi_0"},
		)
	}, ""},
	// 20 are due, and 15 did not expire unused.
	"ClawedAsMuchAsDue": {
		func(_ *reconcile.Input, b *reconcile.Books) { b.Lots[1].Expired, b.Lots[1].ClawedBack = 85, 15 }, "",
	},
	// 20, before the rest expired.
	"ClawedAsMuchAsWas": {func(_ *reconcile.Input, b *reconcile.Books) { b.Lots[1].Expired = 85 }, ""},
	"ClawedLessThanDue": {
		func(_ *reconcile.Input, b *reconcile.Books) { b.Lots[1].Expired, b.Lots[1].ClawedBack = 85, 14 },
		"clawback-missing lot_2",
	},
	"UsedUpPointsEndAnyTime": {func(_ *reconcile.Input, b *reconcile.Books) {
		b.Lots[0].Period, b.Lots[0].ExpiresAt, b.Lots[0].Remaining = &billing.Period{
			Start: march, End: april,
		}, &april, 0
	}, ""},
	"PointsEndTooEarly": {func(_ *reconcile.Input, b *reconcile.Books) {
		b.Lots[0].Period, b.Lots[0].ExpiresAt = &billing.Period{Start: march, End: april}, &april
	}, "points-expiry lot_1"},
	"TwoLiveAndOneForeign": {func(in *reconcile.Input, _ *reconcile.Books) {
		foreign := subscription(billing.SubActive)
		foreign.ID, foreign.Item = "sub_0", ""
		in.Picture.Subscriptions = append(in.Picture.Subscriptions, foreign)
	}, ""},
	"EndlessGrantOfAnotherAmount": {func(in *reconcile.Input, b *reconcile.Books) {
		in.Orders = []billing.Order{
			{
				ID:              "ord_2",
				Kind:            billing.KindPack,
				Status:          billing.OrderPaid,
				CheckoutID:      "cs_1",
				PaymentIntentID: "pi_2",
				Points:          101,
			},
		}
		in.Picture.Checkouts = []billing.StripeCheckout{
			{ID: "cs_1", Status: "complete", PaymentStatus: "paid", PaymentIntentID: "pi_2"},
		}
	}, "order ord_2, grant-amount lot_2"},
}

// addFormer adds two former customers, the later one until March, and what was bought at a time: the lot of an invoice,
// and an order.
func addFormer(b *reconcile.Books, bought time.Time) {
	b.Lots = append(
		b.Lots, billing.Lot{ID: "lot_0", GrantKey: "stripe:invoice:in_0:il_1", Granted: 500, CreatedAt: bought},
	)
	b.Orders = append(b.Orders, billing.Order{
		ID:              "ord_0",
		Kind:            billing.KindPack,
		Status:          billing.OrderRefunded,
		PaymentIntentID: "pi_0",
		CreatedAt:       bought,
	})
	b.Former = []billing.FormerCustomer{{EndedAt: march}, {EndedAt: february}}
}

// Proves the same as TestCompare for further differences: a difference is reported, unless a rule explains it.
func TestCompareMore(t *testing.T) {
	t.Parallel()
	eachDifference(t, more)
	in, books := paidMarch()
	in.Orders = []billing.Order{
		{ID: "ord_2", Kind: billing.KindPack, Status: billing.OrderPending, CheckoutID: "cs_2", Points: 100},
	}
	in.Picture.Checkouts = []billing.StripeCheckout{{ID: "cs_2", Status: "expired"}}
	if found := reconcile.Compare(in, books); len(found) != 1 ||
		found[0].Detail != "it should be expired and is pending" {
		t.Errorf("%+v", found)
	}
	in, books = paidMarch()
	in.Account.Parking.At, in.Account.Parking.Reason, books.Lots = &march, "too many", books.Lots[1:]
	if found := reconcile.Compare(in, books); len(found) != 1 ||
		found[0].Detail != "1 grants of 500 points wait: too many" {
		t.Errorf("%+v", found)
	}
}
