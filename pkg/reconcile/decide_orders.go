package reconcile

import (
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// orphanAge is when an order that never got a page at Stripe expires. Stripe forgets the idempotency key after a day,
// and with it the last way to such a page.
const orphanAge = 25 * time.Hour

const (
	// ChargeAge is how old an automatic order may be when its charge is requested. It is far below the day for which
	// Stripe keeps the idempotency key. And no one wants to pay because points ran low long ago.
	ChargeAge = time.Hour
	// UnchargedAge is when an automatic order without a payment expires. Every charge that was requested before
	// ChargeAge can be seen by then.
	UnchargedAge = ChargeAge + 10*time.Minute
)

// decideOrders updates the watched orders from their checkout sessions and payments.
func (d *Decision) decideOrders(in Input) {
	sessions := make(map[billing.CheckoutID]billing.StripeCheckout, len(in.Picture.Checkouts))
	for _, c := range in.Picture.Checkouts {
		sessions[c.ID] = c
	}
	for _, o := range in.Orders {
		before := o
		if o.Automatic {
			if o = d.decideAutomatic(in, o); o != before {
				d.Orders = append(d.Orders, o)
			}
			continue
		}
		switch c, found := sessions[o.CheckoutID]; {
		case found && c.Status == billing.CheckoutExpired:
			o.Status, o.URL = billing.OrderExpired, ""
		case found && c.Status == billing.CheckoutComplete:
			o.URL, o.PaymentIntentID, o.SubscriptionID = "", c.PaymentIntentID, c.SubscriptionID
			switch {
			case c.PaymentStatus == billing.PaymentPaid || c.PaymentStatus == billing.PaymentNotRequired:
				o = d.fulfil(in, o)
			case c.PaymentFailed:
				o.Status = billing.OrderFailed
			}
		case o.CheckoutID == "" && in.Began.Sub(o.CreatedAt) > orphanAge: // by Began: it may have got a page since
			o.Status = billing.OrderExpired
		}
		if o != before {
			d.Orders = append(d.Orders, o)
		}
	}
}

// fulfil grants what a paid order bought. A pack's points come with the payment. A plan's points come with its invoice,
// so its order is fulfilled as soon as the subscription is live.
func (d *Decision) fulfil(in Input, o billing.Order) billing.Order {
	o.Status = billing.OrderPaid
	switch o.Kind {
	case billing.KindPack:
		d.Grants = append(d.Grants, billing.Grant{
			Key: orderKey(o), Source: "order:" + string(o.ID), Amount: o.Points, Description: o.Item,
		})
		o.Status, o.FulfilledAt = billing.OrderFulfilled, &in.Now
	case billing.KindPlan:
		for _, s := range in.Picture.Subscriptions {
			if s.ID == o.SubscriptionID && s.Status != billing.SubIncomplete {
				o.Status, o.FulfilledAt = billing.OrderFulfilled, &in.Now
			}
		}
	}
	return o
}

// decideAutomatic updates an automatic order from its payment intent. An intent that can still be paid does not end the
// order, even if its charge failed. The job that charges must cancel it first, or it might be paid when no one waits
// for it any more. Until then the order does not have the intent's id; by that the job finds its work. An order that
// was given up is fulfilled if it was paid after all.
func (d *Decision) decideAutomatic(in Input, o billing.Order) billing.Order {
	i, found := intentOf(o, in.Picture.Intents)
	switch {
	case o.Status == billing.OrderExpired && i.Status != billing.IntentSucceeded: // given up, and still not paid
	case !found && o.PaymentIntentID == "" && o.Status == billing.OrderPending &&
		in.Began.Sub(o.CreatedAt) > UnchargedAge:
		o.Status = billing.OrderExpired
	case !found:
	case i.Status == billing.IntentSucceeded:
		o.PaymentIntentID = i.ID
		return d.fulfil(in, o)
	case i.Status == billing.IntentCanceled:
		o.PaymentIntentID, o.Status, o.DeclineCode = i.ID, billing.OrderFailed, i.DeclineCode
	case i.Payable():
		o.PaymentIntentID = ""
	default: // the bank is still deciding
		o.PaymentIntentID = i.ID
	}
	return o
}

func intentOf(o billing.Order, intents []billing.StripeIntent) (billing.StripeIntent, bool) {
	for _, i := range intents {
		if i.OrderID == o.ID {
			return i, true
		}
	}
	return billing.StripeIntent{}, false
}
