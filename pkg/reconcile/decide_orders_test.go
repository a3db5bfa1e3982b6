package reconcile_test

import (
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/reconcile"
)

// Proves how each state of a payment page moves its order on, and that a pack's points are granted with the payment.
func TestPackOrders(t *testing.T) {
	t.Parallel()
	pending := billing.Order{
		ID:         "ord_1",
		AccountID:  "acc_1",
		Item:       "pack",
		Kind:       billing.KindPack,
		Quantity:   3,
		Points:     300,
		Status:     billing.OrderPending,
		CheckoutID: "cs_1", URL: "https://checkout.stripe.com/1", CreatedAt: tenth.Add(-time.Hour),
	}
	fulfilled, unpaid, failed, expired, orphan, old := pending, pending, pending, pending, pending, pending
	failed.Status, failed.URL, failed.PaymentIntentID = billing.OrderFailed, "", "pi_1"
	fulfilled.Status, fulfilled.URL, fulfilled.PaymentIntentID, fulfilled.FulfilledAt =
		billing.OrderFulfilled, "", "pi_1", &tenth
	unpaid.URL, unpaid.PaymentIntentID = "", "pi_1"
	expired.Status, expired.URL = billing.OrderExpired, ""
	orphan.CheckoutID, orphan.URL = "", ""
	old = orphan
	old.CreatedAt = tenth.Add(-26 * time.Hour)
	given := old
	given.Status = billing.OrderExpired
	lost := pending // Stripe does not know its page, which may be an error in the picture
	lost.CreatedAt = old.CreatedAt
	grant := []billing.Grant{{Key: "stripe:checkout:cs_1", Source: "order:ord_1", Amount: 300, Description: "pack"}}
	page := func(status billing.CheckoutStatus, payment billing.PaymentStatus) billing.StripeCheckout {
		return billing.StripeCheckout{
			ID:              "cs_1",
			Status:          status,
			PaymentStatus:   payment,
			PaymentIntentID: "pi_1",
			URL:             "https://checkout.stripe.com/1",
		}
	}
	delayed := page("complete", "unpaid")
	delayed.PaymentFailed = true
	for _, c := range []struct {
		name   string
		before billing.Order
		page   *billing.StripeCheckout
		after  *billing.Order
		grants []billing.Grant
	}{
		{"Paid", pending, ptr(page("complete", "paid")), &fulfilled, grant},
		{"NothingToPay", pending, ptr(page("complete", "no_payment_required")), &fulfilled, grant},
		{"CompleteButUnpaid", pending, ptr(page("complete", "unpaid")), &unpaid, nil},
		{"PaidAfterThat", unpaid, ptr(page("complete", "paid")), &fulfilled, grant},
		{"DelayedPaymentFailed", unpaid, &delayed, &failed, nil},
		{"StillUnpaid", unpaid, ptr(page("complete", "unpaid")), nil, nil},
		{"Open", pending, ptr(page("open", "unpaid")), nil, nil},
		{"Expired", pending, ptr(page("expired", "unpaid")), &expired, nil},
		{"NoPageYet", orphan, nil, nil, nil},
		{"NoPageEver", old, nil, &given, nil},
		{"PageUnknownToStripe", lost, nil, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := billing.Snapshot{}
			if c.page != nil {
				p.Checkouts = []billing.StripeCheckout{
					{ID: "cs_other", Status: "complete", PaymentStatus: "paid"}, *c.page,
				}
			}
			d := decide(p, c.before)
			var orders []billing.Order
			if c.after != nil {
				orders = []billing.Order{*c.after}
			}
			same(t, "orders", d.Orders, orders)
			same(t, "grants", d.Grants, c.grants)
		})
	}
}

