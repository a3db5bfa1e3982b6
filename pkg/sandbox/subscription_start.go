package sandbox

// start is everything that a new subscription begins with.
type start struct {
	holder      *customer
	items       []purchase // recurring
	extras      []purchase // one-time, on the first invoice
	trialEnd    int64      // Unix seconds, 0: no trial
	method      *paymentMethod
	metadata    map[string]string
	description string
	missing     string // what happens at a trial's end without a payment method
	save        string // payment_settings.save_default_payment_method
	grant       *grant // the coupon that it redeems, nil: none
	terms       terms
	anchor      int64  // of the billing cycle, if that is not the start: Unix seconds in the future
	stubFree    bool   // the time until the anchor is not charged
	schedule    string // the schedule that begins it
}

// startSubscription makes a subscription with its first invoice. The invoice is finalized and, if nothing is due, paid.
// The caller then collects what is due.
//
// An invoice that is to be sent stays a draft for its hour. There is no invoice (nil) if the time until the anchor is
// free.
func (w *world) startSubscription(from start) (*subscription, *invoice) {
	made := w.newSubscription(from)
	w.Subscriptions.add(made)
	if from.holder.Currency == "" {
		from.holder.Currency = text(made.Currency)
	}
	first := w.firstInvoice(made, from)
	if len(first.Lines.Data) == 0 {
		w.Invoices.remove(first.ID)
		made.Status = "active"
		w.emit("customer.subscription.created", made)
		w.announceDiscount(nil, made.Discount)
		return made, nil
	}
	made.LatestInvoice = text(first.ID)
	if first.amountAfterBalance(from.holder) == 0 && made.Status == "incomplete" {
		made.Status = "active"
	}
	w.emit("customer.subscription.created", made)
	w.announceDiscount(nil, made.Discount)
	w.emit("invoice.created", first)
	if !made.sends() && from.schedule == "" && !w.preview {
		w.finalize(first)
	}
	return made, first
}

func (w *world) newSubscription(from start) *subscription {
	now := w.now()
	made := &subscription{
		base:               w.begin("sub_1", "subscription"),
		BillingCycleAnchor: now,
		CurrentPeriodStart: now,
		Currency:           from.items[0].price.Currency,
		Customer:           from.holder.ID,
		Description:        text(from.description),
		Metadata:           from.metadata,
		StartDate:          now,
		Status:             "incomplete",
		TestClock:          from.holder.TestClock,
		PaymentSettings:    paymentSettings(from.save),
		TrialSettings:      trialSettings{endBehavior{"create_invoice"}},
		CollectionMethod:   chargeAutomatically,
		Schedule:           text(from.schedule),
	}
	if from.schedule != "" {
		made.Status = "active"
	}
	if from.terms.method == sendInvoice {
		made.CollectionMethod, made.DaysUntilDue, made.Status = sendInvoice, from.terms.days, "active"
	}
	if from.missing != "" {
		made.TrialSettings.EndBehavior.MissingPaymentMethod = from.missing
	}
	if from.method != nil {
		made.DefaultPaymentMethod = text(from.method.ID)
	}
	if made.Metadata == nil {
		made.Metadata = map[string]string{}
	}
	var items []*subscriptionItem
	for _, each := range from.items {
		items = append(items, w.newItem(made.ID, each))
	}
	made.Items = newListOf("/v1/subscription_items?subscription="+made.ID, items)
	made.CurrentPeriodEnd = made.cycle().next(now, now)
	if from.trialEnd > now {
		made.Status, made.TrialStart, made.TrialEnd = "trialing", stamp(now), stamp(from.trialEnd)
		made.BillingCycleAnchor, made.CurrentPeriodEnd = from.trialEnd, from.trialEnd
	}
	if from.anchor != 0 {
		made.BillingCycleAnchor, made.CurrentPeriodEnd, made.Hidden.StubFree = from.anchor, from.anchor, from.stubFree
	}
	if from.grant != nil {
		made.Discount = w.newDiscount(from.grant)
		made.Discount.Customer, made.Discount.Subscription = text(made.Customer), text(made.ID)
	}
	return made
}

// firstInvoice drafts the first invoice of a new subscription.
func (w *world) firstInvoice(made *subscription, from start) *invoice {
	first := w.newInvoice(from.holder, made, "subscription_create")
	if !from.stubFree {
		w.addPeriodLines(first, made)
	}
	for _, each := range from.extras {
		first.addLine(w.extraLine(each, w.now()))
	}
	w.addPendingItems(first, made)
	first.total()
	return first
}

