package reconcile

import (
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// orphanAge is when an order that never got a page at Stripe is given up: Stripe forgets the idempotency key that could
// still have led to one after a day.
const orphanAge = 25 * time.Hour

// decideOrders moves the open orders on by what their checkout sessions say.
func (d *Decision) decideOrders(in Input) {
	sessions := make(map[billing.CheckoutID]billing.StripeCheckout, len(in.Picture.Checkouts))
	for _, c := range in.Picture.Checkouts {
		sessions[c.ID] = c
	}
	for _, o := range in.Orders {
		before := o
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
		case o.CheckoutID == "" && in.Now.Sub(o.CreatedAt) > orphanAge:
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
			Key: CheckoutKey(o.CheckoutID), Source: "order:" + string(o.ID), Amount: o.Points, Description: o.Item,
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
