package sandbox

import (
	"cmp"
	"strings"
)

type paymentIntent struct {
	base
	Amount                  int64             `json:"amount"`
	AmountCapturable        int64             `json:"amount_capturable"`
	AmountReceived          int64             `json:"amount_received"`
	AutomaticPaymentMethods any               `json:"automatic_payment_methods"`
	CanceledAt              stamp             `json:"canceled_at"`
	CancellationReason      text              `json:"cancellation_reason"`
	CaptureMethod           string            `json:"capture_method"`
	ClientSecret            string            `json:"client_secret"`
	Currency                string            `json:"currency"`
	Customer                text              `json:"customer"`
	Description             text              `json:"description"`
	Invoice                 text              `json:"invoice"`
	LastPaymentError        any               `json:"last_payment_error"`
	LatestCharge            text              `json:"latest_charge"`
	Metadata                map[string]string `json:"metadata"`
	NextAction              any               `json:"next_action"`
	PaymentMethod           text              `json:"payment_method"`
	PaymentMethodOptions    any               `json:"payment_method_options"`
	PaymentMethodTypes      []string          `json:"payment_method_types"`
	ReceiptEmail            text              `json:"receipt_email"`
	SetupFutureUsage        text              `json:"setup_future_usage"`
	Shipping                any               `json:"shipping"`
	Status                  string            `json:"status"`
	Hidden                  struct {
		HeldUntil int64 // when the bank releases an amount that waits for capture
		SettlesAt int64 // when the bank decides on a debit
	} `json:"_sandbox"`
}

func (w *world) newIntent(amount int64, currency, customerID string) *paymentIntent {
	made := &paymentIntent{
		base:          w.begin("pi_3", "payment_intent"),
		Amount:        amount,
		CaptureMethod: "automatic",
		Currency:      strings.ToLower(currency),
		Customer:      text(customerID),
		Metadata:      map[string]string{},
		Status:        "requires_payment_method",
	}
	made.accept(typesFor(made.Currency))
	made.ClientSecret = made.ID + newID("_secret_", 25)
	return w.Intents.add(made)
}

func createPaymentIntent(c *call) (any, error) {
	p := c.p
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
	method, err := c.offered("payment_method", holder)
	if err != nil {
		return nil, err
	}
	types, err := c.intentTypes(strings.ToLower(p.Text("currency")), typesFor(strings.ToLower(p.Text("currency"))))
	if err != nil {
		return nil, err
	}
	if err := method.usable(types, p.Text("capture_method")); err != nil {
		return nil, err
	}
	if method == nil && p.Flag("confirm") {
		return nil, noMethodToPay()
	}
	c.on(holder)
	made := c.newIntent(p.Int("amount"), p.Text("currency"), p.Text("customer"))
	made.accept(types)
	if p.Sub("automatic_payment_methods").Flag("enabled") {
		made.AutomaticPaymentMethods = map[string]any{"allow_redirects": "always", "enabled": true}
	}
	c.fillIntent(made, method)
	c.emit("payment_intent.created", made)
	if p.Flag("confirm") {
		return c.confirm(made)
	}
	return made, nil
}

// intentTypes returns the kinds of payment methods that an intent accepts. If the request names none, it returns known.
func (c *call) intentTypes(currency string, known []string) ([]string, error) {
	for kind := range c.p.Sub("payment_method_options") {
		if c.p.Sub("payment_method_options").Sub(kind).Has("capture_method") {
			return nil, invalid(
				"payment_method_options["+kind+"][capture_method]",
				"The sandbox captures all kinds of payment methods alike: use `capture_method`.",
			)
		}
	}
	types := c.p.Texts("payment_method_types")
	if len(types) == 0 {
		return known, nil
	}
	return types, checkDebitCurrency(types, currency, "payment_method_types")
}

// accept sets the kinds of payment methods that an intent accepts, and the options of each kind.
func (i *paymentIntent) accept(types []string) {
	options := map[string]any{}
	for _, kind := range types {
		switch kind {
		case "card":
			options[kind] = map[string]any{
				"installments":           nil,
				"mandate_options":        nil,
				"network":                nil,
				"request_three_d_secure": "automatic",
			}
		case "sepa_debit":
			options[kind] = map[string]any{}
		}
	}
	i.PaymentMethodTypes, i.PaymentMethodOptions = types, options
}

func noMethodToPay() error {
	return coded("payment_intent_unexpected_state", "payment_method", "You cannot confirm this PaymentIntent because it's missing a payment method. "+
		"You can either update the PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method.")
}

func (c *call) fillIntent(into *paymentIntent, method *paymentMethod) {
	setText(&into.Description, c.p, "description")
	setText(&into.ReceiptEmail, c.p, "receipt_email")
	setText(&into.SetupFutureUsage, c.p, "setup_future_usage")
	if word := c.p.Text("capture_method"); word != "" {
		into.CaptureMethod = word
	}
	if c.p.Has("shipping") {
		into.Shipping = shippingOf(c.p.Sub("shipping"))
	}
	into.Metadata = mergedMetadata(into.Metadata, c.p)
	if method != nil {
		into.PaymentMethod, into.Status = text(method.ID), "requires_confirmation"
	}
}

