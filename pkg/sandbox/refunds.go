package sandbox

type refund struct {
	base
	Amount        int64             `json:"amount"`
	Transaction   text              `json:"balance_transaction"`
	Charge        text              `json:"charge"`
	Currency      string            `json:"currency"`
	Destination   map[string]any    `json:"destination_details"`
	Metadata      map[string]string `json:"metadata"`
	NextAction    *refundAction     `json:"next_action,omitempty"`
	PaymentIntent text              `json:"payment_intent"`
	Reason        text              `json:"reason"`
	Status        string            `json:"status"`
	FailureReason string            `json:"failure_reason,omitempty"`
	Reversal      string            `json:"failure_balance_transaction,omitempty"`
	Hidden        struct {
		Fate   string // the status that the payer's bank will give it; "" if the status is final
		FateAt int64
	} `json:"_sandbox"`
}

// createRefund gives money back: all that is left, or a part of it. The session, the invoice and the subscription stay
// paid.
func createRefund(c *call) (any, error) {
	paid, err := c.refundable()
	if err != nil {
		return nil, err
	}
	left := paid.Amount - paid.AmountRefunded
	amount := left
	if c.p.Has("amount") {
		amount = c.p.Int("amount")
	}
	switch {
	case left == 0:
		return nil, coded("charge_already_refunded", "", "Charge %s has already been refunded.", paid.ID)
	case amount < 1:
		return nil, coded("parameter_invalid_integer", "amount", "This value must be greater than or equal to 1.")
	case amount > left:
		return nil, invalid(
			"amount", "Refund amount (%d) is greater than unrefunded amount on charge (%d)", amount, left,
		)
	}
	c.on(c.Customers.get(string(paid.Customer)))
	if paid.uncaptured() {
		return c.refundHold(paid, amount)
	}
	made := c.newRefund(paid, amount, c.p.Text("reason"))
	made.Metadata = mergedMetadata(nil, c.p)
	c.bookRefund(made, paid)
	made.foretell(paid, c.now())
	c.emit("refund.created", made)
	c.change("charge.refunded", paid, func() {
		paid.AmountRefunded += amount
		paid.Refunded = paid.AmountRefunded == paid.Amount
	})
	c.calm(paid)
	return made, nil
}

// refundHold gives back an amount that was never captured. It refuses to give back only a part.
func (c *call) refundHold(held *charge, amount int64) (any, error) {
	if held.PaymentIntent != "" {
		return nil, coded(
			"payment_intent_unexpected_state", "charge",
			"Charge %s belongs to a PaymentIntent that was not captured: cancel the PaymentIntent.", held.ID,
		)
	}
	if amount != held.Amount {
		return nil, invalid("amount", "Charge %s was not captured: it can only be refunded as a whole.", held.ID)
	}
	return c.releaseHold(held, "charge.refunded", c.p.Text("reason")), nil
}

// newRefund makes a refund. The caller completes and announces it. A refund of an amount that was never captured moves
// no money of the account.
func (w *world) newRefund(of *charge, amount int64, reason string) *refund {
	return w.Refunds.add(&refund{
		base:          w.begin("re_3", "refund"),
		Amount:        amount,
		Charge:        text(of.ID),
		Currency:      of.Currency,
		Destination:   of.destination(),
		Metadata:      map[string]string{},
		PaymentIntent: of.PaymentIntent,
		Reason:        text(reason),
		Status:        "succeeded",
	})
}

// destination returns where a refund goes: back to the card, or by transfer to the account that was debited.
func (c *charge) destination() map[string]any {
	if c.PaymentMethodDetails["type"] == "sepa_debit" {
		return map[string]any{
			"type": "eu_bank_transfer", "eu_bank_transfer": map[string]any{"reference": nil, "reference_status": nil},
		}
	}
	return map[string]any{"type": "card", "card": map[string]any{"type": "reversal"}}
}

func (c *call) refundable() (*charge, error) {
	id := c.p.Text("charge")
	if intentID := c.p.Text("payment_intent"); intentID != "" {
		intent := c.Intents.get(intentID)
		if intent == nil {
			return nil, noSuch("payment_intent", intentID, "payment_intent")
		}
		if intent.Status != "succeeded" {
			return nil, coded(
				"payment_intent_unexpected_state", "payment_intent",
				"This PaymentIntent (%s) does not have a successful charge to refund.", intentID,
			)
		}
		if id == "" {
			id = string(intent.LatestCharge)
		}
	}
	if id == "" {
		return nil, coded(
			"parameter_missing", "",
			"One of the following params should be provided for this request: payment_intent or charge.",
		)
	}
	found := c.Charges.get(id)
	if found == nil {
		return nil, noSuch("charge", id, "charge")
	}
	if !found.Paid {
		return nil, invalid("charge", "Charge %s has not been paid and cannot be refunded.", id)
	}
	if found.Disputed {
		return nil, coded("charge_disputed", "", "Charge %s has been charged back; cannot issue a refund.", id)
	}
	return found, nil
}

func getRefund(c *call) (any, error) {
	if found := c.Refunds.get(c.id); found != nil {
		return found, nil
	}
	return nil, noSuch("refund", c.id, "id")
}

func listRefunds(c *call) (any, error) {
	return list(c, &c.Refunds, "refund", func(each *refund) bool {
		return (!c.p.Has("charge") || string(each.Charge) == c.p.Text("charge")) &&
			(!c.p.Has("payment_intent") || string(each.PaymentIntent) == c.p.Text("payment_intent"))
	})
}

func updateRefund(c *call) (any, error) {
	found := c.Refunds.get(c.id)
	if found == nil {
		return nil, noSuch("refund", c.id, "id")
	}
	c.change("charge.refund.updated", found, func() { found.Metadata = mergedMetadata(found.Metadata, c.p) })
	return found, nil
}
