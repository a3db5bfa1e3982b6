package sandbox

// upcomingInvoice previews a subscription's next renewal. It changes nothing, and an upcoming invoice has no id.
func upcomingInvoice(c *call) (any, error) {
	for name := range c.p {
		if name != "customer" && name != "subscription" && name != "expand" {
			return nil, invalid(name, "The sandbox previews the next renewal as it stands: leave out `%s`.", name)
		}
	}
	s, err := c.renewing()
	if err != nil {
		return nil, err
	}
	holder := c.Customers.get(s.Customer)
	next := *s
	next.Status = "active"
	next.CurrentPeriodStart = s.CurrentPeriodEnd
	next.CurrentPeriodEnd = s.cycle().next(s.BillingCycleAnchor, s.CurrentPeriodEnd)

	draft := c.newInvoice(holder, s, "upcoming")
	c.Invoices.remove(draft.ID)
	draft.Created, draft.NextPaymentAttempt = s.CurrentPeriodEnd, stamp(s.CurrentPeriodEnd+draftHour)
	draft.PeriodStart, draft.PeriodEnd = s.CurrentPeriodStart, s.CurrentPeriodEnd
	draft.inheritDiscount(holder, s, s.CurrentPeriodEnd) // which may be over by then
	c.addPeriodLines(draft, &next)
	c.addPendingItems(draft, s)
	for _, item := range c.InvoiceItems.where(func(i *invoiceItem) bool { return string(i.Invoice) == draft.ID }) {
		item.Invoice = "" // it was only looked at
	}
	draft.total()
	draft.StartingBalance = holder.Balance
	draft.AmountDue = draft.amountAfterBalance(holder)
	draft.AmountRemaining = draft.AmountDue
	shown := render(draft)
	delete(shown, "id")
	return shown, nil
}

// renewing answers the subscription whose renewal is asked for.
func (c *call) renewing() (*subscription, error) {
	if id := c.p.Text("subscription"); id != "" {
		s, err := c.subscriptionAt(id, "subscription")
		if err == nil && s.renews() {
			return s, nil
		}
		if err == nil {
			err = noUpcoming(s.Customer)
		}
		return nil, err
	}
	if c.p.Text("customer") == "" {
		return nil, missing("customer")
	}
	holder, err := c.customerAt(c.p.Text("customer"), "customer")
	if err != nil {
		return nil, err
	}
	for _, s := range c.Subscriptions.among(holder.ID, (*subscription).renews) {
		c.on(holder)
		return s, nil
	}
	return nil, noUpcoming(holder.ID)
}

func (s *subscription) renews() bool {
	return (s.Status == "active" || s.Status == "trialing" || s.Status == "past_due") && !s.CancelAtPeriodEnd
}

func noUpcoming(customerID string) *apiError {
	e := coded("invoice_upcoming_none", "", "No upcoming invoices for customer: %s", customerID)
	e.status = 404
	return e
}
