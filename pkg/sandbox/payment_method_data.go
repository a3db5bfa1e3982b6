package sandbox

import (
	"slices"
	"strings"

	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

// typesFor returns the kinds of payment methods that the sandbox knows for a currency.
func typesFor(currency string) []string {
	if currency == "eur" {
		return []string{"card", "sepa_debit"}
	}
	return []string{"card"}
}

// offeredTypes returns the kinds that a hosted page takes for a currency if the request names none. These are the kinds
// that the account has switched on.
func (w *world) offeredTypes(currency string) []string {
	if w.Settings.OffersDebit {
		return typesFor(currency)
	}
	return []string{"card"}
}

// describedMethod makes the payment method that a request describes. at is the name of the parameter that describes it,
// or "" for the request itself.
func (c *call) describedMethod(p spec.Params, at string) (made *paymentMethod, err error) {
	switch kind := p.Text("type"); kind {
	case "":
		return nil, missing(within(at, "type"))
	case "card":
		made, err = c.describedCard(p.Sub("card"), within(at, "card"))
	case "sepa_debit":
		made, err = c.describedDebit(p.Sub("sepa_debit"), within(at, "sepa_debit"))
	default:
		return nil, invalid(
			within(at, "type"), "The sandbox knows payment methods of the types card and sepa_debit only.",
		)
	}
	if err != nil {
		return nil, err
	}
	made.fill(p)
	return made, nil
}

// within returns the name of a parameter inside another.
func within(at, name string) string {
	if at == "" {
		return name
	}
	return at + "[" + name + "]"
}

// describedCard makes a card from a token or from a number.
func (c *call) describedCard(card spec.Params, at string) (*paymentMethod, error) {
	if token := card.Text("token"); token != "" {
		return c.redeemToken(token, within(at, "token"))
	}
	return c.numberedCard(card, at)
}

func (c *call) numberedCard(card spec.Params, at string) (*paymentMethod, error) {
	for _, name := range []string{"number", "exp_month", "exp_year"} {
		if !card.Has(name) {
			return nil, missing(within(at, name))
		}
	}
	year := card.Int("exp_year")
	if year < 100 {
		year += 2000
	}
	if e := checkCard(card.Text("number"), card.Int("exp_month"), year, card.Text("cvc"), c.now()); e != nil {
		return nil, e
	}
	return c.newMethod(card.Text("number"), card.Int("exp_month"), year, card.Has("cvc")), nil
}

// usable refuses a payment method that an intent does not accept, or that cannot hold money for a later capture.
func (m *paymentMethod) usable(types []string, capture string) error {
	switch {
	case m == nil:
		return nil
	case !slices.Contains(types, m.Type):
		return invalid("payment_method", "The PaymentMethod provided (%s) is not allowed for this PaymentIntent. "+
			"Please attach a PaymentMethod with one of these types: %s.", m.Type, strings.Join(types, ", "))
	case capture == "manual" && m.Type != "card":
		return invalid(
			"capture_method",
			"A payment method of type %s cannot be captured by hand: use the capture_method automatic.", m.Type,
		)
	}
	return nil
}
