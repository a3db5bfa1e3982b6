package sandbox

// sessionDiscount reads discounts[] of a session. It may name one coupon or promotion code, unless the payer may enter
// a code.
func (c *call) sessionDiscount(holder *customer, items []purchase) (*grant, error) {
	entries := c.p.List("discounts")
	switch {
	case len(entries) == 0:
		return nil, nil
	case c.p.Has("allow_promotion_codes"):
		return nil, invalid(
			"allow_promotion_codes", "You may only specify one of these parameters: allow_promotion_codes, discounts.",
		)
	case len(entries) > 1:
		return nil, invalid("discounts", "You can only specify one discount.")
	}
	redeemed, err := c.granted(
		entries[0], "discounts[0]", redeemer{holder, items[0].price.Currency, amountOf(worth(items))},
	)
	if err == nil && redeemed == nil {
		err = missing("discounts[0][coupon]")
	}
	return redeemed, err
}

// foreseenDiscount returns the discount that will apply when the session is paid, or the one that its customer already
// has. A coupon is redeemed only when a session is paid.
func (w *world) foreseenDiscount(s *checkoutSession, g *grant) *discount {
	if g == nil {
		holder := w.Customers.get(string(s.Customer))
		if s.Mode == "subscription" && holder != nil && holder.Discount.runs(w.now()) &&
			holder.Discount.Coupon.fits(string(s.Currency)) {
			return holder.Discount
		}
		return nil
	}
	copied := *g.coupon
	d := &discount{ID: newID("di_1", 23), Object: "discount", Coupon: &copied, Start: w.now(), Customer: s.Customer}
	if s.Mode == "payment" {
		d.CheckoutSession = text(s.ID)
	}
	if g.code != nil {
		d.PromotionCode = text(g.code.ID)
	}
	return d
}

// discountSession recomputes a session's prices with a grant (nil: none was granted). It refuses a total below the
// least amount that can be charged. In that case it changes nothing.
func (w *world) discountSession(s *checkoutSession, g *grant, param string) error {
	shown := w.foreseenDiscount(s, g)
	lines := make([]reducible, len(s.Hidden.Items))
	for i, item := range s.Hidden.Items {
		lines[i] = reducible{item.AmountSubtotal, item.Price.Product, true}
	}
	items, total := make([]*lineItem, len(lines)), int64(0)
	for i, line := range shown.after(lines) {
		copied := *s.Hidden.Items[i]
		copied.AmountTotal, copied.AmountDiscount = line.left, copied.AmountSubtotal-line.left
		items[i], total = &copied, total+line.left
	}
	if least := leastAmount(string(s.Currency)); s.Mode == "payment" && shown != nil && total > 0 && total < least {
		return coded(
			"amount_too_small", param, "The Checkout Session's total amount due must add up to at least %s.",
			money(least, string(s.Currency)),
		)
	}
	s.Hidden.Items, s.Hidden.Discount, s.Hidden.Coupon, s.Hidden.PromotionCode = items, shown, "", ""
	if g != nil {
		s.Hidden.Coupon = g.coupon.ID
	}
	if g != nil && g.code != nil {
		s.Hidden.PromotionCode = g.code.ID
	}
	s.AmountTotal, s.TotalDetails.AmountDiscount = amountOf(total), *s.AmountSubtotal-total
	return nil
}

// enterCode sets the promotion code that a payer typed on an open session; "" removes it. A declined attempt may have
// left an incomplete subscription at another price. That subscription is given up.
func (w *world) enterCode(s *checkoutSession, typed string) error {
	const param = "promotion_code"
	switch {
	case s.Status != "open":
		return coded(
			"checkout_session_not_open", "", "This Checkout Session is %s and can no longer be changed.", s.Status,
		)
	case s.AllowPromotionCodes == nil || !*s.AllowPromotionCodes:
		return invalid(param, "This Checkout Session does not allow promotion codes.")
	}
	holder := w.Customers.get(string(s.Customer))
	w.on(holder)
	var redeemed *grant
	if typed != "" {
		var err error
		if redeemed, err = w.enteredCode(
			typed, redeemer{holder, string(s.Currency), s.AmountSubtotal}, param,
		); err != nil {
			return err
		}
	}
	if err := w.discountSession(s, redeemed, param); err != nil {
		return err
	}
	s.Hidden.Challenge = ""
	if begun := w.Subscriptions.get(s.Hidden.Subscription); begun != nil && begun.Status == "incomplete" {
		w.giveUpIncomplete(begun)
	}
	return nil
}

// sessionGrant returns the grant that is redeemed when a session is paid. It checks the grant again, because others may
// have used it up since. If an attempt has begun a subscription, the grant is already redeemed, so it returns nil.
func (w *world) sessionGrant(s *checkoutSession, holder *customer) (*grant, error) {
	if begun := w.Subscriptions.get(s.Hidden.Subscription); s.Hidden.Coupon == "" ||
		begun != nil && begun.Status == "incomplete" {
		return nil, nil
	}
	by := redeemer{holder, string(s.Currency), s.AmountSubtotal}
	if code := w.PromotionCodes.get(s.Hidden.PromotionCode); code != nil {
		return w.grantCode(code, by, "")
	}
	found := w.Coupons.get(s.Hidden.Coupon)
	if found == nil {
		return nil, coded("coupon_expired", "", "Coupon expired: %s", s.Hidden.Coupon)
	}
	return &grant{coupon: found}, w.redeemable(found, by, "")
}

// needsCard reports whether the payer is asked for a card. A purchase that costs nothing needs none. A subscription
// that costs nothing today needs one, unless the merchant collects it only if required.
func (s *checkoutSession) needsCard() bool {
	return s.due() > 0 || s.Mode == "setup" || s.Mode == "subscription" && s.PaymentMethodCollect != "if_required"
}

// breakdown returns total_details.breakdown, which is shown only when a request expands it.
func (s *checkoutSession) breakdown() map[string]any {
	return map[string]any{"discounts": s.discounts(s.TotalDetails.AmountDiscount), "taxes": []any{}}
}

func (s *checkoutSession) discounts(amount int64) []any {
	if s.Hidden.Discount == nil {
		return []any{}
	}
	return []any{map[string]any{"amount": amount, "discount": render(s.Hidden.Discount)}}
}

// lineDiscounts returns a line item's discounts, which are shown only when a request expands them.
func (w *world) lineDiscounts(id string) []any {
	for _, sessionID := range w.Sessions.ids {
		s := w.Sessions.get(sessionID)
		for _, item := range s.Hidden.Items {
			if item.ID == id {
				return s.discounts(item.AmountDiscount)
			}
		}
	}
	return []any{}
}
