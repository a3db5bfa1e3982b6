package sandbox

import "strings"

type paymentIntent struct {
	base
	Amount                  int64             `json:"amount"`
	AmountReceived          int64             `json:"amount_received"`
	AutomaticPaymentMethods any               `json:"automatic_payment_methods"`
	CanceledAt              stamp             `json:"canceled_at"`
	CancellationReason      text              `json:"cancellation_reason"`
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
	Status                  string            `json:"status"`
}

func (w *world) newIntent(amount int64, currency, customerID string) *paymentIntent {
	made := &paymentIntent{
		base:               w.begin("pi_3", "payment_intent"),
		Amount:             amount,
		Currency:           strings.ToLower(currency),
		Customer:           text(customerID),
		Metadata:           map[string]string{},
		PaymentMethodTypes: []string{"card"},
		Status:             "requires_payment_method",
		PaymentMethodOptions: map[string]any{"card": map[string]any{
			"installments":           nil,
			"mandate_options":        nil,
			"network":                nil,
			"request_three_d_secure": "automatic",
		}},
	}
	made.ClientSecret = made.ID + newID("_secret_", 25)
	return w.Intents.add(made)
}

// attempt says under which circumstances a payment is tried; it decides what 3-D Secure does.
type attempt int

const (
	onSession     attempt = iota // the payer is there and can be asked
	offSession                   // nobody is there: a card that insists on authentication fails
	authenticated                // the payer has just passed 3-D Secure
)

// pay tries to pay an intent with a card. It answers Stripe's card error where the bank refused; an intent that waits
// for the payer's authentication is no error and is left in requires_action.
func (w *world) pay(intent *paymentIntent, method *paymentMethod, how attempt) *apiError {
	card := testCards[method.Hidden.Number]
	refusal := card.decline
	paid, decided := w.verdict(intent)
	asked := how == onSession || how == offSession && intent.Invoice != "" // an invoice waits for its payer, to whom Stripe writes
	if card.authenticates && asked && !decided {
		intent.PaymentMethod, intent.Status = text(method.ID), "requires_action"
		intent.NextAction = map[string]any{"type": "use_stripe_sdk", "use_stripe_sdk": map[string]any{"type": "three_d_secure_redirect"}}
		w.emit("payment_intent.requires_action", intent)
		return nil
	}
	if card.authenticates && how == offSession {
		refusal = declinedUnauthorized
	}
	if decided {
		refusal = map[bool]*decline{false: declinedGeneric}[paid]
	}
	made := w.newCharge(intent, method, refusal)
	intent.LatestCharge, intent.NextAction = text(made.ID), nil
	if refusal == nil {
		w.emit("charge.succeeded", made)
		intent.Status, intent.AmountReceived, intent.PaymentMethod, intent.LastPaymentError = "succeeded", intent.Amount, text(method.ID), nil
		w.emit("payment_intent.succeeded", intent)
		return nil
	}
	w.emit("charge.failed", made)
	return w.refusePayment(intent, method, declinedError(refusal), made.ID)
}

// refusePayment puts an intent back to requires_payment_method with the error that the payer sees.
func (w *world) refusePayment(intent *paymentIntent, method *paymentMethod, refusal *apiError, chargeID string) *apiError {
	refusal.Charge = chargeID
	if method != nil {
		refusal.PaymentMethod = render(method)
	}
	shown := *refusal
	intent.Status, intent.PaymentMethod, intent.LastPaymentError, intent.NextAction = "requires_payment_method", "", shown, nil
	w.emit("payment_intent.payment_failed", intent)
	refusal.PaymentIntent = render(intent)
	return refusal
}

// reject is the payer refusing or failing 3-D Secure.
func (w *world) reject(intent *paymentIntent, method *paymentMethod) *apiError {
	return w.refusePayment(intent, method, unauthenticated("payment_intent_authentication_failure"), "")
}

func unauthenticated(code string) *apiError {
	return &apiError{
		status:  402,
		Type:    "card_error",
		Code:    code,
		DocURL:  docURL(code),
		Message: "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
	}
}