func paymentSettings(save string) map[string]any {
	if save == "" {
		save = "off"
	}
	return map[string]any{
		"payment_method_options": nil, "payment_method_types": nil, "save_default_payment_method": save,
	}
}

func (w *world) newItem(subscriptionID string, from purchase) *subscriptionItem {
	item := &subscriptionItem{
		base:         w.begin("si_", "subscription_item"),
		Metadata:     from.metadata,
		Price:        from.price,
		Quantity:     from.quantity,
		Subscription: subscriptionID,
	}
	item.ID = newID("si_", 14)
	if item.Metadata == nil {
		item.Metadata = map[string]string{}
	}
	return item
}

func createSubscription(c *call) (any, error) {
	p := c.p
	holder, err := c.customerAt(p.Text("customer"), "customer")
	if err != nil {
		return nil, err
	}
	c.on(holder)
	if p.Has("billing_cycle_anchor_config") {
		return nil, invalid(
			"billing_cycle_anchor_config",
			"The sandbox takes an anchor as a timestamp only: send billing_cycle_anchor.",
		)
	}
	from := start{
		holder:      holder,
		metadata:    mergedMetadata(nil, p),
		description: p.Text("description"),
		missing:     p.Sub("trial_settings").Sub("end_behavior").Text("missing_payment_method"),
		save:        p.Sub("payment_settings").Text("save_default_payment_method"),
	}
	if from.items, err = c.purchases(p.List("items"), "items", "recurring"); err != nil {
		return nil, err
	}
	if len(from.items) == 0 {
		return nil, missing("items")
	}
	if from.extras, err = c.purchases(p.List("add_invoice_items"), "add_invoice_items", "one_time"); err != nil {
		return nil, err
	}
	if from.trialEnd, err = c.trialEnd(p, from.items); err != nil {
		return nil, err
	}
	if from.terms, err = c.terms(p, terms{method: chargeAutomatically}); err != nil {
		return nil, err
	}
	if err := c.readAnchor(&from); err != nil {
		return nil, err
	}
	if p.Int("cancel_at") != 0 && p.Int("cancel_at") <= c.now() {
		return nil, invalid("cancel_at", "Invalid timestamp: cancel_at must be in the future.")
	}
	if from.method, err = c.offered("default_payment_method", holder); err != nil {
		return nil, err
	}
	by := redeemer{
		holder:   holder,
		currency: from.items[0].price.Currency,
		subtotal: amountOf(worth(from.items) + worth(from.extras)),
	}
	if from.grant, err = c.granted(p, "", by); err != nil {
		return nil, err
	}
	return c.beginSubscription(from)
}

// beginSubscription starts a subscription and collects its first invoice as payment_behavior says.
func (c *call) beginSubscription(from start) (any, error) {
	card := from.method
	if card == nil {
		card = c.cardFor(nil, from.holder)
	}
	behavior := c.p.Text("payment_behavior")
	charged := from.terms.method == chargeAutomatically && from.trialEnd == 0 &&
		!(from.stubFree && len(from.extras) == 0) && c.costs(from) > 0
	if card == nil && charged && behavior != "default_incomplete" {
		return nil, coded("resource_missing", "", "This customer has no attached payment source or default payment method. Please consider adding a default payment method. "+
			"For more information, visit https://stripe.com/docs/billing/subscriptions/payment-methods-setting#set-default-payment-method-for-automatic-collection.")
	}
	if behavior == "error_if_incomplete" && card != nil && charged {
		if refusal := testCards[card.Hidden.Number].decline; refusal != nil {
			return nil, declinedError(refusal)
		}
	}
	if from.method != nil && from.method.attachable() == nil {
		c.attach(from.method, from.holder)
	}
	made, first := c.startSubscription(from)
	if c.p.Flag("cancel_at_period_end") || c.p.Int("cancel_at") != 0 {
		c.change("customer.subscription.updated", made, func() { c.setCancellation(made) })
	}
	if first != nil && first.Status == "open" && behavior != "default_incomplete" {
		how := onSession
		if c.p.Flag("off_session") {
			how = offSession
		}
		c.payInvoice(first, card, how) // a refusal shows as status incomplete, not as an error
	}
	return made, nil
}
