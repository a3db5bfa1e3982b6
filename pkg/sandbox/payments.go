package sandbox

// attempt is the situation in which a payment is tried. It decides what 3-D Secure does.
type attempt int

const (
	onSession     attempt = iota // the payer is there and can be asked
	offSession                   // no one is there: a card that requires authentication fails
	authenticated                // the payer has just passed 3-D Secure
)

// pay tries to pay an intent. It returns Stripe's card error if the bank refused. An intent that waits for the payer's
// authentication, for the merchant's capture or for the bank is no error. It stays in that state.
func (w *world) pay(intent *paymentIntent, method *paymentMethod, how attempt) *apiError {
	paid, decided := w.verdict(intent)
	if method.Type == "sepa_debit" && !decided {
		w.debit(intent, method)
		return nil
	}
	refusal := testCards[method.Hidden.Number].decline
	// an invoice waits for its payer, because Stripe writes to the payer
	asked := how == onSession || how == offSession && intent.Invoice != ""
	if method.asks(how) && asked && !decided {
		intent.PaymentMethod, intent.Status = text(method.ID), "requires_action"
		intent.NextAction = secureAction()
		w.emit("payment_intent.requires_action", intent)
		return nil
	}
	if method.asks(how) && how == offSession {
		refusal = declinedUnauthorized
	}
	if decided {
		refusal = map[bool]*decline{false: declinedGeneric}[paid]
	}
	made := w.newCharge(intent, method)
	intent.LatestCharge, intent.PaymentMethod, intent.NextAction = text(made.ID), text(method.ID), nil
	if refusal != nil {
		return w.chargeFailed(intent, made, refusal)
	}
	if how == authenticated && intent.SetupFutureUsage == "off_session" {
		method.Hidden.SetUp = true
	}
	w.chargeSucceeded(intent, made)
	return nil
}

// asks reports whether a card requires 3-D Secure. A card that was set up for future charges lets those pass.
func (m *paymentMethod) asks(how attempt) bool {
	card := testCards[m.Hidden.Number]
	switch {
	case m.Hidden.SetUp && card.untilSetUp, how == offSession && card.offSessionReady:
		return false
	}
	return card.authenticates
}

// secureAction returns the next_action that asks a payer's page for 3-D Secure.
func secureAction() any {
	return map[string]any{"type": "use_stripe_sdk", "use_stripe_sdk": map[string]any{"type": "three_d_secure_redirect"}}
}

// chargeSucceeded ends a successful attempt: the money moved, or waits to be captured.
func (w *world) chargeSucceeded(intent *paymentIntent, made *charge) {
	w.approve(made, intent.CaptureMethod == "manual")
	w.emit("charge.succeeded", made)
	intent.LastPaymentError = nil
	if made.Captured {
		w.receive(intent, made.AmountCaptured)
	} else {
		w.hold(intent)
	}
}

// chargeFailed ends a failed attempt and returns the error that the payer sees.
func (w *world) chargeFailed(intent *paymentIntent, made *charge, why *decline) *apiError {
	made.refuse(why)
	w.emit("charge.failed", made)
	return w.refusePayment(intent, w.PaymentMethods.get(string(intent.PaymentMethod)), declinedError(why), made.ID)
}

// refusePayment puts an intent back to requires_payment_method, with the error that the payer sees.
func (w *world) refusePayment(
	intent *paymentIntent, method *paymentMethod, refusal *apiError, chargeID string,
) *apiError {
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

// reject ends an attempt whose payer refused or failed 3-D Secure.
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