func createPaymentIntent(c *call) (any, error) {
	p := c.p
	if p.Int("amount") < 1 {
		return nil, coded("parameter_invalid_integer", "amount", "This value must be greater than or equal to 1.")
	}
	if p.Int("amount") > maxAmount {
		return nil, coded("amount_too_large", "amount", "Amount must be no more than $999,999.99")
	}
	if !validCurrency(strings.ToLower(p.Text("currency"))) {
		return nil, invalid("currency", "Invalid currency: %s.", p.Text("currency"))
	}
	if least := leastAmount(strings.ToLower(p.Text("currency"))); p.Int("amount") < least {
		return nil, coded("amount_too_small", "amount", "Amount must be at least %s", money(least, p.Text("currency")))
	}
	if p.Text("capture_method") == "manual" {
		return nil, invalid("capture_method", "The sandbox captures at once only.")
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
	c.on(holder)
	made := c.newIntent(p.Int("amount"), p.Text("currency"), p.Text("customer"))
	if types := p.Texts("payment_method_types"); len(types) > 0 {
		made.PaymentMethodTypes = types
	}
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

func (c *call) fillIntent(into *paymentIntent, method *paymentMethod) {
	setText(&into.Description, c.p, "description")
	setText(&into.ReceiptEmail, c.p, "receipt_email")
	setText(&into.SetupFutureUsage, c.p, "setup_future_usage")
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
	if !found.payable() && (c.p.Has("amount") || method != nil) {
		return nil, coded("payment_intent_unexpected_state", "", "This PaymentIntent's amount could not be updated because it has a status of %s.", found.Status)
	}
	if c.p.Has("amount") && (c.p.Int("amount") < 1 || c.p.Int("amount") > maxAmount) {
		return nil, coded("parameter_invalid_integer", "amount", "This value must be greater than or equal to 1.")
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
		e := coded("payment_intent_unexpected_state", "", "This PaymentIntent's status is %s, so it cannot be confirmed.", found.Status)
		e.PaymentIntent = render(found)
		return nil, e
	}
	method, err := c.offered("payment_method", c.Customers.get(string(found.Customer)))
	if err != nil {
		return nil, err
	}
	c.fillIntent(found, method)
	return c.confirm(found)
}

func (c *call) confirm(intent *paymentIntent) (any, error) {
	method := c.PaymentMethods.get(string(intent.PaymentMethod))
	if method == nil {
		return nil, coded("payment_intent_unexpected_state", "payment_method", "You cannot confirm this PaymentIntent because it's missing a payment method. "+
			"You can either update the PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method.")
	}
	how := onSession
	if c.p.Flag("off_session") {
		how = offSession
	}
	if holder := c.Customers.get(string(intent.Customer)); holder != nil && intent.SetupFutureUsage != "" && method.attachable() == nil {
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
	if !found.payable() {
		return nil, coded("payment_intent_unexpected_state", "", "You cannot cancel this PaymentIntent because it has a status of %s. Only a PaymentIntent with one of the following statuses may be canceled: "+
			"requires_payment_method, requires_capture, requires_confirmation, requires_action, processing.", found.Status)
	}
	if found.Invoice != "" {
		return nil, invalid("", "You cannot cancel a PaymentIntent that belongs to an invoice: void the invoice.")
	}
	c.cancelIntent(found, c.p.Text("cancellation_reason"))
	return found, nil
}

func (w *world) cancelIntent(intent *paymentIntent, reason string) {
	intent.Status, intent.CanceledAt, intent.CancellationReason, intent.NextAction = "canceled", stamp(w.now()), text(reason), nil
	w.emit("payment_intent.canceled", intent)
}

func getPaymentIntent(c *call) (any, error) { return c.intent() }

func listPaymentIntents(c *call) (any, error) {
	return list(c, &c.Intents, "payment_intent", func(each *paymentIntent) bool {
		return !c.p.Has("customer") || string(each.Customer) == c.p.Text("customer")
	})
}
