package sandbox

import "strings"

// createSetupSession stores a session that sells nothing. Its page saves a payment method for later. Its setup intent
// exists from the beginning.
func (c *call) createSetupSession(holder *customer) (any, error) {
	for _, name := range []string{
		"line_items", "payment_intent_data", "subscription_data", "invoice_creation", "submit_type",
		"payment_method_collection", "allow_promotion_codes", "discounts",
	} {
		if c.p.Has(name) {
			return nil, invalid(name, "You can not pass `%s` in `setup` mode.", name)
		}
	}
	if c.p.Has("customer_creation") && holder != nil {
		return nil, invalid("customer_creation", "`customer_creation` cannot be used with `customer`.")
	}
	currency := strings.ToLower(c.p.Text("currency"))
	switch {
	case currency == "" && len(c.p.Texts("payment_method_types")) == 0:
		return nil, missing("currency")
	case currency != "" && !validCurrency(currency):
		return nil, invalid("currency", "Invalid currency: %s.", currency)
	}
	types, err := c.sessionTypes(currency)
	if err != nil {
		return nil, err
	}
	made := &checkoutSession{
		base:          c.begin("cs_test_", "checkout.session"),
		Mode:          "setup",
		Status:        "open",
		PaymentStatus: "no_payment_required",
		Currency:      text(currency),
	}
	made.ID = newID("cs_test_a1", 56)
	if err := c.setLife(made, nil); err != nil {
		return nil, err
	}
	c.describeSession(made, holder, types)
	c.on(holder)
	intent := c.newSetup(types)
	data := c.p.Sub("setup_intent_data")
	intent.Customer, intent.Description, intent.Metadata = made.Customer, text(
		data.Text("description"),
	), mergedMetadata(nil, data)
	made.SetupIntent = text(intent.ID)
	c.emit("setup_intent.created", intent)
	return c.keepSession(made), nil
}

// paySetupSession saves the payment method that the payer entered on the page.
func (w *world) paySetupSession(
	s *checkoutSession, holder *customer, method *paymentMethod, who payer, how attempt,
) error {
	intent := w.SetupIntents.get(string(s.SetupIntent))
	if holder == nil {
		holder = w.Customers.get(string(intent.Customer)) // from an earlier attempt
	}
	if holder == nil && s.CustomerCreation == "always" {
		holder = w.sessionHolder(who)
		intent.Customer = text(holder.ID)
	}
	intent.PaymentMethod, intent.Status = text(method.ID), "requires_confirmation"
	if _, err := w.setUp(intent, how); err != nil {
		return err
	}
	if intent.Status == "requires_action" {
		s.Hidden.Challenge = method.ID
		return nil
	}
	w.completeSession(s, holder, method, who, "no_payment_required")
	return nil
}

// due returns what the payer of a session pays now.
func (s *checkoutSession) due() int64 {
	if s.AmountTotal == nil {
		return 0
	}
	return *s.AmountTotal
}

// pageOfSetup returns the open session that a setup intent belongs to, or nil if there is none.
func (w *world) pageOfSetup(intent *setupIntent) *checkoutSession {
	for _, page := range w.Sessions.where(
		func(s *checkoutSession) bool { return string(s.SetupIntent) == intent.ID && s.Status == "open" },
	) {
		return page
	}
	return nil
}
