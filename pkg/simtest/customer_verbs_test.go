package simtest

import (
	"math/rand/v2"
	"net/url"
	"slices"
)

// foreignPrice creates, once, a price of the same Stripe account that our catalogue does not know.
func (w *world) foreignPrice() string {
	w.foreignOnce.Do(func() {
		price, _ := w.ask("POST", "/v1/prices", url.Values{
			"currency": {"eur"}, "unit_amount": {"2500"}, "recurring[interval]": {"month"},
			"product_data[name]": {"Newsletter"},
		})
		w.foreign = price.text("id")
	})
	return w.foreign
}

// subscribeElsewhere gives the user's customer a subscription that is not ours, or ends one.
func (u *user) subscribeElsewhere(r *rand.Rand) {
	customer := u.customerID()
	if customer == "" {
		if _, ok := u.subscribed(r); !ok {
			return
		}
		customer = u.customerID()
	}
	if found := u.elsewhere(); len(found) > 0 && r.IntN(3) == 0 {
		u.atStripe("end somebody else's subscription", "DELETE", "/v1/subscriptions/"+found[0].text("id"), nil)
		return
	}
	u.atStripe("somebody else's subscription", "POST", "/v1/subscriptions", url.Values{
		"customer": {customer}, "items[0][price]": {u.w.foreignPrice()}, "default_payment_method": {pick(r, cards).do},
		"payment_behavior": {"allow_incomplete"},
	})
	if r.IntN(2) == 0 {
		u.cancelInApp(r)
	} else {
		u.changeInApp(r)
	}
	if left := u.elsewhere(); len(left) > 0 && left[0].number("cancel_at") != 0 {
		u.w.violate(u, "%s is not of our catalogue, and was cancelled", left[0].text("id"))
	}
}

// elsewhere returns the subscriptions of the user's customer that are not ours.
func (u *user) elsewhere() []object {
	found, _ := u.w.all("/v1/subscriptions", url.Values{"customer": {u.customerID()}})
	return slices.DeleteFunc(found, func(s object) bool { return planOf(s) != "" })
}

// beForgotten deletes the user's customer at Stripe, which ends their subscriptions. Mostly the user then buys again.
func (u *user) beForgotten(r *rand.Rand) {
	customer := u.customerID()
	if customer == "" {
		return
	}
	if _, ok := u.atStripe("delete the customer", "DELETE", "/v1/customers/"+customer, nil); !ok {
		return
	}
	u.mu.Lock()
	u.gone = append(u.gone, customer)
	u.customer, u.orders = "", nil
	u.mu.Unlock()
	switch r.IntN(4) {
	case 0:
	case 1:
		u.subscribed(r)
	default:
		u.buyPack(r)
	}
}
