package sandbox

// setupIntent saves a card for later without charging it.
type setupIntent struct {
	base
	AutomaticPaymentMethods any               `json:"automatic_payment_methods"`
	CancellationReason      text              `json:"cancellation_reason"`
	ClientSecret            string            `json:"client_secret"`
	Customer                text              `json:"customer"`
	Description             text              `json:"description"`
	LastSetupError          any               `json:"last_setup_error"`
	Metadata                map[string]string `json:"metadata"`
	NextAction              any               `json:"next_action"`
	PaymentMethod           text              `json:"payment_method"`
	PaymentMethodOptions    any               `json:"payment_method_options"`
	PaymentMethodTypes      []string          `json:"payment_method_types"`
	Status                  string            `json:"status"`
	Usage                   string            `json:"usage"`
}

func createSetupIntent(c *call) (any, error) {
	holder, method, err := c.setupParties(nil)
	if err != nil {
		return nil, err
	}
	c.on(holder)
	if method == nil && c.p.Flag("confirm") {
		return nil, noMethodToSetUp()
	}
	made := c.newSetup([]string{"card"})
	if usage := c.p.Text("usage"); usage != "" {
		made.Usage = usage
	}
	if c.p.Sub("automatic_payment_methods").Flag("enabled") {
		made.AutomaticPaymentMethods = map[string]any{"allow_redirects": "always", "enabled": true}
	}
	c.fillSetup(made, holder, method)
	c.emit("setup_intent.created", made)
	if c.p.Flag("confirm") {
		return c.setUp(made, onSession)
	}
	return made, nil
}

func (w *world) newSetup(types []string) *setupIntent {
	made := &setupIntent{
		base:     w.begin("seti_1", "setup_intent"),
		Metadata: map[string]string{},
		Status:   "requires_payment_method",
		Usage:    "off_session",
	}
	made.accept(types)
	made.ClientSecret = made.ID + newID("_secret_", 25)
	return w.SetupIntents.add(made)
}

// setupParties returns the customer and the card that a request names. If it names no customer, the intent's is
// returned.
func (c *call) setupParties(known *setupIntent) (holder *customer, method *paymentMethod, err error) {
	if id := c.p.Text("customer"); id != "" {
		if holder, err = c.customerAt(id, "customer"); err != nil {
			return nil, nil, err
		}
	} else if known != nil {
		holder = c.Customers.get(string(known.Customer))
	}
	types := []string{"card"}
	if known != nil {
		types = known.PaymentMethodTypes
	}
	if given := c.p.Texts("payment_method_types"); len(given) > 0 {
		if _, err := c.sessionTypes(""); err != nil {
			return nil, nil, err
		}
		types = given
	}
	if method, err = c.offered("payment_method", holder); err == nil {
		err = method.usable(types, "")
	}
	return holder, method, err
}

func (c *call) fillSetup(into *setupIntent, holder *customer, method *paymentMethod) {
	if holder != nil {
		into.Customer = text(holder.ID)
	}
	if types := c.p.Texts("payment_method_types"); len(types) > 0 {
		into.accept(types)
	}
	setText(&into.Description, c.p, "description")
	into.Metadata = mergedMetadata(into.Metadata, c.p)
	if method != nil {
		into.PaymentMethod, into.Status = text(method.ID), "requires_confirmation"
	}
}

// accept sets the kinds of payment methods that an intent may set up, and the options of each kind.
func (s *setupIntent) accept(types []string) {
	options := map[string]any{}
	for _, kind := range types {
		options[kind] = map[string]any{}
		if kind == "card" {
			options[kind] = map[string]any{
				"mandate_options": nil, "network": nil, "request_three_d_secure": "automatic",
			}
		}
	}
	s.PaymentMethodTypes, s.PaymentMethodOptions = types, options
}

func (c *call) setupIntent() (*setupIntent, error) {
	found := c.SetupIntents.get(c.id)
	if found == nil {
		e := noSuch("setupintent", c.id, "id")
		e.Param = "intent"
		return nil, e
	}
	c.on(c.Customers.get(string(found.Customer)))
	return found, nil
}

