package sandbox

// How an invoice is collected: the payment method is charged, or the invoice is sent and its customer pays by the due
// date.
const (
	chargeAutomatically = "charge_automatically"
	sendInvoice         = "send_invoice"
)

// nextDue returns the time of the invoice's next due work (0: none): the end of its draft hour, its due date, or its
// next retry.
func (i *invoice) nextDue() int64 {
	switch {
	case i.Status == "draft" && i.AutoAdvance:
		return i.Created + draftHour
	case i.Status != "open":
		return 0
	case i.sends() && i.Hidden.Overdue:
		return 0
	case i.sends():
		return int64(i.DueDate)
	case i.AutoAdvance:
		return int64(i.NextPaymentAttempt)
	}
	return 0
}

// tendInvoice does an invoice's due work. It opens a draft after its draft hour, marks an invoice whose due date has
// passed, or tries again to collect.
func (w *world) tendInvoice(i *invoice) {
	s := w.Subscriptions.get(string(i.Subscription))
	switch {
	case i.Status == "draft" && s.withholds("keep_as_draft"):
		w.change("invoice.updated", i, func() { i.AutoAdvance = false })
	case i.Status == "draft":
		w.change("invoice.updated", i, func() { i.WebhooksDeliveredAt = stamp(i.Created) })
		w.finalize(i)
		w.collect(i)
	case i.sends():
		w.lapse(i, s)
	default:
		if i.AttemptCount > 0 {
			i.Hidden.Retries++
		}
		w.payInvoice(i, w.cardOf(i), offSession)
	}
}

// collect runs after an invoice was opened. The invoice is charged or sent. If its subscription's collection is paused,
// it is withheld.
func (w *world) collect(i *invoice) {
	s := w.Subscriptions.get(string(i.Subscription))
	switch {
	case i.Status != "open":
	case s.withholds("void"):
		w.voidInvoice(i)
	case s.withholds("mark_uncollectible"):
		w.giveUpInvoice(i)
	case i.sends():
		w.emit("invoice.sent", i)
	default:
		w.payInvoice(i, w.cardOf(i), offSession)
	}
}

// cardOf returns the payment method to charge for an invoice: the invoice's own default, else its subscription's, else
// the customer's.
func (w *world) cardOf(i *invoice) *paymentMethod {
	if method := w.PaymentMethods.get(string(i.DefaultPaymentMethod)); method != nil {
		return method
	}
	return w.cardFor(w.Subscriptions.get(string(i.Subscription)), w.Customers.get(i.Customer))
}

// drives reports whether a failed invoice also changes the status of its subscription. Three kinds do not: a first
// invoice that the subscription still waits for, the invoice of a pending change, and an invoice made by hand.
func (i *invoice) drives(s *subscription) bool {
	return s != nil && !s.ended() && s.Status != "incomplete" && i.AutoAdvance && i.BillingReason != "manual" &&
		s.Hidden.PendingInvoice != i.ID
}

// invoiceFailed counts a failed attempt, plans the next one, and updates the subscription.
func (w *world) invoiceFailed(i *invoice, intent *paymentIntent) {
	s := w.Subscriptions.get(string(i.Subscription))
	renewing := i.drives(s) && !i.sends()
	before := pictured(i)
	i.Attempted, i.AttemptCount, i.Charge, i.NextPaymentAttempt = true, i.AttemptCount+1, intent.LatestCharge, 0
	if renewing && i.Hidden.Retries < len(w.Settings.RetrySchedule) {
		i.NextPaymentAttempt = stamp(w.now() + int64(w.Settings.RetrySchedule[i.Hidden.Retries].Seconds()))
	}
	if intent.Status == "requires_action" {
		w.emit("invoice.payment_action_required", i)
	}
	w.emit("invoice.payment_failed", i)
	w.announce("invoice.updated", i, before)
	if !renewing {
		return
	}
	if s.Status == "active" || s.Status == "trialing" || s.Status == "paused" {
		w.change("customer.subscription.updated", s, func() { s.Status = "past_due" })
	}
	if i.NextPaymentAttempt != 0 {
		return
	}
	switch w.Settings.AfterLastRetry {
	case "cancel":
		w.cancelSubscription(s, "payment_failed")
	case "unpaid":
		w.change("customer.subscription.updated", s, func() { s.Status = "unpaid" })
	}
}

// lapse marks an invoice that was sent but not paid by its due date, and sets an active subscription to past_due.
func (w *world) lapse(i *invoice, s *subscription) {
	i.Hidden.Overdue = true
	if s != nil && s.Status == "active" && i.BillingReason != "manual" {
		w.change("customer.subscription.updated", s, func() { s.Status = "past_due" })
	}
}

// giveUpInvoice marks an open invoice as uncollectible. It can still be paid. If its subscription waits for it to
// resume, the subscription resumes now.
func (w *world) giveUpInvoice(i *invoice) {
	i.Status, i.NextPaymentAttempt, i.StatusTransitions.MarkedUncollectibleAt = "uncollectible", 0, stamp(w.now())
	w.emit("invoice.marked_uncollectible", i)
	if s := w.Subscriptions.get(string(i.Subscription)); s != nil && s.Status == "paused" &&
		string(s.LatestInvoice) == i.ID {
		w.unpause(s)
	}
}

// actionRequired is the error when an invoice is paid by hand and its card asks for 3-D Secure.
func actionRequired(intent *paymentIntent) *apiError {
	return &apiError{
		status:        402,
		Type:          "card_error",
		Code:          "invoice_payment_intent_requires_action",
		Message:       "Payment for this invoice requires additional user action before it can be completed successfully. Payment can be completed using the PaymentIntent associated with the invoice.",
		PaymentIntent: render(intent),
	}
}
