package sandbox

import "net/http"

// authenticateByHand accepts or refuses 3-D Secure for the payer, on a payment intent or setup intent that waits for
// it. If the intent belongs to a payment page, the page continues as if the payer had decided there.
func (s *Sandbox) authenticateByHand(out http.ResponseWriter, r *http.Request) {
	var wish struct {
		Outcome string `json:"outcome"`
	}
	s.control(out, r, &wish, func(w *world) (any, error) {
		if wish.Outcome != "accepted" && wish.Outcome != "refused" {
			return nil, invalid("outcome", "outcome must be accepted or refused.")
		}
		id, accepted := r.PathValue("intent"), wish.Outcome == "accepted"
		if setup := w.SetupIntents.get(id); setup != nil && setup.Status == "requires_action" {
			w.on(w.Customers.get(string(setup.Customer)))
			if page := w.pageOfSetup(setup); page != nil {
				w.answerChallenge(page, accepted)
			} else {
				w.authenticateSetup(setup, accepted)
			}
			return setup, nil
		}
		if intent := w.Intents.get(id); intent != nil && intent.Status == "requires_action" {
			w.on(w.Customers.get(string(intent.Customer)))
			w.authenticatePayment(intent, accepted)
			return intent, nil
		}
		return nil, noSuch("intent that waits for 3-D Secure", id, "id")
	})
}

// authenticateSetup continues the setup of a card. If the bank still refuses the card, the intent shows it.
func (w *world) authenticateSetup(setup *setupIntent, accepted bool) {
	if accepted {
		w.setUp(setup, authenticated)
		return
	}
	w.refuseSetup(
		setup, w.PaymentMethods.get(string(setup.PaymentMethod)),
		unauthenticated("setup_intent_authentication_failure"),
	)
}

// authenticatePayment continues a payment, or the page or the invoice that it belongs to. If the bank still refuses the
// payment, the intent shows it.
func (w *world) authenticatePayment(intent *paymentIntent, accepted bool) {
	owner := w.Invoices.get(string(intent.Invoice))
	for _, page := range w.Sessions.where(
		func(s *checkoutSession) bool { return s.Hidden.Challenge != "" && s.Status == "open" },
	) {
		if page.Hidden.Intent == intent.ID || owner != nil && page.Hidden.Subscription == string(owner.Subscription) {
			w.answerChallenge(page, accepted)
			return
		}
	}
	method := w.PaymentMethods.get(string(intent.PaymentMethod))
	switch {
	case !accepted:
		w.reject(intent, method)
	case owner != nil:
		w.payInvoice(owner, method, authenticated)
	default:
		w.pay(intent, method, authenticated)
	}
}