// openSetup finds an intent that can still be changed.
func (c *call) openSetup() (*setupIntent, error) {
	found, err := c.setupIntent()
	if err == nil && (found.Status == "succeeded" || found.Status == "canceled") {
		e := coded(
			"setup_intent_unexpected_state", "",
			"This SetupIntent's status is %s, so it cannot be changed, confirmed or canceled.", found.Status,
		)
		e.SetupIntent = render(found)
		return nil, e
	}
	if err == nil && c.pageOfSetup(found) != nil {
		return nil, coded(
			"setup_intent_unexpected_state", "",
			"This SetupIntent belongs to a Checkout Session: it is confirmed on the session's page, and canceled by expiring the session.",
		)
	}
	return found, err
}

// setupAndParties returns the open intent that a request changes, and what setupParties returns for it.
func (c *call) setupAndParties() (found *setupIntent, holder *customer, method *paymentMethod, err error) {
	if found, err = c.openSetup(); err == nil {
		holder, method, err = c.setupParties(found)
	}
	return found, holder, method, err
}

func updateSetupIntent(c *call) (any, error) {
	found, holder, method, err := c.setupAndParties()
	if err != nil {
		return nil, err
	}
	c.fillSetup(found, holder, method) // Stripe announces no setup_intent.updated
	return found, nil
}

func confirmSetupIntent(c *call) (any, error) {
	found, holder, method, err := c.setupAndParties()
	if err != nil {
		return nil, err
	}
	if method == nil && found.PaymentMethod == "" {
		return nil, noMethodToSetUp()
	}
	c.fillSetup(found, holder, method)
	return c.setUp(found, onSession)
}

func noMethodToSetUp() error {
	return coded("setup_intent_unexpected_state", "payment_method", "You cannot confirm this SetupIntent because it's missing a payment method. "+
		"Update the SetupIntent with a payment method and then confirm it again.")
}

// setUp saves the card. If the card requires 3-D Secure, it asks for that first.
func (w *world) setUp(s *setupIntent, how attempt) (any, error) {
	method := w.PaymentMethods.get(string(s.PaymentMethod))
	if method == nil {
		return nil, noMethodToSetUp()
	}
	if method.asks(onSession) && how == onSession {
		s.Status, s.NextAction = "requires_action", secureAction()
		w.emit("setup_intent.requires_action", s)
		return s, nil
	}
	if refusal := method.attachable(); refusal != nil {
		return nil, w.refuseSetup(s, method, asAPIError(refusal))
	}
	if holder := w.Customers.get(string(s.Customer)); holder != nil {
		w.attach(method, holder)
	}
	method.Hidden.SetUp = s.Usage == "off_session"
	s.Status, s.NextAction, s.LastSetupError = "succeeded", nil, nil
	w.emit("setup_intent.succeeded", s)
	return s, nil
}

// refuseSetup puts an intent back to requires_payment_method, with the error that the payer sees.
func (w *world) refuseSetup(s *setupIntent, method *paymentMethod, refusal *apiError) *apiError {
	refusal.PaymentMethod = render(method)
	shown := *refusal
	s.Status, s.PaymentMethod, s.NextAction, s.LastSetupError = "requires_payment_method", "", nil, shown
	w.emit("setup_intent.setup_failed", s)
	refusal.SetupIntent = render(s)
	return refusal
}

func cancelSetupIntent(c *call) (any, error) {
	found, err := c.openSetup()
	if err != nil {
		return nil, err
	}
	c.cancelSetup(found, c.p.Text("cancellation_reason"))
	return found, nil
}

func (w *world) cancelSetup(intent *setupIntent, reason string) {
	intent.Status, intent.CancellationReason, intent.NextAction = "canceled", text(reason), nil
	w.emit("setup_intent.canceled", intent)
}

func getSetupIntent(c *call) (any, error) { return c.setupIntent() }

func listSetupIntents(c *call) (any, error) {
	return list(c, &c.SetupIntents, "setup_intent", func(each *setupIntent) bool {
		return (!c.p.Has("customer") || string(each.Customer) == c.p.Text("customer")) &&
			(!c.p.Has("payment_method") || string(each.PaymentMethod) == c.p.Text("payment_method"))
	})
}