func (c *call) intent() (*paymentIntent, error) {
	found := c.Intents.get(c.id)
	if found == nil {
		e := noSuch("payment_intent", c.id, "id")
		e.Param = "intent"
		return nil, e
	}
	c.on(c.Customers.get(string(found.Customer)))
	return found, nil
}

func (i *paymentIntent) payable() bool {
	return i.Status == "requires_payment_method" || i.Status == "requires_confirmation" || i.Status == "requires_action"
}

func updatePaymentIntent(c *call) (any, error) {
	found, err := c.intent()
	if err != nil {
		return nil, err
	}
	method, err := c.offered("payment_method", c.Customers.get(string(found.Customer)))
	if err != nil {
		return nil, err
	}
	if !found.payable() && (c.p.Has("amount") || c.p.Has("capture_method") || method != nil) {
		return nil, coded(
			"payment_intent_unexpected_state", "",
			"This PaymentIntent's amount could not be updated because it has a status of %s.", found.Status,
		)
	}
	if c.p.Has("amount") && (c.p.Int("amount") < 1 || c.p.Int("amount") > maxAmount) {
		return nil, coded("parameter_invalid_integer", "amount", "This value must be greater than or equal to 1.")
	}
	types, err := c.intentTypes(found.Currency, found.PaymentMethodTypes)
	if err != nil {
		return nil, err
	}
	if err := method.usable(types, cmp.Or(c.p.Text("capture_method"), found.CaptureMethod)); err != nil {
		return nil, err
	}
	if found.payable() {
		found.accept(types)
	}
	if c.p.Has("amount") {
		found.Amount = c.p.Int("amount")
	}
	c.fillIntent(found, method) // Stripe announces no payment_intent.updated
	return found, nil
}

func confirmPaymentIntent(c *call) (any, error) {
	found, err := c.intent()
	if err != nil {
		return nil, err
	}
	if !found.payable() {
		e := coded(
			"payment_intent_unexpected_state", "", "This PaymentIntent's status is %s, so it cannot be confirmed.",
			found.Status,
		)
		e.PaymentIntent = render(found)
		return nil, e
	}
	method, err := c.offered("payment_method", c.Customers.get(string(found.Customer)))
	if err != nil {
		return nil, err
	}
	if method == nil {
		if method = c.PaymentMethods.get(string(found.PaymentMethod)); method == nil {
			return nil, noMethodToPay()
		}
	}
	types, err := c.intentTypes(found.Currency, found.PaymentMethodTypes)
	if err != nil {
		return nil, err
	}
	if err := method.usable(types, cmp.Or(c.p.Text("capture_method"), found.CaptureMethod)); err != nil {
		return nil, err
	}
	found.accept(types)
	c.fillIntent(found, method)
	return c.confirm(found)
}

func (c *call) confirm(intent *paymentIntent) (any, error) {
	method := c.PaymentMethods.get(string(intent.PaymentMethod))
	if method == nil {
		return nil, noMethodToPay()
	}
	how := onSession
	if c.p.Flag("off_session") {
		how = offSession
	}
	if holder := c.Customers.get(string(intent.Customer)); holder != nil && intent.SetupFutureUsage != "" &&
		method.attachable() == nil {
		c.attach(method, holder)
	}
	if owner := c.Invoices.get(string(intent.Invoice)); owner != nil {
		if refusal := c.payInvoice(owner, method, how); refusal != nil {
			return nil, refusal
		}
		return intent, nil
	}
	if refusal := c.pay(intent, method, how); refusal != nil {
		return nil, refusal
	}
	return intent, nil
}

func cancelPaymentIntent(c *call) (any, error) {
	found, err := c.intent()
	if err != nil {
		return nil, err
	}
	if !found.payable() && found.Status != "requires_capture" {
		return nil, coded("payment_intent_unexpected_state", "", "You cannot cancel this PaymentIntent because it has a status of %s. Only a PaymentIntent with one of the following statuses may be canceled: "+
			"requires_payment_method, requires_capture, requires_confirmation, requires_action, processing.", found.Status)
	}
	if found.Invoice != "" {
		return nil, invalid("", "You cannot cancel a PaymentIntent that belongs to an invoice: void the invoice.")
	}
	if found.Status == "requires_capture" {
		c.releaseHold(c.Charges.get(string(found.LatestCharge)), "charge.refunded", "")
	}
	c.cancelIntent(found, c.p.Text("cancellation_reason"))
	return found, nil
}

func (w *world) cancelIntent(intent *paymentIntent, reason string) {
	intent.Status, intent.CanceledAt, intent.CancellationReason, intent.NextAction = "canceled", stamp(w.now()), text(reason), nil
	intent.AmountCapturable = 0
	w.emit("payment_intent.canceled", intent)
}

func getPaymentIntent(c *call) (any, error) { return c.intent() }

func listPaymentIntents(c *call) (any, error) {
	return list(c, &c.Intents, "payment_intent", func(each *paymentIntent) bool {
		return !c.p.Has("customer") || string(each.Customer) == c.p.Text("customer")
	})
}
