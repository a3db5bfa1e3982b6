package sandbox

type checkoutSession struct {
	base
	AmountSubtotal       *int64            `json:"amount_subtotal"`
	AmountTotal          *int64            `json:"amount_total"`
	AllowPromotionCodes  *bool             `json:"allow_promotion_codes"`
	AutomaticTax         map[string]any    `json:"automatic_tax"`
	BillingAddress       text              `json:"billing_address_collection"`
	CancelURL            text              `json:"cancel_url"`
	ClientReferenceID    text              `json:"client_reference_id"`
	Currency             text              `json:"currency"`
	Customer             text              `json:"customer"`
	CustomerCreation     text              `json:"customer_creation"`
	CustomerDetails      *customerDetails  `json:"customer_details"`
	CustomerEmail        text              `json:"customer_email"`
	ExpiresAt            int64             `json:"expires_at"`
	Invoice              text              `json:"invoice"`
	InvoiceCreation      any               `json:"invoice_creation"`
	Locale               text              `json:"locale"`
	Metadata             map[string]string `json:"metadata"`
	Mode                 string            `json:"mode"`
	PaymentIntent        text              `json:"payment_intent"`
	PaymentMethodCollect text              `json:"payment_method_collection"`
	PaymentMethodOptions any               `json:"payment_method_options"`
	PaymentMethodTypes   []string          `json:"payment_method_types"`
	PaymentStatus        string            `json:"payment_status"`
	SetupIntent          text              `json:"setup_intent"`
	Status               string            `json:"status"`
	SubmitType           text              `json:"submit_type"`
	Subscription         text              `json:"subscription"`
	SuccessURL           text              `json:"success_url"`
	TotalDetails         totalDetails      `json:"total_details"`
	URL                  text              `json:"url"`
	Hidden               sessionHidden     `json:"_sandbox"`
}

// sessionHidden holds what a session needs in order to be paid but does not show.
type sessionHidden struct {
	Items         []*lineItem
	PageURL       string            // kept when url becomes null
	IntentData    map[string]string // payment_intent_data.metadata
	Description   string            // …_data.description
	SaveCard      string            // payment_intent_data.setup_future_usage
	CaptureMethod string            // payment_intent_data.capture_method
	SubMetadata   map[string]string // subscription_data.metadata
	TrialDays     int64
	TrialEnd      int64
	MissingCard   string
	Coupon        string    // redeemed when the session is paid
	PromotionCode string    // the code that led to the coupon
	Discount      *discount // the discount at payment, or its customer's own
	Intent        string    // the intent of earlier declined attempts
	Subscription  string    // the incomplete subscription of earlier declined attempts
	Challenge     string    // the method that waits for 3-D Secure
	Completed     string    // the event of its completion
}

type customerDetails struct {
	Address   any    `json:"address"`
	Email     text   `json:"email"`
	Name      text   `json:"name"`
	Phone     text   `json:"phone"`
	TaxExempt string `json:"tax_exempt"`
	TaxIDs    []any  `json:"tax_ids"`
}

type totalDetails struct {
	AmountDiscount int64 `json:"amount_discount"`
	AmountShipping int64 `json:"amount_shipping"`
	AmountTax      int64 `json:"amount_tax"`
}

// lineItem is what a session sells; Stripe calls its object "item".
type lineItem struct {
	ID             string `json:"id"`
	Object         string `json:"object"`
	AmountDiscount int64  `json:"amount_discount"`
	AmountSubtotal int64  `json:"amount_subtotal"`
	AmountTax      int64  `json:"amount_tax"`
	AmountTotal    int64  `json:"amount_total"`
	Currency       string `json:"currency"`
	Description    string `json:"description"`
	Price          *price `json:"price"`
	Quantity       int64  `json:"quantity"`
}

func (l *lineItem) key() string { return l.ID }
func (l *lineItem) when() int64 { return 0 }

func (c *call) session() (*checkoutSession, error) {
	if found := c.Sessions.get(c.id); found != nil {
		return found, nil
	}
	return nil, noSuch("checkout.session", c.id, "id")
}

func getSession(c *call) (any, error) { return c.session() }

func listSessions(c *call) (any, error) {
	p := c.p
	return list(c, &c.Sessions, "checkout.session", func(each *checkoutSession) bool {
		return (!p.Has("customer") || string(each.Customer) == p.Text("customer")) &&
			(!p.Has("payment_intent") || string(each.PaymentIntent) == p.Text("payment_intent")) &&
			(!p.Has("subscription") || string(each.Subscription) == p.Text("subscription")) &&
			(!p.Has("status") || each.Status == p.Text("status")) &&
			(!p.Has("customer_details") || each.CustomerDetails != nil && string(
				each.CustomerDetails.Email,
			) == p.Sub("customer_details").Text("email"))
	})
}

func listSessionItems(c *call) (any, error) {
	found, err := c.session()
	if err != nil {
		return nil, err
	}
	return paginate(c, found.Hidden.Items, "line item")
}

func expireSessionByHand(c *call) (any, error) {
	found, err := c.session()
	if err != nil {
		return nil, err
	}
	if found.Status != "open" {
		return nil, invalid(
			"",
			"Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of %s.",
			found.Status,
		)
	}
	c.expireSession(found)
	return found, nil
}

func (w *world) expireSession(s *checkoutSession) {
	s.Status, s.URL = "expired", ""
	if intent := w.Intents.get(s.Hidden.Intent); intent != nil && intent.payable() {
		w.cancelIntent(intent, "automatic")
	}
	if intent := w.SetupIntents.get(string(s.SetupIntent)); intent != nil {
		w.cancelSetup(intent, "")
	}
	w.emit("checkout.session.expired", s)
}
