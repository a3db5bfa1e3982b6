package sandbox

// updateSubscription changes a subscription: its details, its cancellation, its trial and its items, with the
// proration that was asked for.
func updateSubscription(c *call) (any, error) {
	p := c.p
	s, err := c.subscriptionAt(c.id, "id")
	if err != nil {
		return nil, err
	}
	holder := c.Customers.get(s.Customer)
	if s.ended() && (len(p) > 1 || !p.Has("metadata")) {
		return nil, invalid("", "A canceled subscription can only update its cancellation_details and metadata.")
	}
	if p.Has("cancel_at") && p.Flag("cancel_at_period_end") {
		return nil, invalid("cancel_at", "You may only specify one of these parameters: cancel_at, cancel_at_period_end.")
	}
	if at := p.Int("cancel_at"); at != 0 && at <= c.now() {
		return nil, invalid("cancel_at", "Invalid timestamp: cancel_at must be in the future.")
	}
	if p.Text("billing_cycle_anchor") == "now" {
		return nil, invalid("billing_cycle_anchor", "The sandbox resets the anchor only when the interval changes.")
	}
	wanted, changed, err := c.wantedItems(s)
	if err != nil {
		return nil, err
	}
	if _, exact := p["trial_end"].(int64); exact && p.Int("trial_end") <= c.now() {
		return nil, invalid("trial_end", "Invalid timestamp: must be an integer Unix timestamp in the future.")
	}
	method, err := c.offered("default_payment_method", holder)
	if err != nil {
		return nil, err
	}
	if err := method.attachable(); err != nil {
		return nil, err
	}
	redeemed, err := c.granted(p, "", redeemer{holder: holder, currency: s.Currency, subtotal: amountOf(subtotal(wanted))})
	if err != nil {
		return nil, err
	}
	if method != nil {
		c.attach(method, holder)
	}
	c.change("customer.subscription.updated", s, func() { c.setDetails(s, method) })
	if redeemed != nil {
		c.discountSubscription(s, redeemed)
	}
	if p.Has("trial_end") {
		c.setTrialEnd(s)
	}
	if changed {
		if err := c.changeItems(s, wanted); err != nil {
			return nil, err
		}
	}
	return s, nil
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
	c.setCancellation(s)
}

// setCancellation plans or takes back the end of a subscription.
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

// setTrialEnd moves a trial's end; "now" ends it, which bills the first period at once.
func (c *call) setTrialEnd(s *subscription) {
	if end := c.p.Int("trial_end"); end != 0 {
		c.change("customer.subscription.updated", s, func() {
			if s.TrialStart == 0 {
				s.TrialStart = stamp(c.now())
			}
			s.Status, s.TrialEnd, s.CurrentPeriodEnd, s.BillingCycleAnchor, s.Hidden.TrialNoticed = "trialing", stamp(end), end, end, false
		})
		return
	}
	if s.Status != "trialing" {
		return
	}
	now := c.now()
	s.TrialEnd = stamp(now)
	c.billNow(s, "subscription_cycle", func() {
		s.Status, s.BillingCycleAnchor, s.CurrentPeriodStart = "active", now, now
		s.CurrentPeriodEnd = s.cycle().next(now, now)
	})
}

// changeItems puts new items in force. Within the same interval the difference is prorated to the second; another
// interval starts a new period now and bills it at once.
func (c *call) changeItems(s *subscription, wanted []*subscriptionItem) error {
	behavior := c.p.Text("proration_behavior")
	if behavior == "" {
		behavior = "create_prorations"
	}
	holder, now := c.Customers.get(s.Customer), c.now()
	date := now
	if given := c.p.Int("proration_date"); given != 0 {
		if given < s.CurrentPeriodStart || given > s.CurrentPeriodEnd {
			return invalid("proration_date", "Invalid proration_date: must be within the current period of the subscription.")
		}
		date = given
	}
	newCycle := !wanted[0].Price.Recurring.same(s.cycle())
	invoicing := s.Status != "trialing" && s.Status != "incomplete" && (newCycle || behavior == "always_invoice")
	if invoicing && c.p.Text("payment_behavior") == "error_if_incomplete" {
		if card := c.cardFor(s, holder); card == nil || testCards[card.Hidden.Number].decline != nil {
			return declinedError(declinedGeneric)
		}
	}
	prorated := s.Status != "trialing" && s.Status != "incomplete" && behavior != "none"
	if prorated {
		c.prorate(s, wanted, date, newCycle)
		s.billedWith(discountOn(holder, s, date))
	}
	if !invoicing {
		c.change("customer.subscription.updated", s, func() { s.Items.Data = wanted })
		return nil
	}
	if newCycle {
		c.billNow(s, "subscription_update", func() {
			s.Items.Data, s.BillingCycleAnchor, s.CurrentPeriodStart = wanted, now, now
			s.CurrentPeriodEnd = s.cycle().next(now, now)
		})
		return nil
	}
	c.invoiceChange(s, holder, wanted)
	return nil
}

// billNow moves a subscription into a period that starts now, and invoices and collects it at once.
func (c *call) billNow(s *subscription, reason string, move func()) {
	holder := c.Customers.get(s.Customer)
	made := c.newInvoice(holder, s, reason)
	c.change("customer.subscription.updated", s, func() {
		move()
		s.LatestInvoice = text(made.ID)
	})
	c.addPeriodLines(made, s)
	c.collectNow(made, s, holder)
}

func (c *call) collectNow(made *invoice, s *subscription, holder *customer) {
	c.addPendingItems(made, s)
	made.total()
	c.emit("invoice.created", made)
	c.finalize(made)
	if made.Status == "open" {
		c.payInvoice(made, c.cardFor(s, holder), offSession)
	}
}

// invoiceChange invoices a proration at once. With pending_if_incomplete new items wait until it is paid; otherwise
// they are in force whatever the card says, and a failure shows as past_due.
func (c *call) invoiceChange(s *subscription, holder *customer, wanted []*subscriptionItem) {
	made := c.newInvoice(holder, s, "subscription_update")
	if c.p.Text("payment_behavior") != "pending_if_incomplete" {
		c.change("customer.subscription.updated", s, func() { s.Items.Data, s.LatestInvoice = wanted, text(made.ID) })
		c.collectNow(made, s, holder)
		return
	}
	s.PendingUpdate = &pendingUpdate{ExpiresAt: c.now() + incompleteLifetime, SubscriptionItems: wanted}
	s.Hidden.PendingInvoice = made.ID
	before := *s
	before.PendingUpdate = nil
	s.LatestInvoice = text(made.ID)
	c.collectNow(made, s, holder) // paid at once, it applies the update on the way
	if s.PendingUpdate != nil {
		c.announce("customer.subscription.updated", s, pictured(&before))
	}
}
