package sandbox

import (
	"math"
	"regexp"
	"strings"
)

// mostCouponMonths bounds a coupon's months. Stripe names no bound, but the end must stay a valid date.
const mostCouponMonths = 1200

// coupon is what a discount takes off: a percentage, or an amount in one currency.
type coupon struct {
	base
	AmountOff        *int64            `json:"amount_off"`
	Currency         text              `json:"currency"`
	Duration         string            `json:"duration"`
	DurationInMonths *int64            `json:"duration_in_months"`
	MaxRedemptions   *int64            `json:"max_redemptions"`
	Metadata         map[string]string `json:"metadata"`
	Name             text              `json:"name"`
	PercentOff       *float64          `json:"percent_off"`
	RedeemBy         stamp             `json:"redeem_by"`
	TimesRedeemed    int64             `json:"times_redeemed"`
	Valid            bool              `json:"valid"`
	Hidden           struct {
		Products []string // applies_to.products; empty: all products
	} `json:"_sandbox"`
}

var couponID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,200}$`)

func createCoupon(c *call) (any, error) {
	p := c.p
	made := &coupon{
		base:     c.begin("", "coupon"),
		Metadata: mergedMetadata(nil, p),
		Name:     text(p.Text("name")),
		RedeemBy: stamp(p.Int("redeem_by")),
		Valid:    true,
	}
	made.ID = strings.ToUpper(newID("", 8))
	if id := p.Text("id"); id != "" {
		if !couponID.MatchString(id) {
			return nil, invalid(
				"id",
				"Invalid coupon id: it can have letters, digits, underscores and dashes only, 200 of them at most.",
			)
		}
		if c.Coupons.get(id) != nil {
			return nil, coded("resource_already_exists", "id", "Coupon already exists.")
		}
		made.ID = id
	}
	if p.Has("redeem_by") && p.Int("redeem_by") <= c.now() {
		return nil, invalid("redeem_by", "Invalid timestamp: redeem_by must be in the future.")
	}
	if p.Has("currency_options") {
		return nil, invalid("currency_options", "The sandbox's coupons have one currency: leave out currency_options.")
	}
	if err := c.setReduction(made); err != nil {
		return nil, err
	}
	if err := c.setReach(made); err != nil {
		return nil, err
	}
	c.Coupons.add(made)
	c.emit("coupon.created", made)
	return made, nil
}

// setReduction reads how much a coupon takes off.
func (c *call) setReduction(made *coupon) error {
	p := c.p
	switch {
	case p.Has("percent_off") && p.Has("amount_off"):
		return invalid("amount_off", "You may only specify one of these parameters: amount_off, percent_off.")
	case p.Has("percent_off"):
		percent := math.Round(p.Number("percent_off")*100) / 100
		if percent <= 0 || percent > 100 {
			return invalid("percent_off", "Invalid percent_off: must be greater than 0 and at most 100.")
		}
		made.PercentOff = &percent
	case p.Has("amount_off"):
		currency := strings.ToLower(p.Text("currency"))
		if currency == "" {
			return coded("parameter_missing", "currency", "You must pass currency when passing amount_off")
		}
		if !validCurrency(currency) {
			return invalid("currency", "Invalid currency: %s.", p.Text("currency"))
		}
		if n := p.Int("amount_off"); n < 1 || n > maxAmount {
			return coded(
				"parameter_invalid_integer", "amount_off", "Invalid amount_off: must be between 1 and %d.", maxAmount,
			)
		}
		made.AmountOff, made.Currency = amountOf(p.Int("amount_off")), text(currency)
	default:
		return coded("parameter_missing", "percent_off", "Must provide percent_off or amount_off.")
	}
	return nil
}

// setReach reads how long a coupon discounts, how often it can be redeemed, and for which products.
func (c *call) setReach(made *coupon) error {
	p := c.p
	if made.Duration = p.Text("duration"); made.Duration == "" {
		made.Duration = "once"
	}
	months := p.Int("duration_in_months")
	switch repeating := made.Duration == "repeating"; {
	case repeating && !p.Has("duration_in_months"):
		return coded(
			"parameter_missing", "duration_in_months",
			"You must pass duration_in_months when passing duration: repeating",
		)
	case !repeating && p.Has("duration_in_months"):
		return invalid("duration_in_months", "You must pass duration: repeating when passing duration_in_months")
	case repeating && (months < 1 || months > mostCouponMonths):
		return coded(
			"parameter_invalid_integer", "duration_in_months", "Invalid duration_in_months: must be between 1 and %d.",
			mostCouponMonths,
		)
	case repeating:
		made.DurationInMonths = amountOf(months)
	}
	if p.Has("max_redemptions") {
		if p.Int("max_redemptions") < 1 {
			return coded(
				"parameter_invalid_integer", "max_redemptions", "This value must be greater than or equal to 1.",
			)
		}
		made.MaxRedemptions = amountOf(p.Int("max_redemptions"))
	}
	made.Hidden.Products = p.Sub("applies_to").Texts("products")
	for _, id := range made.Hidden.Products {
		if c.Products.get(id) == nil {
			return noSuch("product", id, "applies_to[products]")
		}
	}
	return nil
}

func getCoupon(c *call) (any, error) {
	if found := c.Coupons.get(c.id); found != nil {
		return found, nil
	}
	return nil, noSuch("coupon", c.id, "id")
}

func listCoupons(c *call) (any, error) { return list(c, &c.Coupons, "coupon", nil) }

func updateCoupon(c *call) (any, error) {
	found := c.Coupons.get(c.id)
	if found == nil {
		return nil, noSuch("coupon", c.id, "id")
	}
	if c.p.Has("currency_options") {
		return nil, invalid("currency_options", "The sandbox's coupons have one currency: leave out currency_options.")
	}
	c.change("coupon.updated", found, func() {
		setText(&found.Name, c.p, "name")
		found.Metadata = mergedMetadata(found.Metadata, c.p)
	})
	c.followCoupon(found)
	return found, nil
}

// deleteCoupon deletes a coupon and ends its promotion codes. A discount holds a copy of its coupon, so running
// discounts continue.
func deleteCoupon(c *call) (any, error) {
	found := c.Coupons.get(c.id)
	if found == nil {
		return nil, noSuch("coupon", c.id, "id")
	}
	found.Valid = false
	c.followCoupon(found)
	c.emit("coupon.deleted", found)
	c.Coupons.remove(c.id)
	return deleted("coupon", c.id), nil
}

// spent reports whether a coupon can no longer be redeemed: it has expired, or all its redemptions are used.
func (o *coupon) spent(now int64) bool { return o.expired(now) || o.usedUp() }

func (o *coupon) expired(now int64) bool { return o.RedeemBy != 0 && now >= int64(o.RedeemBy) }
func (o *coupon) usedUp() bool {
	return o.MaxRedemptions != nil && o.TimesRedeemed >= *o.MaxRedemptions
}

// nextDue returns when a valid coupon expires (0: never).
func (o *coupon) nextDue() int64 {
	if o.Valid {
		return int64(o.RedeemBy)
	}
	return 0
}

// assessCoupon marks a coupon invalid if it can no longer be redeemed, and updates its promotion codes.
func (w *world) assessCoupon(found *coupon) {
	if found.Valid && found.spent(w.now()) {
		w.change("coupon.updated", found, func() { found.Valid = false })
	}
	w.followCoupon(found)
}

// followCoupon copies a coupon's present state into its promotion codes. If the coupon is invalid, it deactivates them.
func (w *world) followCoupon(found *coupon) {
	for _, code := range w.PromotionCodes.where(func(each *promotionCode) bool { return each.Coupon.ID == found.ID }) {
		copied := *found
		code.Coupon = &copied
		if code.Active && !found.Valid {
			w.change("promotion_code.updated", code, func() { code.Active = false })
		}
	}
}
