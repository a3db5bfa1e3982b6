package sandbox

import (
	"regexp"
	"strings"
)

// promotionCode is what a customer types to redeem a coupon.
type promotionCode struct {
	base
	Active         bool              `json:"active"`
	Code           string            `json:"code"`
	Coupon         *coupon           `json:"coupon"` // a copy, replaced when the coupon changes
	Customer       text              `json:"customer"`
	ExpiresAt      stamp             `json:"expires_at"`
	MaxRedemptions *int64            `json:"max_redemptions"`
	Metadata       map[string]string `json:"metadata"`
	Restrictions   restrictions      `json:"restrictions"`
	TimesRedeemed  int64             `json:"times_redeemed"`
}

type restrictions struct {
	FirstTimeTransaction  bool   `json:"first_time_transaction"`
	MinimumAmount         *int64 `json:"minimum_amount"`
	MinimumAmountCurrency text   `json:"minimum_amount_currency"`
}

var codeLetters = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func createPromotionCode(c *call) (any, error) {
	p := c.p
	from := c.Coupons.get(p.Text("coupon"))
	if from == nil {
		return nil, noSuch("coupon", p.Text("coupon"), "coupon")
	}
	made := &promotionCode{
		base:     c.begin("promo_1", "promotion_code"),
		Active:   !p.Has("active") || p.Flag("active"),
		Code:     p.Text("code"),
		Metadata: mergedMetadata(nil, p),
	}
	copied := *from
	made.Coupon = &copied
	if made.Code == "" {
		made.Code = strings.ToUpper(newID("", 8))
	}
	if !codeLetters.MatchString(made.Code) {
		return nil, invalid("code", "Invalid code: it can have letters, digits, underscores and dashes only.")
	}
	if id := p.Text("customer"); id != "" {
		if _, err := c.customerAt(id, "customer"); err != nil {
			return nil, err
		}
		made.Customer = text(id)
	}
	if err := c.limitCode(made, from); err != nil {
		return nil, err
	}
	if err := c.restrictCode(made); err != nil {
		return nil, err
	}
	if made.Active {
		if err := c.mayActivate(made); err != nil {
			return nil, err
		}
	}
	c.PromotionCodes.add(made)
	c.emit("promotion_code.created", made)
	return made, nil
}

// limitCode reads a code's own limits. They cannot be wider than its coupon's.
func (c *call) limitCode(made *promotionCode, from *coupon) error {
	p := c.p
	if p.Has("expires_at") {
		at := p.Int("expires_at")
		if at <= c.now() {
			return invalid("expires_at", "Invalid timestamp: expires_at must be in the future.")
		}
		if from.RedeemBy != 0 && at > int64(from.RedeemBy) {
			return invalid(
				"expires_at", "A promotion code cannot expire after its coupon, which is redeemed by %d at the latest.",
				from.RedeemBy,
			)
		}
		made.ExpiresAt = stamp(at)
	}
	if p.Has("max_redemptions") {
		most := p.Int("max_redemptions")
		if most < 1 {
			return coded(
				"parameter_invalid_integer", "max_redemptions", "This value must be greater than or equal to 1.",
			)
		}
		if from.MaxRedemptions != nil && most > *from.MaxRedemptions {
			return invalid(
				"max_redemptions",
				"A promotion code cannot be redeemed more often than its coupon, which allows %d redemptions.",
				*from.MaxRedemptions,
			)
		}
		made.MaxRedemptions = amountOf(most)
	}
	return nil
}

func (c *call) restrictCode(made *promotionCode) error {
	limits := c.p.Sub("restrictions")
	if limits.Has("currency_options") {
		return invalid(
			"restrictions[currency_options]",
			"The sandbox's promotion codes have one currency: leave out currency_options.",
		)
	}
	made.Restrictions.FirstTimeTransaction = limits.Flag("first_time_transaction")
	if !limits.Has("minimum_amount") {
		return nil
	}
	currency := strings.ToLower(limits.Text("minimum_amount_currency"))
	if !validCurrency(currency) {
		return missing("restrictions[minimum_amount_currency]")
	}
	if n := limits.Int("minimum_amount"); n < 1 || n > maxAmount {
		return coded(
			"parameter_invalid_integer", "restrictions[minimum_amount]",
			"Invalid minimum_amount: must be between 1 and %d.", maxAmount,
		)
	}
	made.Restrictions.MinimumAmount, made.Restrictions.MinimumAmountCurrency = amountOf(
		limits.Int("minimum_amount"),
	), text(currency)
	return nil
}

// mayActivate refuses to activate a code that could not be redeemed, or whose text could mean two codes. Several active
// codes may have the same text only if each is for a different customer.
func (c *call) mayActivate(wanted *promotionCode) error {
	if !wanted.Coupon.Valid {
		return invalid(
			"coupon", "The coupon %s is not valid any more, so its promotion codes cannot be active.", wanted.Coupon.ID,
		)
	}
	if wanted.spent(c.now()) {
		return invalid(
			"active", "This promotion code has expired or was redeemed as often as it may be, and cannot be active.",
		)
	}
	rivals := c.PromotionCodes.where(func(each *promotionCode) bool {
		return each.Active && each.ID != wanted.ID && strings.EqualFold(each.Code, wanted.Code) &&
			(each.Customer == "" || wanted.Customer == "" || each.Customer == wanted.Customer)
	})
	if len(rivals) > 0 {
		return coded(
			"resource_already_exists", "code", "An active promotion code with `code: %s` already exists.", wanted.Code,
		)
	}
	return nil
}

func (c *call) promotionCode() (*promotionCode, error) {
	if found := c.PromotionCodes.get(c.id); found != nil {
		return found, nil
	}
	return nil, noSuch("promotion code", c.id, "id")
}

func getPromotionCode(c *call) (any, error) { return c.promotionCode() }

func listPromotionCodes(c *call) (any, error) {
	p := c.p
	return list(c, &c.PromotionCodes, "promotion code", func(each *promotionCode) bool {
		return (!p.Has("active") || each.Active == p.Flag("active")) && (!p.Has("code") || strings.EqualFold(
			each.Code, p.Text("code"),
		)) &&
			(!p.Has("coupon") || each.Coupon.ID == p.Text("coupon")) &&
			(!p.Has("customer") || string(each.Customer) == p.Text("customer"))
	})
}

func updatePromotionCode(c *call) (any, error) {
	found, err := c.promotionCode()
	if err != nil {
		return nil, err
	}
	if c.p.Sub("restrictions").Has("currency_options") {
		return nil, invalid(
			"restrictions[currency_options]",
			"The sandbox's promotion codes have one currency: leave out currency_options.",
		)
	}
	if c.p.Flag("active") && !found.Active {
		if err := c.mayActivate(found); err != nil {
			return nil, err
		}
	}
	c.change("promotion_code.updated", found, func() {
		if c.p.Has("active") {
			found.Active = c.p.Flag("active")
		}
		found.Metadata = mergedMetadata(found.Metadata, c.p)
	})
	return found, nil
}

// spent reports whether a code can no longer be redeemed.
func (o *promotionCode) spent(now int64) bool {
	return o.ExpiresAt != 0 && now >= int64(o.ExpiresAt) ||
		o.MaxRedemptions != nil && o.TimesRedeemed >= *o.MaxRedemptions
}

// nextDue returns when an active code expires.
func (o *promotionCode) nextDue() int64 {
	if o.Active {
		return int64(o.ExpiresAt)
	}
	return 0
}

func (w *world) assessCode(found *promotionCode) {
	if found.Active && found.spent(w.now()) {
		w.change("promotion_code.updated", found, func() { found.Active = false })
	}
}
