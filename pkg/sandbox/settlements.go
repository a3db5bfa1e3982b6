package sandbox

import "net/http"

// debit asks the payer's bank for the money. The bank takes an hour, or as long as the settings say. Until then the
// intent is processing.
func (w *world) debit(intent *paymentIntent, method *paymentMethod) {
	made := w.newCharge(intent, method)
	made.Captured, made.AmountCaptured, made.Status = true, intent.Amount, "pending"
	made.Outcome = outcome{"approved_by_network", "", "not_assessed", 0, "Payment pending.", "authorized"}
	intent.LatestCharge, intent.PaymentMethod, intent.LastPaymentError, intent.NextAction = text(made.ID), text(method.ID), nil, nil
	intent.Status, intent.Hidden.SettlesAt = "processing", w.now()+w.Settings.debitSeconds()
	w.emit("charge.pending", made)
	w.emit("payment_intent.processing", intent)
}

// settleDebit ends a debit as the bank decides, and updates the invoice and the payment page. why is nil if the debit
// succeeds.
func (w *world) settleDebit(intent *paymentIntent, why *decline) {
	made, owner := w.Charges.get(string(intent.LatestCharge)), w.Invoices.get(string(intent.Invoice))
	owed := owner != nil && (owner.Status == "open" || owner.Status == "uncollectible")
	if why == nil {
		w.chargeSucceeded(intent, made)
		if owed {
			w.settleInvoice(owner, made.ID)
		}
		w.tellPage(intent, "checkout.session.async_payment_succeeded", "paid")
		return
	}
	made.Captured, made.AmountCaptured = false, 0
	w.chargeFailed(intent, made, why)
	if owed {
		w.invoiceFailed(owner, intent)
	}
	w.tellPage(intent, "checkout.session.async_payment_failed", "unpaid")
}

// tellPage announces the outcome of a debit for a payment page that was complete before the bank decided.
func (w *world) tellPage(intent *paymentIntent, kind, paymentStatus string) {
	for _, page := range w.Sessions.where(func(s *checkoutSession) bool {
		return s.Status == "complete" && s.PaymentStatus == "unpaid" &&
			(string(s.PaymentIntent) == intent.ID || s.Invoice != "" && s.Invoice == intent.Invoice)
	}) {
		page.PaymentStatus = paymentStatus
		w.emit(kind, page)
	}
}

// settleByHand makes the bank's decision now instead of later.
func (s *Sandbox) settleByHand(out http.ResponseWriter, r *http.Request) {
	var wish struct {
		Outcome string `json:"outcome"`
	}
	s.control(out, r, &wish, func(w *world) (any, error) {
		found := w.Intents.get(r.PathValue("intent"))
		switch {
		case found == nil:
			return nil, noSuch("payment_intent", r.PathValue("intent"), "id")
		case wish.Outcome != "succeeded" && wish.Outcome != "failed":
			return nil, invalid("outcome", "outcome must be succeeded or failed.")
		case found.Status != "processing":
			return nil, invalid("", "This PaymentIntent waits for no bank: it is %s.", found.Status)
		}
		w.clock = w.clockOf(string(found.Customer))
		w.settleDebit(found, map[string]*decline{"failed": debitUnprocessed}[wish.Outcome])
		return found, nil
	})
}
