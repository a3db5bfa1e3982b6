package sandbox

import (
	"maps"
	"strconv"
)

// token represents a card until someone uses it. It can be used once.
type token struct {
	base
	Card     *card                   `json:"card"`
	ClientIP text                    `json:"client_ip"`
	Type     string                  `json:"type"`
	Used     bool                    `json:"used"`
	Hidden   struct{ Number string } `json:"_sandbox"` // the test card
}

// createToken makes a token from a card's number. Stripe also makes tokens of other things. The sandbox does not.
func createToken(c *call) (any, error) {
	for _, name := range []string{"account", "bank_account", "customer", "cvc_update", "person", "pii"} {
		if c.p.Has(name) {
			return nil, invalid(name, "The sandbox makes tokens of cards only.")
		}
	}
	given := maps.Clone(c.p.Sub("card"))
	if given == nil {
		return nil, missing("card")
	}
	for _, name := range []string{"exp_month", "exp_year"} { // here the document declares them as texts
		if word := given.Text(name); word != "" {
			n, err := strconv.ParseInt(word, 10, 64)
			if err != nil {
				return nil, coded("parameter_invalid_integer", "card["+name+"]", "Invalid integer: %s", word)
			}
			given[name] = n
		}
	}
	method, err := c.numberedCard(given, "card")
	if err != nil {
		return nil, err
	}
	c.PaymentMethods.remove(method.ID) // the card is created when the token is used
	method.ID = newID("card_1", 24)
	setText(&method.BillingDetails.Name, given, "name")
	made := &token{base: c.begin("tok_1", "token"), Card: method.card(), Type: "card"}
	made.Hidden.Number = method.Hidden.Number
	return c.Tokens.add(made), nil
}

func getToken(c *call) (any, error) {
	if found := c.Tokens.get(c.id); found != nil {
		return found, nil
	}
	return nil, noSuch("token", c.id, "id")
}

// redeemToken makes a card from a token, or from a test card's name. The token is used up, so an operation must redeem
// it after all other checks. A name can be used again and again.
func (w *world) redeemToken(id, param string) (*paymentMethod, error) {
	if made := w.named(id); made != nil {
		return made, nil
	}
	found := w.Tokens.get(id)
	if found == nil {
		return nil, noSuch("token", id, param)
	}
	if found.Used {
		return nil, coded("token_already_used", param, "You cannot use a Stripe token more than once: %s.", id)
	}
	found.Used = true
	made := w.newMethod(found.Hidden.Number, found.Card.ExpMonth, found.Card.ExpYear, found.Card.CVCCheck != "")
	made.BillingDetails.Name = found.Card.Name
	return made, nil
}
