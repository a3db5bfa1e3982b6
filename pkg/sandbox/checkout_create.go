package sandbox

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Stripe's bounds on a session's life, in seconds.
const (
	sessionLifetime = 24 * 3600
	shortestSession = 30 * 60
)

// createSession validates and stores a session. Stripe sends no event for it. A payment intent is made only when the
// payer pays.
func createSession(c *call) (any, error) {
	p := c.p
	mode := p.Text("mode")
	if mode == "" {
		return nil, missing("mode")
	}
	if ui := p.Text("ui_mode"); ui != "" && ui != "hosted" {
		return nil, invalid("ui_mode", "The sandbox serves hosted pages only.")
	}
	if err := c.checkSessionURLs(); err != nil {
		return nil, err
	}
	holder, err := c.sessionCustomer()
	if err != nil {
		return nil, err
	}
	if mode == "setup" {
		return c.createSetupSession(holder)
	}
	if err := c.checkModeParams(mode); err != nil {
		return nil, err
	}
	items, err := c.sessionItems(mode)
	if err != nil {
		return nil, err
	}
	redeemed, err := c.sessionDiscount(holder, items)
	if err != nil {
		return nil, err
	}
	types, err := c.sessionTypes(items[0].price.Currency)
	if err != nil {
		return nil, err
	}
	made := &checkoutSession{
		base: c.begin("cs_test_", "checkout.session"), Mode: mode, Status: "open", PaymentStatus: "unpaid",
	}
	made.ID = newID("cs_test_a1", 56)
	if err := c.setLife(made, items); err != nil {
		return nil, err
	}
	c.describeSession(made, holder, types)
	made.sell(c, items)
	if err := c.discountSession(made, redeemed, "discounts"); err != nil {
		return nil, err
	}
	return c.keepSession(made), nil
}

func (c *call) keepSession(made *checkoutSession) *checkoutSession {
	made.Hidden.PageURL = c.host + "/c/pay/" + made.ID
	made.URL = text(made.Hidden.PageURL)
	c.Sessions.add(made)
	c.plan(made)
	return made
}

func (c *call) checkSessionURLs() error {
	if c.p.Text("success_url") == "" {
		return missing("success_url")
	}
	for _, name := range []string{"success_url", "cancel_url"} {
		if address := c.p.Text(name); address != "" && !absolute(address) {
			return coded("url_invalid", name, "Not a valid URL")
		}
	}
	return nil
}

func absolute(address string) bool {
	parsed, err := url.Parse(strings.NewReplacer("{", "", "}", "").Replace(address))
	return err == nil && (parsed.Scheme == "http" || parsed.Scheme == "https") && parsed.Host != ""
}

func (c *call) sessionCustomer() (*customer, error) {
	id := c.p.Text("customer")
	if id != "" && c.p.Text("customer_email") != "" {
		return nil, invalid("customer", "You may only specify one of these parameters: customer, customer_email.")
	}
	if email := c.p.Text("customer_email"); email != "" && !strings.Contains(email, "@") {
		return nil, coded("email_invalid", "customer_email", "Invalid email address: %s", email)
	}
	if id == "" {
		return nil, nil
	}
	return c.customerAt(id, "customer")
}

// sessionTypes returns the payment method types of a session. The default is card, plus the types that the settings
// offer.
func (c *call) sessionTypes(currency string) ([]string, error) {
	types := c.p.Texts("payment_method_types")
	for i, kind := range types {
		if kind != "card" && kind != "sepa_debit" {
			return nil, invalid(
				fmt.Sprintf("payment_method_types[%d]", i),
				"The sandbox knows payment methods of the types card and sepa_debit only.",
			)
		}
	}
	if len(types) == 0 {
		types = c.offeredTypes(currency)
	}
	return types, checkDebitCurrency(types, currency, "payment_method_types")
}

// checkModeParams refuses parameters that belong to the other mode.
func (c *call) checkModeParams(mode string) error {
	foreign := []string{"subscription_data", "payment_method_collection", "setup_intent_data"}
	if mode == "subscription" {
		foreign = []string{
			"payment_intent_data", "customer_creation", "invoice_creation", "submit_type", "setup_intent_data",
		}
	}
	for _, name := range foreign {
		if c.p.Has(name) {
			return invalid(name, "You can not pass `%s` in `%s` mode.", name, mode)
		}
	}
	if c.p.Has("customer_creation") && c.p.Text("customer") != "" {
		return invalid("customer_creation", "`customer_creation` cannot be used with `customer`.")
	}
	if c.p.Sub("invoice_creation").Flag("enabled") {
		return invalid("invoice_creation", "The sandbox makes no invoices in `payment` mode.")
	}
	if data := c.p.Sub("subscription_data"); data.Has("billing_cycle_anchor") {
		return invalid(
			"subscription_data[billing_cycle_anchor]",
			"The sandbox anchors a subscription at its start or its trial's end only.",
		)
	}
	return nil
}

// sessionItems reads line_items and checks that they fit the mode.
func (c *call) sessionItems(mode string) ([]purchase, error) {
	entries := c.p.List("line_items")
	if len(entries) == 0 {
		return nil, missing("line_items")
	}
	for i, entry := range entries {
		at := fmt.Sprintf("line_items[%d][quantity]", i)
		if !entry.Has("quantity") {
			return nil, missing(at)
		}
		if entry.Int("quantity") < 1 {
			return nil, coded("parameter_invalid_integer", at, "This value must be greater than or equal to 1.")
		}
	}
	items, err := c.purchases(entries, "line_items", "")
	if err != nil {
		return nil, err
	}
	sum := worth(items)
	if least := leastAmount(items[0].price.Currency); mode == "payment" && sum > 0 && sum < least {
		return nil, coded(
			"amount_too_small", "", "The Checkout Session's total amount due must add up to at least %s.",
			money(least, items[0].price.Currency),
		)
	}
	return items, checkCycles(mode, items)
}