// Proves that a plan's order is fulfilled once its subscription is live. The order grants nothing itself: the invoice
// does.
func TestPlanOrders(t *testing.T) {
	t.Parallel()
	pending := billing.Order{
		ID:         "ord_1",
		AccountID:  "acc_1",
		Item:       "basic",
		Kind:       billing.KindPlan,
		Quantity:   1,
		Points:     500,
		Status:     billing.OrderPending,
		CheckoutID: "cs_1", URL: "https://checkout.stripe.com/1", CreatedAt: tenth.Add(-time.Hour),
	}
	paid, fulfilled := pending, pending
	paid.Status, paid.URL, paid.SubscriptionID = billing.OrderPaid, "", sub
	fulfilled = paid
	fulfilled.Status, fulfilled.FulfilledAt = billing.OrderFulfilled, &tenth
	other := subscription(billing.SubActive)
	other.ID = "sub_other"
	for _, c := range []struct {
		name          string
		before        billing.Order
		subscriptions []billing.StripeSubscription
		after         []billing.Order
	}{
		{
			"Active", pending, []billing.StripeSubscription{other, subscription(billing.SubActive)},
			[]billing.Order{fulfilled},
		},
		{
			"Trialing", pending, []billing.StripeSubscription{subscription(billing.SubTrialing)},
			[]billing.Order{fulfilled},
		},
		{
			"EndedSince", pending, []billing.StripeSubscription{subscription(billing.SubCanceled)},
			[]billing.Order{fulfilled},
		},
		{
			"Incomplete", pending, []billing.StripeSubscription{subscription(billing.SubIncomplete)},
			[]billing.Order{paid},
		},
		{"AnotherLives", pending, []billing.StripeSubscription{other}, []billing.Order{paid}},
		{"StillPaid", paid, nil, nil},
		{"LivesNow", paid, []billing.StripeSubscription{subscription(billing.SubActive)}, []billing.Order{fulfilled}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := decide(billing.Snapshot{
				Subscriptions: c.subscriptions,
				Checkouts: []billing.StripeCheckout{
					{ID: "cs_1", Status: "complete", PaymentStatus: "paid", SubscriptionID: sub},
				},
			}, c.before)
			same(t, "orders", d.Orders, c.after)
			same(t, "grants", d.Grants, []billing.Grant(nil))
		})
	}
}

// Proves that money that a refund or a dispute returned is recorded for the invoice or the payment that it paid.
// Impossible values are left out.
func TestRefunds(t *testing.T) {
	t.Parallel()
	d := decide(billing.Snapshot{Charges: []billing.StripeCharge{
		{ID: "ch_4", Amount: 500, AmountRefunded: 700, PaymentIntentID: "pi_4"},
		{ID: "ch_3", Amount: 0, AmountRefunded: 100, PaymentIntentID: "pi_3"},
		{ID: "ch_2", Amount: 900, AmountRefunded: 300, PaymentIntentID: "pi_2", InvoiceID: "in_2"},
		{ID: "ch_1", Amount: 500, PaymentIntentID: "pi_1"},
		{ID: "ch_5", Amount: 900, AmountRefunded: 300, AmountDisputed: 400, Disputed: true, PaymentIntentID: "pi_5"},
		{ID: "ch_6", Amount: 900, AmountRefunded: 300, AmountDisputed: 900, Disputed: true, PaymentIntentID: "pi_6"},
		{ID: "ch_7", Amount: 900, Disputed: true, PaymentIntentID: "pi_7"}, // won, or an inquiry
	}})
	same(t, "refunds", d.Refunds, []reconcile.Refund{
		{Key: "stripe:invoice:in_2", Refunded: 300, Amount: 900},
		{PaymentIntentID: "pi_4", Refunded: 500, Amount: 500},
		{PaymentIntentID: "pi_5", Refunded: 700, Amount: 900},
		{PaymentIntentID: "pi_6", Refunded: 900, Amount: 900},
		{PaymentIntentID: "pi_7", Refunded: 0, Amount: 900},
	})
}

// Proves that a decision uses the age that an order had when it was read. If a day passes while Stripe is asked (a
// machine that slept), its page or its charge may have been made since. If the order is read again after that day, it
// is given up.
func TestAgeOfAnOrder(t *testing.T) {
	t.Parallel()
	page := billing.Order{ID: "ord_1", Kind: billing.KindPack, Status: billing.OrderPending, CreatedAt: tenth}
	charge := page
	charge.Automatic = true
	for name, order := range map[string]billing.Order{"Page": page, "Charge": charge} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := input(billing.Snapshot{}, order)
			in.Now = tenth.Add(26 * time.Hour)
			if d := reconcile.Decide(in); len(d.Orders) != 0 {
				t.Errorf("read when it was made: %+v", d.Orders)
			}
			in.Began = in.Now
			if d := reconcile.Decide(in); len(d.Orders) != 1 || d.Orders[0].Status != billing.OrderExpired {
				t.Errorf("read a day after: %+v", d.Orders)
			}
		})
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
