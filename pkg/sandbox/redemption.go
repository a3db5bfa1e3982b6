package sandbox

import (
	"strings"

	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

// grant is a coupon that is about to be redeemed, with the promotion code that led to it, if any.
type grant struct {
	coupon *coupon
	code   *promotionCode
}

// redeemer is who wants to redeem a coupon, and for what.
type redeemer struct {
	holder   *customer // nil: no customer is known yet
	currency string    // "": nothing is sold yet
	subtotal *int64    // nil: nothing is sold yet
}

// granted reads coupon and promotion_code and checks that they can be redeemed. at is the hash that contains them. It
// returns nil if neither is given.
func (c *call) granted(p spec.Params, at string, by redeemer) (*grant, error) {
	name := func(field string) string {
		if at == "" {
			return field
		}
		return at + "[" + field + "]"
	}
	couponID, codeID := p.Text("coupon"), p.Text("promotion_code")
	switch {
	case couponID != "" && codeID != "":
		return nil, invalid(
			name("promotion_code"), "You may only specify one of these parameters: coupon, promotion_code.",
		)
	case codeID != "":
		code := c.PromotionCodes.get(codeID)
		if code == nil {
			return nil, noSuch("promotion code", codeID, name("promotion_code"))
		}
		return c.grantCode(code, by, name("promotion_code"))
	case couponID != "":
		found := c.Coupons.get(couponID)
		if found == nil {
			return nil, noSuch("coupon", couponID, name("coupon"))
		}
		return &grant{coupon: found}, c.redeemable(found, by, name("coupon"))
	}
	return nil, nil
}

// enteredCode finds the active promotion code that a customer typed. If there are several, it prefers one for this
// customer.
func (w *world) enteredCode(typed string, by redeemer, param string) (*grant, error) {
	var found *promotionCode
	for _, each := range w.PromotionCodes.where(
		func(each *promotionCode) bool { return each.Active && strings.EqualFold(each.Code, typed) },
	) {
		if found == nil || by.holder != nil && string(each.Customer) == by.holder.ID {
			found = each
		}
	}
	if found == nil {
		return nil, invalid(param, "This code is invalid.")
	}
	return w.grantCode(found, by, param)
}

// grantCode checks a promotion code's own conditions against the redeemer, then those of its coupon.
func (w *world) grantCode(code *promotionCode, by redeemer, param string) (*grant, error) {
	least := code.Restrictions.MinimumAmount
	switch {
	case !code.Active || code.spent(w.now()):
		return nil, invalid(
			param,
			"This promotion code is not active: it was switched off, has expired, or was redeemed as often as it may be.",
		)
	case code.Customer != "" && (by.holder == nil || string(code.Customer) != by.holder.ID):
		return nil, invalid(param, "This promotion code cannot be redeemed by this customer.")
	case code.Restrictions.FirstTimeTransaction && by.holder != nil && w.hasPaid(by.holder):
		return nil, invalid(
			param, "This promotion code cannot be redeemed because the associated customer has prior transactions.",
		)
	case least != nil && by.currency != "" && by.currency != string(code.Restrictions.MinimumAmountCurrency):
		return nil, invalid(
			param, "This promotion code is for purchases in `%s` only, and this one is in `%s`.",
			code.Restrictions.MinimumAmountCurrency, by.currency,
		)
	case least != nil && by.subtotal != nil && *by.subtotal < *least:
		return nil, invalid(
			param, "This promotion code cannot be redeemed: the purchase must come to %s at least.",
			money(*least, string(code.Restrictions.MinimumAmountCurrency)),
		)
	}
	found := w.Coupons.get(code.Coupon.ID)
	return &grant{found, code}, w.redeemable(found, by, param)
}

// redeemable checks a coupon's limits, and its currency against that of the purchase.
func (w *world) redeemable(found *coupon, by redeemer, param string) error {
	currency := by.currency
	if currency == "" && by.holder != nil {
		currency = string(by.holder.Currency)
	}
	switch {
	case found.usedUp():
		return invalid(param, "Coupon %s is used up and cannot be applied.", found.ID)
	case !found.Valid || found.expired(w.now()):
		return coded("coupon_expired", param, "Coupon expired: %s", found.ID)
	case !found.fits(currency):
		return invalid(
			param, "The coupon %s takes off an amount in `%s` and cannot be applied to one in `%s`.", found.ID,
			found.Currency, currency,
		)
	}
	return nil
}

// fits reports whether a coupon can reduce amounts of a currency ("": any).
func (o *coupon) fits(currency string) bool {
	return o.AmountOff == nil || currency == "" || string(o.Currency) == currency
}

// hasPaid reports whether a customer has ever paid anything.
func (w *world) hasPaid(holder *customer) bool {
	return len(
		w.Charges.where(
			func(each *charge) bool { return string(each.Customer) == holder.ID && each.Status == "succeeded" },
		),
	) > 0 ||
		len(
			w.Invoices.where(
				func(each *invoice) bool { return each.Customer == holder.ID && each.Paid && each.Total > 0 },
			),
		) > 0
}

// redeem counts a redemption. It may be the last one that is allowed.
func (w *world) redeem(g *grant) {
	g.coupon.TimesRedeemed++
	if g.code != nil {
		g.code.TimesRedeemed++
		w.assessCode(g.code)
	}
	w.assessCoupon(g.coupon)
}
