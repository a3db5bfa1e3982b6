package sandbox

type charge struct {
	base
	Amount               int64             `json:"amount"`
	AmountCaptured       int64             `json:"amount_captured"`
	AmountRefunded       int64             `json:"amount_refunded"`
	BalanceTransaction   text              `json:"balance_transaction"`
	BillingDetails       billingDetails    `json:"billing_details"`
	Captured             bool              `json:"captured"`
	Currency             string            `json:"currency"`
	Customer             text              `json:"customer"`
	Description          text              `json:"description"`
	Disputed             bool              `json:"disputed"`
	FailureCode          text              `json:"failure_code"`
	FailureMessage       text              `json:"failure_message"`
	Invoice              text              `json:"invoice"`
	Metadata             map[string]string `json:"metadata"`
	Outcome              outcome           `json:"outcome"`
	Paid                 bool              `json:"paid"`
	PaymentIntent        text              `json:"payment_intent"`
	PaymentMethod        text              `json:"payment_method"`
	PaymentMethodDetails map[string]any    `json:"payment_method_details"`
	ReceiptEmail         text              `json:"receipt_email"`
	Refunded             bool              `json:"refunded"`
	Shipping             any               `json:"shipping"`
	Status               string            `json:"status"`
	Hidden               struct {
		Number   string // the test card, which may bring a dispute
		Disputed bool   // whether that dispute or warning was already brought
	} `json:"_sandbox"`
}

// outcome is the decision of the network and of Stripe's risk model.
type outcome struct {
	NetworkStatus string `json:"network_status"`
	Reason        text   `json:"reason"`
	RiskLevel     string `json:"risk_level"`
	RiskScore     int64  `json:"risk_score"`
	SellerMessage string `json:"seller_message"`
	Type          string `json:"type"`
}

// newCharge makes the charge of one attempt to pay an intent. It is pending until approve or refuse decides.
func (w *world) newCharge(intent *paymentIntent, method *paymentMethod) *charge {
	made := &charge{
		base:                 w.begin("ch_3", "charge"),
		Amount:               intent.Amount,
		BillingDetails:       method.BillingDetails,
		Currency:             intent.Currency,
		Customer:             intent.Customer,
		Description:          intent.Description,
		Invoice:              intent.Invoice,
		Metadata:             intent.Metadata,
		PaymentIntent:        text(intent.ID),
		PaymentMethod:        text(method.ID),
		ReceiptEmail:         intent.ReceiptEmail,
		PaymentMethodDetails: charged(method, intent.Amount),
		Shipping:             intent.Shipping,
	}
	made.Hidden.Number = method.Hidden.Number
	if method.Type != "card" {
		made.ID = newID("py_3", 24)
	}
	return w.Charges.add(made)
}

// approve makes a charge succeed: its money moves, or with held it is only reserved for the merchant.
func (w *world) approve(made *charge, held bool) {
	made.Paid, made.Status = true, "succeeded"
	made.Outcome = outcome{"approved_by_network", "", "normal", 20, "Payment complete.", "authorized"}
	if !held {
		made.AmountCaptured, made.Captured = made.Amount, true
		w.bookCharge(made)
	}
}

// refuse makes a charge fail for the reason that the payer's bank gives.
func (made *charge) refuse(why *decline) {
	made.Status, made.FailureCode, made.FailureMessage = "failed", text(why.code), text(why.message)
	made.Outcome = outcome{
		"declined_by_network", text(why.declineCode), "normal", 20,
		"The bank returned the decline code `" + why.declineCode + "`.", "issuer_declined",
	}
}

// charged returns the payment_method_details of a charge: how it was paid.
func charged(method *paymentMethod, amount int64) map[string]any {
	if method.Type == "sepa_debit" {
		account := method.SepaDebit
		return map[string]any{"type": "sepa_debit", "sepa_debit": map[string]any{
			"bank_code": account.BankCode, "branch_code": account.BranchCode, "country": account.Country,
			"fingerprint": account.Fingerprint, "last4": account.Last4, "mandate": nil,
		}}
	}
	return chargedCard(method, amount)
}

func chargedCard(method *paymentMethod, amount int64) map[string]any {
	card := method.Card
	return map[string]any{
		"type": "card",
		"card": map[string]any{
			"amount_authorized": amount, "brand": card.Brand, "checks": card.Checks, "country": card.Country,
			"exp_month": card.ExpMonth, "exp_year": card.ExpYear,
			"extended_authorization": map[string]any{"status": "disabled"}, "fingerprint": card.Fingerprint,
			"funding":                   card.Funding,
			"incremental_authorization": map[string]any{"status": "unavailable"}, "installments": nil,
			"last4": card.Last4, "mandate": nil,
			"multicapture": map[string]any{"status": "unavailable"}, "network": card.Brand,
			"network_token":  map[string]any{"used": false},
			"overcapture":    map[string]any{"maximum_amount_capturable": amount, "status": "unavailable"},
			"three_d_secure": nil, "wallet": nil,
		},
	}
}

func getCharge(c *call) (any, error) {
	if found := c.Charges.get(c.id); found != nil {
		return found, nil
	}
	return nil, noSuch("charge", c.id, "id")
}

func listCharges(c *call) (any, error) {
	return list(c, &c.Charges, "charge", func(each *charge) bool {
		return (!c.p.Has("customer") || string(each.Customer) == c.p.Text("customer")) &&
			(!c.p.Has("payment_intent") || string(each.PaymentIntent) == c.p.Text("payment_intent"))
	})
}

func updateCharge(c *call) (any, error) {
	found := c.Charges.get(c.id)
	if found == nil {
		return nil, noSuch("charge", c.id, "id")
	}
	c.change("charge.updated", found, func() {
		setText(&found.Description, c.p, "description")
		setText(&found.ReceiptEmail, c.p, "receipt_email")
		found.Metadata = mergedMetadata(found.Metadata, c.p)
	})
	return found, nil
}
