package sandbox

// payer is what the payment page learns about the person who pays.
type payer struct{ email, name string }

// paySession pays an open session with a payment method (nil: none is needed), as the payer does on the page. If the
// payment is refused, it returns Stripe's error. The session then stays open and can be tried again. If the card asks
// for 3-D Secure, Hidden.Challenge is set.
func (w *world) paySession(s *checkoutSession, method *paymentMethod, who payer, how attempt) error {
	if s.Status != "open" {
		return coded(
			"checkout_session_not_open", "", "This Checkout Session is %s and can no longer be paid.", s.Status,
		)
	}
	if err := method.usable(s.PaymentMethodTypes, s.Hidden.CaptureMethod); err != nil {
		return err
	}
	s.Hidden.Challenge = ""
	holder := w.Customers.get(string(s.Customer))
	if holder != nil && holder.Hidden.Deleted {
		return noSuch("customer", holder.ID, "customer")
	}
	w.on(holder)
	redeemed, err := w.sessionGrant(s, holder)
	if err != nil {
		return err
	}
	if who.email == "" && holder != nil {
		who.email = string(holder.Email)
	}
	if who.email == "" {
		who.email = string(s.CustomerEmail)
	}
	if method != nil {
		if who.email == "" {
			who.email = string(method.BillingDetails.Email)
		}
		if who.email != "" {
			method.BillingDetails.Email = text(who.email)
		}
		if who.name != "" {
			method.BillingDetails.Name = text(who.name)
		}
	}
	switch s.Mode {
	case "setup":
		return w.paySetupSession(s, holder, method, who, how)
	case "subscription":
		return w.paySubscriptionSession(s, holder, method, who, how, redeemed)
	}
	return w.payPaymentSession(s, holder, method, who, how, redeemed)
}

// sessionHolder makes the customer that a session still lacks. The session stores it only when it completes. But a
// second attempt on the same page finds it again through the subscription or the intent.
func (w *world) sessionHolder(who payer) *customer {
	made := w.newCustomer(who.email, who.name)
	w.emit("customer.created", made)
	return made
}

func (w *world) payPaymentSession(
	s *checkoutSession, holder *customer, method *paymentMethod, who payer, how attempt, redeemed *grant,
) error {
	intent := w.Intents.get(s.Hidden.Intent)
	if holder == nil && intent != nil {
		holder = w.Customers.get(string(intent.Customer))
	}
	if holder == nil && (s.CustomerCreation == "always" || s.Hidden.SaveCard != "") {
		holder = w.sessionHolder(who)
	}
	if *s.AmountTotal == 0 {
		if intent != nil && intent.payable() { // left by a declined attempt, before a discount took the rest
			w.cancelIntent(intent, "automatic")
		}
		w.redeemSession(s, holder, redeemed)
		w.completeSession(s, holder, method, who, "no_payment_required")
		return nil
	}
	if intent == nil {
		intent = w.newIntent(*s.AmountTotal, string(s.Currency), "")
		intent.Metadata, intent.Description, intent.SetupFutureUsage = s.Hidden.IntentData, text(s.Hidden.Description), text(s.Hidden.SaveCard)
		if s.Hidden.CaptureMethod != "" {
			intent.CaptureMethod = s.Hidden.CaptureMethod
		}
		if holder != nil {
			intent.Customer = text(holder.ID)
		}
		s.Hidden.Intent = intent.ID
		intent.accept(s.PaymentMethodTypes)
		w.emit("payment_intent.created", intent)
	}
	// A code entered after an earlier attempt changes the amount. Stripe sends no event for that.
	intent.Amount = *s.AmountTotal
	if holder != nil && s.Hidden.SaveCard != "" && method.attachable() == nil {
		w.attach(method, holder)
	}
	if refusal := w.pay(intent, method, how); refusal != nil {
		return refusal
	}
	if intent.Status == "requires_action" {
		s.Hidden.Challenge = method.ID
		return nil
	}
	s.PaymentIntent = text(intent.ID)
	status := "paid"
	if intent.Status != "succeeded" {
		status = "unpaid" // the merchant must still capture it, or the bank must still pay it
	}
	w.redeemSession(s, holder, redeemed)
	w.completeSession(s, holder, method, who, status)
	return nil
}

// redeemSession redeems the coupon or code that reduced a paid purchase.
func (w *world) redeemSession(s *checkoutSession, holder *customer, g *grant) {
	if g == nil {
		return
	}
	made := w.newDiscount(g)
	made.CheckoutSession = text(s.ID)
	if holder != nil {
		made.Customer = text(holder.ID)
	}
	s.Hidden.Discount = made
}