// checkCycles checks that the recurring items fit the mode.
func checkCycles(mode string, items []purchase) error {
	var cycles []*recurring
	for _, item := range items {
		if item.price.Recurring != nil {
			cycles = append(cycles, item.price.Recurring)
		}
	}
	switch {
	case mode == "payment" && len(cycles) > 0:
		return invalid(
			"line_items[0][price]",
			"You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use only one-time prices.",
		)
	case mode == "subscription" && len(cycles) == 0:
		return invalid(
			"line_items", "You must provide at least one recurring price in `subscription` mode when using prices.",
		)
	case slices.ContainsFunc(cycles, func(r *recurring) bool { return !r.same(cycles[0]) }):
		return invalid("line_items", "Checkout does not support multiple prices with different billing intervals.")
	}
	return nil
}

// setLife sets when the session expires, and the trial that it sells.
func (c *call) setLife(made *checkoutSession, items []purchase) error {
	made.ExpiresAt = made.Created + sessionLifetime
	if at := c.p.Int("expires_at"); at != 0 {
		if at < made.Created+shortestSession || at > made.Created+sessionLifetime {
			return invalid(
				"expires_at",
				"The `expires_at` timestamp must be at least 30 minutes and less than 24 hours from Checkout Session creation.",
			)
		}
		made.ExpiresAt = at
	}
	data := c.p.Sub("subscription_data")
	if _, err := c.trialEnd(data, items); err != nil {
		return err
	}
	made.Hidden.TrialDays, made.Hidden.TrialEnd = data.Int("trial_period_days"), data.Int("trial_end")
	made.Hidden.MissingCard = data.Sub("trial_settings").Sub("end_behavior").Text("missing_payment_method")
	return nil
}

func (c *call) describeSession(made *checkoutSession, holder *customer, types []string) {
	p := c.p
	for name, field := range map[string]*text{
		"billing_address_collection": &made.BillingAddress,
		"cancel_url":                 &made.CancelURL,
		"client_reference_id":        &made.ClientReferenceID,
		"customer":                   &made.Customer,
		"customer_creation":          &made.CustomerCreation,
		"customer_email":             &made.CustomerEmail,
		"locale":                     &made.Locale,
		"payment_method_collection":  &made.PaymentMethodCollect,
		"submit_type":                &made.SubmitType,
		"success_url":                &made.SuccessURL,
	} {
		setText(field, p, name)
	}
	made.Metadata = mergedMetadata(nil, p)
	made.AutomaticTax = map[string]any{"enabled": false, "liability": nil, "status": nil}
	made.PaymentMethodTypes = types
	made.PaymentMethodOptions = map[string]any{}
	if p.Has("allow_promotion_codes") {
		allow := p.Flag("allow_promotion_codes")
		made.AllowPromotionCodes = &allow
	}
	made.Hidden.IntentData = mergedMetadata(nil, p.Sub("payment_intent_data"))
	made.Hidden.CaptureMethod = p.Sub("payment_intent_data").Text("capture_method")
	made.Hidden.SaveCard = p.Sub("payment_intent_data").Text("setup_future_usage")
	made.Hidden.Description = p.Sub("payment_intent_data").Text("description") +
		p.Sub("subscription_data").Text("description")
	made.Hidden.SubMetadata = mergedMetadata(nil, p.Sub("subscription_data"))
	if made.Mode == "payment" {
		if made.CustomerCreation == "" && holder == nil {
			made.CustomerCreation = "if_required"
		}
		made.InvoiceCreation = map[string]any{
			"enabled": false,
			"invoice_data": map[string]any{
				"account_tax_ids":   nil,
				"custom_fields":     nil,
				"description":       nil,
				"footer":            nil,
				"issuer":            nil,
				"metadata":          map[string]any{},
				"rendering_options": nil,
			},
		}
	} else if made.PaymentMethodCollect == "" {
		made.PaymentMethodCollect = "always"
	}
	if holder != nil {
		made.CustomerDetails = &customerDetails{Email: holder.Email, Name: "", TaxExempt: "none"}
	} else if made.CustomerEmail != "" {
		made.CustomerDetails = &customerDetails{Email: made.CustomerEmail, TaxExempt: "none"}
	}
}

// sell puts the items into the session and adds them up. With a trial, recurring items are free today. discountSession
// then applies the discount.
func (s *checkoutSession) sell(c *call, items []purchase) {
	sum := int64(0)
	for _, each := range items {
		amount := each.price.UnitAmount * each.quantity
		if each.price.Recurring != nil && (s.Hidden.TrialDays > 0 || s.Hidden.TrialEnd > 0) {
			amount = 0
		}
		s.Hidden.Items = append(s.Hidden.Items, &lineItem{
			ID:             newID("li_1", 23),
			Object:         "item",
			AmountSubtotal: amount,
			Currency:       each.price.Currency,
			Description:    c.productName(each.price),
			Price:          each.price,
			Quantity:       each.quantity,
		})
		sum += amount
	}
	s.Currency, s.AmountSubtotal, s.AmountTotal = text(items[0].price.Currency), amountOf(sum), amountOf(sum)
}
