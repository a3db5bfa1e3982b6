package sandbox

// discount is a redeemed coupon: its owner, what it applies to, and when it ends. It never changes. It carries a copy
// of the coupon as it was redeemed, so it outlives the coupon.
type discount struct {
	ID              string  `json:"id"`
	Object          string  `json:"object"`
	CheckoutSession text    `json:"checkout_session"`
	Coupon          *coupon `json:"coupon"`
	Customer        text    `json:"customer"`
	End             stamp   `json:"end"` // of a repeating discount; it no longer applies at this second
	Invoice         text    `json:"invoice"`
	InvoiceItem     text    `json:"invoice_item"`
	PromotionCode   text    `json:"promotion_code"`
	Start           int64   `json:"start"`
	Subscription    text    `json:"subscription"`
	Hidden          struct {
		Spent bool // it was for one invoice, which has used it
	} `json:"_sandbox"`
}

func (d *discount) key() string { return d.ID }
func (d *discount) when() int64 { return d.Start }

// runs reports whether a discount is in force at a time. A nil discount never is.
func (d *discount) runs(at int64) bool { return d != nil && (d.End == 0 || at < int64(d.End)) }

// newDiscount redeems a coupon: it counts the redemption and makes a discount that begins now. The caller sets its
// owner.
func (w *world) newDiscount(g *grant) *discount {
	w.redeem(g)
	copied := *g.coupon
	made := &discount{ID: newID("di_1", 23), Object: "discount", Coupon: &copied, Start: w.now()}
	if g.code != nil {
		made.PromotionCode = text(g.code.ID)
	}
	if months := copied.DurationInMonths; months != nil {
		made.End = stamp(monthsAfter(made.Start, *months))
	}
	return w.Discounts.add(made)
}

// discountCustomer replaces a customer's discount with a new one. If g is nil, it only removes the old one.
func (w *world) discountCustomer(holder *customer, g *grant) {
	old := holder.Discount
	var made *discount
	if g != nil {
		made = w.newDiscount(g)
		made.Customer = text(holder.ID)
	}
	w.change("customer.updated", holder, func() { holder.Discount = made })
	w.announceDiscount(old, made)
}

// discountSubscription replaces a subscription's discount with a new one. If g is nil, it only removes the old one.
func (w *world) discountSubscription(s *subscription, g *grant) {
	old := s.Discount
	var made *discount
	if g != nil {
		made = w.newDiscount(g)
		made.Customer, made.Subscription = text(s.Customer), text(s.ID)
	}
	w.change("customer.subscription.updated", s, func() { s.Discount = made })
	w.announceDiscount(old, made)
}

// announceDiscount announces how the discount on a customer or a subscription changed.
func (w *world) announceDiscount(old, made *discount) {
	switch {
	case old == nil && made != nil:
		w.emit("customer.discount.created", made)
	case old != nil && made == nil:
		w.emit("customer.discount.deleted", old)
	case old != nil && made != nil:
		w.announce("customer.discount.updated", made, pictured(old))
	}
}

func deleteCustomerDiscount(c *call) (any, error) {
	holder, err := c.customerAt(c.id, "id")
	if err != nil {
		return nil, err
	}
	old := holder.Discount
	if old == nil || holder.Hidden.Deleted {
		return nil, noDiscount("customer", c.id)
	}
	c.on(holder)
	c.discountCustomer(holder, nil)
	return removed(old), nil
}

func deleteSubscriptionDiscount(c *call) (any, error) {
	s, err := c.subscriptionAt(c.id, "id")
	if err != nil {
		return nil, err
	}
	old := s.Discount
	if old == nil {
		return nil, noDiscount("subscription", c.id)
	}
	c.discountSubscription(s, nil)
	return removed(old), nil
}

func noDiscount(noun, id string) *apiError {
	e := coded("resource_missing", "id", "No active discount for %s: %s", noun, id)
	e.status = 404
	return e
}

// removed renders a discount that was removed. Stripe shows all of it except its end.
func removed(d *discount) map[string]any {
	shown := render(d)
	shown["deleted"] = true
	delete(shown, "end")
	return shown
}

// discountOn returns the discount that reduces bills at a time. A subscription's own takes precedence over its
// customer's.
func discountOn(holder *customer, s *subscription, at int64) *discount {
	switch {
	case s != nil && s.Discount.runs(at):
		return s.Discount
	case holder.Discount.runs(at):
		return holder.Discount
	}
	return nil
}

// tendCustomer does a customer's due work: it ends the discount.
func (w *world) tendCustomer(holder *customer) {
	if holder.Discount != nil && !holder.Discount.runs(w.now()) {
		w.discountCustomer(holder, nil)
	}
}

func (c *customer) nextDue() int64 {
	if c.Discount == nil || c.Hidden.Deleted {
		return 0
	}
	return int64(c.Discount.End)
}