// paySubscriptionSession begins the subscription and collects its first invoice. At this API version the subscription
// exists even if the card is refused: it is incomplete and has an open invoice. The next attempt pays that invoice.
func (w *world) paySubscriptionSession(
	s *checkoutSession, holder *customer, method *paymentMethod, who payer, how attempt, redeemed *grant,
) error {
	made := w.Subscriptions.get(s.Hidden.Subscription)
	if holder == nil && made != nil {
		holder = w.Customers.get(made.Customer)
	}
	if made != nil && made.Status != "incomplete" {
		// It was given up after 23 hours, or because the price changed. This attempt begins a new one.
		made = nil
	}
	if holder == nil || holder.Hidden.Deleted {
		holder = w.sessionHolder(who)
	}
	saved := method != nil && method.attachable() == nil
	if saved {
		w.attach(method, holder)
	}
	var first *invoice
	if made == nil {
		from := s.start(w, holder)
		from.grant = redeemed
		if saved {
			from.method = method
		}
		made, first = w.startSubscription(from)
		s.Hidden.Subscription = made.ID
		s.Hidden.Discount = first.Discount
	} else {
		first = w.Invoices.get(string(made.LatestInvoice))
		if saved {
			made.DefaultPaymentMethod = text(method.ID)
		}
	}
	if first.Status == "open" {
		if refusal := w.payInvoice(first, method, how); refusal != nil {
			return refusal
		}
		if w.Intents.get(string(first.PaymentIntent)).Status == "requires_action" {
			s.Hidden.Challenge = method.ID
			return nil
		}
	}
	s.Subscription, s.Invoice = text(made.ID), text(first.ID)
	status := "paid"
	if first.Status == "open" {
		status = "unpaid" // the bank must still pay it
	} else if first.AmountPaid == 0 {
		status = "no_payment_required"
	}
	w.completeSession(s, holder, method, who, status)
	return nil
}

// start returns the subscription that a session sells.
func (s *checkoutSession) start(w *world, holder *customer) start {
	from := start{
		holder:      holder,
		metadata:    s.Hidden.SubMetadata,
		description: s.Hidden.Description,
		missing:     s.Hidden.MissingCard,
		trialEnd:    s.Hidden.TrialEnd,
	}
	if s.Hidden.TrialDays > 0 {
		from.trialEnd = w.now() + s.Hidden.TrialDays*86400
	}
	for _, item := range s.Hidden.Items {
		bought := purchase{item.Price, item.Quantity, nil}
		if item.Price.Recurring != nil {
			from.items = append(from.items, bought)
		} else {
			from.extras = append(from.extras, bought)
		}
	}
	return from
}

func (w *world) completeSession(
	s *checkoutSession, holder *customer, method *paymentMethod, who payer, paymentStatus string,
) {
	s.Status, s.PaymentStatus, s.URL, s.Hidden.Challenge = "complete", paymentStatus, "", ""
	if holder != nil {
		s.Customer = text(holder.ID)
	}
	details := customerDetails{Email: text(who.email), Name: text(who.name), TaxExempt: "none", TaxIDs: []any{}}
	if method != nil {
		details.Address, details.Name, details.Phone = method.BillingDetails.Address, method.BillingDetails.Name, method.BillingDetails.Phone
	}
	s.CustomerDetails = &details
	s.Hidden.Completed = w.emit("checkout.session.completed", s).ID
}

// answerChallenge continues a session after 3-D Secure: the payer has authenticated, or has refused.
func (w *world) answerChallenge(s *checkoutSession, accepted bool) error {
	method := w.PaymentMethods.get(s.Hidden.Challenge)
	if method == nil || s.Status != "open" {
		return coded("checkout_session_not_open", "", "This Checkout Session waits for no authentication.")
	}
	who := payer{string(method.BillingDetails.Email), string(method.BillingDetails.Name)}
	if accepted {
		return w.paySession(s, method, who, authenticated)
	}
	s.Hidden.Challenge = ""
	if setup := w.SetupIntents.get(string(s.SetupIntent)); setup != nil {
		return w.refuseSetup(setup, method, unauthenticated("setup_intent_authentication_failure"))
	}
	intent := w.Intents.get(s.Hidden.Intent)
	if made := w.Subscriptions.get(s.Hidden.Subscription); made != nil {
		intent = w.Intents.get(string(w.Invoices.get(string(made.LatestInvoice)).PaymentIntent))
	}
	return w.reject(intent, method)
}
