package sandbox

// tendSubscription does one piece of a subscription's due work. What is due next is planned afterwards.
func (w *world) tendSubscription(s *subscription) {
	now := w.now()
	switch {
	case s.Status == "incomplete":
		w.giveUpIncomplete(s)
	case s.Discount != nil && !s.Discount.runs(now):
		w.discountSubscription(s, nil)
	case s.PendingUpdate != nil && now >= s.PendingUpdate.ExpiresAt:
		w.dropPendingUpdate(s)
	case s.Status == "trialing" && !s.Hidden.TrialNoticed && now >= int64(s.TrialEnd)-trialNotice:
		s.Hidden.TrialNoticed = true
		w.emit("customer.subscription.trial_will_end", s)
	case s.PauseCollection != nil && s.PauseCollection.ResumesAt != 0 && now >= int64(s.PauseCollection.ResumesAt):
		w.change("customer.subscription.updated", s, func() { s.PauseCollection = nil })
	case s.CancelAt != 0 && now >= int64(s.CancelAt), s.CancelAtPeriodEnd && now >= s.CurrentPeriodEnd:
		w.endInvoiced(s)
	case now >= s.CurrentPeriodEnd && s.Status != "paused":
		w.renew(s)
	case s.wantsNotice() && now >= s.CurrentPeriodEnd-renewalNotice:
		s.Hidden.Noticed = s.CurrentPeriodEnd
		w.announceRenewal(s)
	}
}

// giveUpIncomplete ends a subscription whose first payment never came.
func (w *world) giveUpIncomplete(s *subscription) {
	if owed := w.Invoices.get(string(s.LatestInvoice)); owed != nil && owed.Status == "open" {
		w.voidInvoice(owed)
	}
	w.change("customer.subscription.updated", s, func() { s.Status, s.EndedAt = "incomplete_expired", stamp(w.now()) })
}

// renew moves a subscription into its next period and drafts the invoice for it. The invoice is opened and charged
// after its draft hour. A trial that ends is renewed in the same way. It becomes active at once and is charged an hour
// later, so a failing card shows as active, then past_due.
func (w *world) renew(s *subscription) {
	holder := w.Customers.get(s.Customer)
	w.followSchedule(w.Schedules.get(string(s.Schedule)))
	if w.now() < s.CurrentPeriodEnd || s.ended() || w.endsUnpaid(s) {
		return
	}
	draft := w.newInvoice(holder, s, "subscription_cycle")
	draft.PeriodStart, draft.PeriodEnd = s.CurrentPeriodStart, s.CurrentPeriodEnd
	draft.AutoAdvance = s.Status != "unpaid" && !s.withholds("keep_as_draft")
	w.change("customer.subscription.updated", s, func() {
		s.CurrentPeriodStart = s.CurrentPeriodEnd
		s.CurrentPeriodEnd = s.cycle().next(s.BillingCycleAnchor, s.CurrentPeriodStart)
		s.LatestInvoice = text(draft.ID)
		if s.Status == "trialing" {
			s.Status = "active"
		}
	})
	w.addPeriodLines(draft, s)
	w.addPendingItems(draft, s)
	draft.total()
	w.emit("invoice.created", draft)
}

// subscriptionPaid updates a subscription after one of its invoices was paid.
func (w *world) subscriptionPaid(s *subscription, i *invoice) {
	if s.PendingUpdate != nil && s.Hidden.PendingInvoice == i.ID {
		w.applyPendingUpdate(s)
		return
	}
	latest := string(s.LatestInvoice) == i.ID
	switch {
	case s.Status == "paused" && latest:
		w.unpause(s)
	case s.Status == "incomplete" && latest, (s.Status == "past_due" || s.Status == "unpaid") && (latest || !w.owes(s)):
		w.change("customer.subscription.updated", s, func() {
			s.Status = "active"
			if intent := w.Intents.get(string(i.PaymentIntent)); intent != nil && s.DefaultPaymentMethod == "" &&
				s.saves() {
				s.DefaultPaymentMethod = intent.PaymentMethod
			}
		})
	}
}

func (s *subscription) saves() bool {
	return s.PaymentSettings["save_default_payment_method"] == "on_subscription"
}

func (w *world) owes(s *subscription) bool {
	return len(
		w.Invoices.among(
			s.Customer, func(i *invoice) bool { return string(i.Subscription) == s.ID && i.Status == "open" },
		),
	) > 0
}

func (w *world) applyPendingUpdate(s *subscription) {
	w.change("customer.subscription.updated", s, func() {
		s.Items.Data = s.PendingUpdate.SubscriptionItems
		if anchor := int64(s.PendingUpdate.BillingCycleAnchor); anchor != 0 {
			s.beginCycle(anchor)
		}
		s.PendingUpdate, s.Hidden.PendingInvoice = nil, ""
	})
	w.emit("customer.subscription.pending_update_applied", s)
}

// dropPendingUpdate gives up a change that was not paid in time, or that another one replaces. The old plan stays, and
// the invoice is voided.
func (w *world) dropPendingUpdate(s *subscription) {
	if owed := w.Invoices.get(s.Hidden.PendingInvoice); owed != nil && owed.Status == "open" {
		w.voidInvoice(owed)
	}
	w.change("customer.subscription.updated", s, func() { s.PendingUpdate, s.Hidden.PendingInvoice = nil, "" })
	w.emit("customer.subscription.pending_update_expired", s)
}
