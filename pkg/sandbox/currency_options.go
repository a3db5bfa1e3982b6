package sandbox

import (
	"maps"
	"slices"
	"strconv"

	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

// currencyOption is the amount of a price in another currency. The sandbox stores it and shows it, but sells only in
// the price's own currency.
type currencyOption struct {
	TaxBehavior       string `json:"tax_behavior"`
	UnitAmount        int64  `json:"unit_amount"`
	UnitAmountDecimal string `json:"unit_amount_decimal"`
	CustomUnitAmount  any    `json:"custom_unit_amount"`
}

// takeCurrencyOptions checks and stores the amounts given by currency. An empty hash removes all of them.
func (p *price) takeCurrencyOptions(given spec.Params, param string) error {
	if !given.Has("currency_options") {
		return nil
	}
	options := maps.Clone(p.Hidden.CurrencyOptions)
	if options == nil || given.Unset("currency_options") {
		options = map[string]currencyOption{}
	}
	for _, currency := range slices.Sorted(maps.Keys(given.Sub("currency_options"))) {
		option, at := given.Sub("currency_options").Sub(currency), param+"["+currency+"]"
		amount := option.Int("unit_amount")
		switch {
		case !validCurrency(currency) || currency == p.Currency:
			return invalid(at, "Invalid currency: %s. It must be a currency other than the price's own.", currency)
		case option.Has("tiers") || option.Has("custom_unit_amount"):
			return invalid(at, "The sandbox sells by a fixed amount per unit only.")
		case !option.Has("unit_amount"):
			return missing(at + "[unit_amount]")
		case amount < 0 || amount > maxAmount:
			return coded(
				"parameter_invalid_integer", at+"[unit_amount]", "This value must be between 0 and %d.", maxAmount,
			)
		}
		options[currency] = currencyOption{
			TaxBehavior: "unspecified", UnitAmount: amount, UnitAmountDecimal: strconv.FormatInt(amount, 10),
		}
	}
	p.Hidden.CurrencyOptions = options
	return nil
}

// currencyOptions returns a price's amount in every currency, including its own, as Stripe does when a request expands
// it.
func (p *price) currencyOptions() map[string]any {
	all := map[string]any{
		p.Currency: currencyOption{
			TaxBehavior: p.TaxBehavior, UnitAmount: p.UnitAmount, UnitAmountDecimal: p.UnitAmountDecimal,
		},
	}
	for currency, option := range p.Hidden.CurrencyOptions {
		all[currency] = option
	}
	return render(all)
}
