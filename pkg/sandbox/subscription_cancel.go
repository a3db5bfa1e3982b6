package sandbox

// deleteSubscription cancels a subscription now. Nothing is refunded. With prorate the unused time becomes a credit.
// With invoice_now a last invoice takes all items that still wait.
func deleteSubscription(c *call) (any, error) {
	found, err := c.subscriptionAt(c.id, "id")
	if err != nil {
		return nil, err
	}
	if found.ended() {
		return nil, noSuch("subscription", c.id, "id")
	}
	date, err := c.prorationDate(found)
	if err != nil {
		return nil, err
	}
	if details := c.p.Sub("cancellation_details"); details != nil {
		setText(&found.CancellationDetails.Comment, details, "comment")
		setText(&found.CancellationDetails.Feedback, details, "feedback")
	}
	if c.p.Flag("prorate") && (found.Status == "active" || found.Status == "past_due") {
		c.prorate(found, nil, date, true)
	}
	if c.p.Flag("invoice_now") {
		c.endInvoiced(found)
	} else {
		c.cancelSubscription(found, "cancellation_requested")
	}
	return found, nil
}

// cancelSubscription ends a subscription now. Its open and draft invoices stay but are no longer advanced.
func (w *world) cancelSubscription(s *subscription, reason string) {
	for _, owed := range w.Invoices.among(s.Customer, func(i *invoice) bool {
		return string(i.Subscription) == s.ID && (i.Status == "draft" || i.Status == "open")
	}) {
		w.change("invoice.updated", owed, func() { owed.AutoAdvance, owed.NextPaymentAttempt = false, 0 })
	}
	w.endSubscription(s, reason)
}

// endSubscription ends a subscription. If the end was decided earlier, canceled_at stays the time of that decision.
func (w *world) endSubscription(s *subscription, reason string) {
	s.Status, s.EndedAt, s.PendingUpdate = "canceled", stamp(w.now()), nil
	s.CancelAtPeriodEnd = s.CancelAtPeriodEnd && w.now() >= s.CurrentPeriodEnd // stays true if the end came as agreed
	if s.CanceledAt == 0 {
		s.CanceledAt = stamp(w.now())
	}
	if s.CancellationDetails.Reason == "" {
		s.CancellationDetails.Reason = text(reason)
	}
	w.emit("customer.subscription.deleted", s)
	w.abandonSchedule(s)
}

// endInvoiced ends a subscription and invoices its own items that still wait.
func (w *world) endInvoiced(s *subscription) {
	items := w.pendingItems(s)
	if len(items) == 0 {
		w.cancelSubscription(s, "cancellation_requested")
		return
	}
	last := w.newInvoice(w.Customers.get(s.Customer), s, "subscription_update")
	last.AutoAdvance = false
	w.addItems(last, items)
	last.total()
	s.LatestInvoice = text(last.ID)
	w.emit("invoice.created", last)
	w.cancelSubscription(s, "cancellation_requested")
	w.openNow(last)
}
