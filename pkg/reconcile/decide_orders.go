package reconcile

import (
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// orphanAge is when an order that never got a page at Stripe is given up: Stripe forgets the idempotency key that could
// still have led to one after a day.
const orphanAge = 25 * time.Hour

const (
	// ChargeAge is how old an automatic order may be when its charge is asked for. Far below a day, for which Stripe
	// keeps the idempotency key; and nobody wants to pay for points that ran low long ago.
	ChargeAge = time.Hour
	// UnchargedAge is when an automatic order without a payment is given up: whatever was asked for until ChargeAge is
	// there by then.
	UnchargedAge = ChargeAge + 10*time.Minute
)

// decideOrders moves the open orders on by what their checkout sessions say.
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
		case found && c.Status == "expired":
			o.Status, o.URL = billing.OrderExpired, ""
		case found && c.Status == "complete":
			o.URL, o.PaymentIntentID, o.SubscriptionID = "", c.PaymentIntentID, c.SubscriptionID
			switch {
			case c.PaymentStatus == "paid" || c.PaymentStatus == "no_payment_required":
				o = d.fulfil(in, o)
			case c.PaymentFailed:
				o.Status = billing.OrderFailed
			}
		case o.CheckoutID == "" && in.Began.Sub(o.CreatedAt) > orphanAge: // it may have got a page since
			o.Status = billing.OrderExpired
		}
		if o != before {
			d.Orders = append(d.Orders, o)
		}
	}
}

// fulfil grants what a paid order bought. A pack's points come with the payment; a plan's come with its invoice, so
// its order is fulfilled once the subscription lives.
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

// decideAutomatic moves an automatic order on by what its payment intent says. One that could still be paid is not the
// end of it, though its charge has failed: whoever charges cancels it first, lest it be paid when nobody waits for it
// any more. Until then the order does not know it, which is how that job finds its work.
func (d *Decision) decideAutomatic(in Input, o billing.Order) billing.Order {
	i, found := intentOf(o, in.Picture.Intents)
	switch {
	case !found && o.PaymentIntentID == "" && o.Status == billing.OrderPending &&
		in.Now.Sub(o.CreatedAt) > UnchargedAge:
		o.Status = billing.OrderExpired
	case !found:
	case i.Status == "succeeded":
		o.PaymentIntentID = i.ID
		return d.fulfil(in, o)
	case i.Status == "canceled":
		o.PaymentIntentID, o.Status, o.DeclineCode = i.ID, billing.OrderFailed, i.DeclineCode
	case i.Payable():
		o.PaymentIntentID = ""
	default: // the bank takes its time
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
