package sandbox

import "strings"

// createCharge charges a source at once, as was usual before payment intents. No one is present to confirm 3-D Secure.
func createCharge(c *call) (any, error) {
	p := c.p
	for _, name := range []string{"application_fee", "card", "destination"} {
		if p.Has(name) {
			return nil, invalid(name, "The sandbox does not act on `%s`: leave it out.", name)
		}
	}
	if err := c.checkAmount(); err != nil {
		return nil, err
	}
	var holder *customer
	if id := p.Text("customer"); id != "" {
		var err error
		if holder, err = c.customerAt(id, "customer"); err != nil {
			return nil, err
		}
	}
	method, err := c.chargedSource(holder)
	if err != nil {
		return nil, err
	}
	c.on(holder)
	demand := &paymentIntent{
		Amount:      p.Int("amount"),
		Currency:    strings.ToLower(p.Text("currency")),
		Customer:    text(p.Text("customer")),
		Description: text(p.Text("description")),
		Metadata:    mergedMetadata(nil, p),
	}
	setText(&demand.ReceiptEmail, p, "receipt_email")
	if p.Has("shipping") {
		demand.Shipping = shippingOf(p.Sub("shipping"))
	}
	made, refusal := c.newCharge(demand, method), testCards[method.Hidden.Number].decline
	if method.asks(offSession) {
		refusal = declinedUnauthorized
	}
	if refusal != nil {
		made.refuse(refusal)
		c.emit("charge.failed", made)
		e := declinedError(refusal)
		e.Charge = made.ID
		return nil, e
	}
	c.approve(made, p.Has("capture") && !p.Flag("capture"))
	c.emit("charge.succeeded", made)
	return made, nil
}

// checkAmount checks that Stripe would accept the amount and the currency.
func (c *call) checkAmount() error {
	amount, currency := c.p.Int("amount"), strings.ToLower(c.p.Text("currency"))
	switch {
	case !c.p.Has("amount"):
		return missing("amount")
	case !c.p.Has("currency"):
		return missing("currency")
	case amount < 1:
		return coded("parameter_invalid_integer", "amount", "This value must be greater than or equal to 1.")
	case amount > maxAmount:
		return coded("amount_too_large", "amount", "Amount must be no more than $999,999.99")
	case !validCurrency(currency):
		return invalid("currency", "Invalid currency: %s.", c.p.Text("currency"))
	case amount < leastAmount(currency):
		return coded("amount_too_small", "amount", "Amount must be at least %s", money(leastAmount(currency), currency))
	}
	return nil
}

// chargedSource returns what to charge: a token, one of the customer's sources, or the customer's default source.
func (c *call) chargedSource(holder *customer) (*paymentMethod, error) {
	id := c.p.Text("source")
	switch {
	case id == "" && holder == nil:
		return nil, coded("parameter_missing", "", "Must provide source or customer.")
	case id == "" && holder.DefaultSource == "":
		return nil, &apiError{
			status:  402,
			Type:    "card_error",
			Code:    "missing",
			Param:   "card",
			Message: "Cannot charge a customer that has no active card",
		}
	case id == "":
		id = string(holder.DefaultSource)
	}
	if found := c.PaymentMethods.get(id); found != nil && found.isSource() {
		if holder == nil || string(found.Customer) != holder.ID {
			return nil, coded(
				"missing", "source", "Customer %s does not have a linked source with ID %s.", c.p.Text("customer"), id,
			)
		}
		return found, nil
	}
	return c.sourceOf(id, "source")
}

func captureCharge(c *call) (any, error) {
	found := c.Charges.get(c.id)
	switch {
	case found == nil:
		return nil, noSuch("charge", c.id, "id")
	case c.p.Has("application_fee"):
		return nil, invalid("application_fee", "The sandbox does not act on `application_fee`: leave it out.")
	case found.Captured:
		return nil, coded("charge_already_captured", "", "Charge %s has already been captured.", found.ID)
	case !found.uncaptured():
		return nil, coded(
			"charge_expired_for_capture", "", "Charge %s holds no money that could be captured.", found.ID,
		)
	case found.PaymentIntent != "":
		return nil, coded(
			"payment_intent_unexpected_state", "",
			"This charge was created by a PaymentIntent (%s): capture the PaymentIntent.", found.PaymentIntent,
		)
	}
	amount, err := c.captureAmount("amount", found.Amount)
	if err != nil {
		return nil, err
	}
	c.on(c.Customers.get(string(found.Customer)))
	setText(&found.ReceiptEmail, c.p, "receipt_email")
	c.capture(found, amount)
	return found, nil
}
