package sandbox

import "slices"

// holdLifetime is how long a bank holds an amount for manual capture, in seconds.
const holdLifetime = 7 * 86400

// receive marks a payment as succeeded.
func (w *world) receive(intent *paymentIntent, amount int64) {
	intent.Status, intent.AmountReceived, intent.AmountCapturable = "succeeded", amount, 0
	w.emit("payment_intent.succeeded", intent)
}

// hold leaves a payment for the merchant to capture.
func (w *world) hold(intent *paymentIntent) {
	intent.Status, intent.AmountCapturable, intent.Hidden.HeldUntil = "requires_capture", intent.Amount, w.now()+
		holdLifetime
	w.emit("payment_intent.amount_capturable_updated", intent)
}

// capture takes money that the bank holds. The rest is released to the payer.
func (w *world) capture(held *charge, amount int64) {
	rest := held.Amount - amount
	w.change("charge.captured", held, func() {
		held.Captured, held.AmountCaptured, held.AmountRefunded = true, amount, rest
		w.bookCharge(held)
	})
	if rest > 0 {
		w.emit("refund.created", w.newRefund(held, rest, ""))
	}
}

// releaseHold releases the whole amount of an uncaptured charge to the payer. No money ever moved.
func (w *world) releaseHold(held *charge, kind, reason string) *refund {
	made := w.newRefund(held, held.Amount, reason)
	w.emit("refund.created", made)
	w.change(kind, held, func() { held.AmountRefunded, held.Refunded = held.Amount, true })
	return made
}

// uncaptured reports whether a bank still holds the money of a charge.
func (c *charge) uncaptured() bool { return c.Paid && !c.Captured && !c.Refunded }

// nextDue returns when the bank acts next: it releases an uncaptured hold, or decides on a debit.
func (i *paymentIntent) nextDue() int64 {
	switch i.Status {
	case "requires_capture":
		return i.Hidden.HeldUntil
	case "processing":
		return i.Hidden.SettlesAt
	}
	return 0
}

// tendIntent does what the bank decided: it settles a debit, or releases a hold that was never captured.
func (w *world) tendIntent(intent *paymentIntent) {
	if intent.Status == "processing" {
		w.settleDebit(intent, debitFates[w.PaymentMethods.get(string(intent.PaymentMethod)).Hidden.Number])
		return
	}
	w.releaseHold(w.Charges.get(string(intent.LatestCharge)), "charge.expired", "expired_uncaptured_charge")
	w.cancelIntent(intent, "automatic")
}

// unexpected returns the error for an action that the intent's status does not allow.
func (i *paymentIntent) unexpected(done, wanted string) *apiError {
	e := coded("payment_intent_unexpected_state", "", "This PaymentIntent could not be %s because it has a status of %s. "+
		"Only a PaymentIntent with one of the following statuses may be %s: %s.", done, i.Status, done, wanted)
	e.PaymentIntent = render(i)
	return e
}

func capturePaymentIntent(c *call) (any, error) {
	found, err := c.intent()
	if err != nil {
		return nil, err
	}
	if found.Status != "requires_capture" {
		return nil, found.unexpected("captured", "requires_capture")
	}
	amount, err := c.captureAmount("amount_to_capture", found.AmountCapturable)
	if err != nil {
		return nil, err
	}
	if c.p.Has("final_capture") && !c.p.Flag("final_capture") {
		return nil, invalid("final_capture", "This PaymentIntent does not support multicapture: a capture is final.")
	}
	found.Metadata = mergedMetadata(found.Metadata, c.p)
	c.capture(c.Charges.get(string(found.LatestCharge)), amount)
	c.receive(found, amount)
	for _, page := range c.Sessions.where(
		func(s *checkoutSession) bool { return string(s.PaymentIntent) == found.ID },
	) {
		page.PaymentStatus = "paid" // Stripe announces no change of a session that is complete
	}
	return found, nil
}

// captureAmount returns how much to capture: all that is held, or a part of it.
func (c *call) captureAmount(param string, held int64) (int64, error) {
	if !c.p.Has(param) {
		return held, nil
	}
	switch amount := c.p.Int(param); {
	case amount < 1:
		return 0, coded("parameter_invalid_integer", param, "This value must be greater than or equal to 1.")
	case amount > held:
		return 0, coded(
			"amount_too_large", param, "The amount to capture (%d) is greater than the amount that is held (%d).",
			amount, held,
		)
	default:
		return amount, nil
	}
}

// incrementAuthorization returns the error that Stripe returns for a card whose network does not offer it. All cards of
// the sandbox say that of themselves (incremental_authorization.status).
func incrementAuthorization(c *call) (any, error) {
	found, err := c.intent()
	if err != nil {
		return nil, err
	}
	if found.Status != "requires_capture" {
		return nil, found.unexpected("incremented", "requires_capture")
	}
	return nil, coded(
		"payment_intent_unexpected_state", "",
		"This PaymentIntent's payment method does not support incremental authorization.",
	)
}

// applyCustomerBalance always fails: it needs an intent that is paid from a cash balance. The sandbox has no such
// intent.
func applyCustomerBalance(c *call) (any, error) {
	found, err := c.intent()
	if err != nil {
		return nil, err
	}
	if !slices.Contains(found.PaymentMethodTypes, "customer_balance") {
		return nil, coded(
			"payment_intent_unexpected_state", "",
			"You can only apply a cash balance to a PaymentIntent whose payment_method_types include customer_balance.",
		)
	}
	return nil, found.unexpected(
		"paid from a cash balance", "requires_payment_method, requires_confirmation, requires_action",
	)
}

// verifyMicrodeposits always fails: it needs an intent that waits for microdeposits. No payment method of the sandbox
// leads to one.
func verifyMicrodeposits(c *call) (any, error) {
	found, err := c.intent()
	if err != nil {
		return nil, err
	}
	return nil, coded(
		"payment_intent_unexpected_state", "",
		"This PaymentIntent (%s) does not wait for a verification with microdeposits.", found.ID,
	)
}
