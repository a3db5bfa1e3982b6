package sandbox

import (
	"maps"
	"slices"
)

// subscriptionChange is what an update asks for, after it was read and checked.
type subscriptionChange struct {
	terms  terms
	extras []purchase
	method *paymentMethod // the new default, nil for none
	grant  *grant         // the coupon that it redeems, nil for none
	items  []*subscriptionItem
	moves  bool // the items change, or the billing cycle starts again
}

// updateSubscription changes a subscription's details, cancellation, trial and items, with the proration that the
// request asks for.
func updateSubscription(c *call) (any, error) {
	s, err := c.subscriptionAt(c.id, "id")
	if err != nil {
		return nil, err
	}
	holder := c.Customers.get(s.Customer)
	if err := c.checkDates(s); err != nil {
		return nil, err
	}
	if err := c.checkPending(s, holder); err != nil {
		return nil, err
	}
	wish, err := c.readChange(s, holder)
	if err != nil {
		return nil, err
	}
	if wish.method != nil {
		c.attach(wish.method, holder)
	}
	c.change("customer.subscription.updated", s, func() {
		c.setDetails(s, wish.method)
		s.CollectionMethod, s.DaysUntilDue = wish.terms.method, wish.terms.days
	})
	if wish.grant != nil {
		c.discountSubscription(s, wish.grant)
	}
	c.addExtras(s, holder, wish.extras)
	if c.p.Has("trial_end") {
		c.setTrialEnd(s)
	}
	if wish.moves {
		if err := c.changeItems(s, wish.items); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// checkDates refuses an update that asks for an impossible end, trial or cycle.
func (c *call) checkDates(s *subscription) error {
	p := c.p
	_, exact := p["trial_end"].(int64)
	at := p.Int("cancel_at")
	switch {
	case s.ended() && (len(p) > 1 || !p.Has("metadata")):
		return invalid("", "A canceled subscription can only update its cancellation_details and metadata.")
	case p.Has("cancel_at") && p.Flag("cancel_at_period_end"):
		return invalid("cancel_at", "You may only specify one of these parameters: cancel_at, cancel_at_period_end.")
	case at != 0 && at <= c.now():
		return invalid("cancel_at", "Invalid timestamp: cancel_at must be in the future.")
	case s.Schedule != "" && (p.Has("cancel_at") || p.Has("cancel_at_period_end")):
		return invalid(
			"",
			"The subscription is managed by the subscription schedule `%s`, and updating any cancelation behavior directly is not allowed. Please update the schedule instead.",
			s.Schedule,
		)
	case p.Text("billing_cycle_anchor") == "now" && (!s.begun() || p.Has("trial_end")):
		return invalid(
			"billing_cycle_anchor",
			"The billing cycle of a subscription that is %s, or that goes on trial, cannot begin anew.", s.Status,
		)
	case exact && p.Int("trial_end") <= c.now():
		return invalid("trial_end", "Invalid timestamp: must be an integer Unix timestamp in the future.")
	case p.Has("trial_end") && (s.Status == "paused" || s.Status == "incomplete"):
		return invalid("trial_end", "The trial of a subscription that is %s cannot change.", s.Status)
	}
	if _, err := c.prorationDate(s); err != nil {
		return err
	}
	return c.checkPause(p)
}

// pendingNames are the parameters that are allowed in an update that waits for its payment.
// Source: https://stripe.com/docs/billing/subscriptions/pending-updates-reference
var pendingNames = setOf([]string{
	"expand", "payment_behavior", "proration_behavior", "proration_date", "billing_cycle_anchor", "items", "trial_end",
	"trial_from_plan",
	"add_invoice_items", "off_session",
})

// checkPending refuses to let an update wait for its payment where Stripe cannot. That is the case if the subscription
// is paid by bank debit, or if its invoices are sent. It also refuses parameters that pendingNames does not list.
func (c *call) checkPending(s *subscription, holder *customer) error {
	if c.p.Text("payment_behavior") != "pending_if_incomplete" {
		return nil
	}
	method := c.cardFor(s, holder)
	switch {
	case s.sends():
		return invalid(
			"payment_behavior",
			"You cannot set `payment_behavior` to `pending_if_incomplete` when the subscription's `collection_method` is `send_invoice`.",
		)
	case method != nil && method.Type == "sepa_debit":
		return invalid(
			"payment_behavior",
			"You cannot set `payment_behavior` to `pending_if_incomplete` when the subscription is paid by bank debit (`sepa_debit`).",
		)
	}
	for _, name := range slices.Sorted(maps.Keys(c.p)) {
		if !pendingNames[name] {
			return invalid(name, "You cannot pass `%s` with `payment_behavior` set to `pending_if_incomplete`.", name)
		}
	}
	return nil
}

func (c *call) readChange(s *subscription, holder *customer) (wish subscriptionChange, err error) {
	if wish.terms, err = c.terms(c.p, terms{method: s.CollectionMethod, days: s.DaysUntilDue}); err != nil {
		return wish, err
	}
	if wish.extras, err = c.purchases(c.p.List("add_invoice_items"), "add_invoice_items", "one_time"); err != nil {
		return wish, err
	}
	if len(wish.extras) > 0 && wish.extras[0].price.Currency != s.Currency {
		return wish, invalid(
			"add_invoice_items[0][price]",
			"The price specified only supports `%s`. This doesn't match the expected currency: `%s`.",
			wish.extras[0].price.Currency, s.Currency,
		)
	}
	if wish.items, wish.moves, err = c.wantedItems(s); err != nil {
		return wish, err
	}
	wish.moves = wish.moves || c.p.Text("billing_cycle_anchor") == "now"
	if wish.method, err = c.offered("default_payment_method", holder); err != nil {
		return wish, err
	}
	if err := wish.method.attachable(); err != nil {
		return wish, err
	}
	wish.grant, err = c.granted(
		c.p, "", redeemer{holder: holder, currency: s.Currency, subtotal: amountOf(subtotal(wish.items))},
	)
	return wish, err
}

// addExtras adds one-time purchases to the subscription's next invoice.
func (c *call) addExtras(s *subscription, holder *customer, extras []purchase) {
	for _, each := range extras {
		made := c.newInvoiceItem(holder, each.price.UnitAmount*each.quantity, s.Currency, c.productName(each.price))
		made.Price, made.Quantity, made.Subscription = each.price, each.quantity, text(s.ID)
		made.UnitAmount, made.UnitAmountDecimal = each.price.UnitAmount, each.price.UnitAmountDecimal
		c.InvoiceItems.add(made)
		c.emit("invoiceitem.created", made)
	}
}

func (c *call) setDetails(s *subscription, method *paymentMethod) {
	setText(&s.Description, c.p, "description")
	s.Metadata = mergedMetadata(s.Metadata, c.p)
	if method != nil {
		s.DefaultPaymentMethod = text(method.ID)
	} else if c.p.Unset("default_payment_method") {
		s.DefaultPaymentMethod = ""
	}
	if save := c.p.Sub("payment_settings").Text("save_default_payment_method"); save != "" {
		s.PaymentSettings = paymentSettings(save)
	}
	if details := c.p.Sub("cancellation_details"); details != nil {
		setText(&s.CancellationDetails.Comment, details, "comment")
		setText(&s.CancellationDetails.Feedback, details, "feedback")
	}
	if missing := c.p.Sub("trial_settings").Sub("end_behavior").Text("missing_payment_method"); missing != "" {
		s.TrialSettings = trialSettings{endBehavior{missing}}
	}
	s.setPause(c.p)
	c.setCancellation(s)
}

// setCancellation plans the end of a subscription, or takes it back.
func (c *call) setCancellation(s *subscription) {
	p := c.p
	switch {
	case p.Flag("cancel_at_period_end") && !s.CancelAtPeriodEnd:
		s.CancelAtPeriodEnd, s.CancelAt, s.CanceledAt = true, stamp(s.CurrentPeriodEnd), stamp(c.now())
		s.CancellationDetails.Reason = "cancellation_requested"
	case p.Int("cancel_at") != 0:
		s.CancelAtPeriodEnd, s.CancelAt, s.CanceledAt = false, stamp(p.Int("cancel_at")), stamp(c.now())
		s.CancellationDetails.Reason = "cancellation_requested"
	case p.Has("cancel_at_period_end") && !p.Flag("cancel_at_period_end") && s.CancelAtPeriodEnd, p.Unset("cancel_at"):
		s.CancelAtPeriodEnd, s.CancelAt, s.CanceledAt = false, 0, 0
		s.CancellationDetails = cancellationDetails{}
	}
}

// setTrialEnd moves a trial's end. "now" ends the trial and bills the first period at once.
func (c *call) setTrialEnd(s *subscription) {
	if end := c.p.Int("trial_end"); end != 0 {
		if c.p.Text("proration_behavior") != "none" && (s.Status == "active" || s.Status == "past_due") {
			c.prorate(s, s.Items.Data, c.now(), true) // time that was paid for is no trial: credit it
		}
		c.change("customer.subscription.updated", s, func() {
			if s.TrialStart == 0 {
				s.TrialStart = stamp(c.now())
			}
			s.Status, s.TrialEnd, s.CurrentPeriodEnd, s.BillingCycleAnchor, s.Hidden.TrialNoticed = "trialing", stamp(end), end, end, false
		})
		return
	}
	if s.Status != "trialing" || c.endsUnpaid(s) {
		return
	}
	next := *s
	next.Status, next.TrialEnd = "active", stamp(c.now())
	next.beginCycle(c.now())
	c.invoiceMove(s, &next, true)
}

// beginCycle moves a subscription into a period that starts at a time, and anchors its cycle there.
func (s *subscription) beginCycle(at int64) {
	s.BillingCycleAnchor, s.CurrentPeriodStart, s.CurrentPeriodEnd = at, at, s.cycle().next(at, at)
	if s.CancelAtPeriodEnd { // the period's end is another one now
		s.CancelAt = stamp(s.CurrentPeriodEnd)
	}
}

// changeItems puts new items into effect. Within the same interval the difference is prorated to the second. Another
// interval, or a reset of the anchor, starts a new period now and bills it at once.
func (c *call) changeItems(s *subscription, wanted []*subscriptionItem) error {
	behavior := c.p.Text("proration_behavior")
	if behavior == "" {
		behavior = "create_prorations"
	}
	date, err := c.prorationDate(s)
	if err != nil {
		return err
	}
	newCycle := s.begun() && (c.p.Text("billing_cycle_anchor") == "now" || !wanted[0].Price.Recurring.same(s.cycle()))
	invoicing := newCycle || s.begun() && behavior == "always_invoice"
	if invoicing && c.p.Text("payment_behavior") == "error_if_incomplete" && !s.sends() {
		if card := c.cardFor(
			s, c.Customers.get(s.Customer),
		); card == nil || testCards[card.Hidden.Number].decline != nil {
			return declinedError(declinedGeneric)
		}
	}
	if s.PendingUpdate != nil {
		c.dropPendingUpdate(s) // the later change replaces it
	}
	if s.begun() && behavior != "none" {
		c.prorate(s, wanted, date, newCycle)
		s.billedWith(discountOn(c.Customers.get(s.Customer), s, date))
	}
	if !invoicing {
		c.change("customer.subscription.updated", s, func() { s.Items.Data = wanted })
		return nil
	}
	next := *s
	next.Items.Data = wanted
	if newCycle {
		next.beginCycle(c.now())
	}
	if c.p.Text("payment_behavior") == "pending_if_incomplete" {
		c.invoicePending(s, &next, newCycle)
		return nil
	}
	c.invoiceMove(s, &next, newCycle)
	return nil
}

// invoiceMove puts a subscription's next state into effect and invoices it at once. The invoice has the items that wait
// and, with a new cycle, the first period. A failed payment shows as past_due.
func (c *call) invoiceMove(s, next *subscription, newCycle bool) {
	reason := "subscription_update"
	if s.Status == "trialing" {
		reason = "subscription_cycle"
	}
	made := c.newInvoice(c.Customers.get(s.Customer), s, reason)
	if newCycle {
		c.addPeriodLines(made, next)
	}
	next.LatestInvoice = text(made.ID)
	c.change("customer.subscription.updated", s, func() { *s = *next })
	c.collectAtOnce(made, s)
}

// invoicePending invoices a change that waits until it is paid. Until then the old state stays in effect.
func (c *call) invoicePending(s, next *subscription, newCycle bool) {
	made := c.newInvoice(c.Customers.get(s.Customer), s, "subscription_update")
	waiting := &pendingUpdate{ExpiresAt: c.now() + incompleteLifetime, SubscriptionItems: next.Items.Data}
	if newCycle {
		c.addPeriodLines(made, next)
		waiting.BillingCycleAnchor = stamp(next.BillingCycleAnchor)
	}
	before := pictured(s)
	s.PendingUpdate, s.Hidden.PendingInvoice = waiting, made.ID
	s.LatestInvoice = text(made.ID)
	c.collectAtOnce(made, s) // if this is paid at once, it applies the update
	if s.PendingUpdate != nil {
		c.announce("customer.subscription.updated", s, before)
	}
}

// collectAtOnce opens and collects an invoice without a draft hour. The invoice also takes all items that wait for one.
func (w *world) collectAtOnce(made *invoice, s *subscription) {
	w.addPendingItems(made, s)
	made.total()
	made.AutoAdvance = !s.withholds("keep_as_draft")
	w.emit("invoice.created", made)
	w.openNow(made)
}

// openNow opens and collects a draft that was announced. In a preview, or while collection is paused with
// keep_as_draft, it stays a draft.
func (w *world) openNow(made *invoice) {
	if w.preview || w.Subscriptions.get(string(made.Subscription)).withholds("keep_as_draft") {
		return
	}
	w.finalize(made)
	w.collect(made)
}
