package sandbox

import "github.com/pointsync/pointsync/pkg/sandbox/spec"

// pauseCollection decides what happens to a subscription's invoices while their collection is paused. The subscription
// itself stays active.
type pauseCollection struct {
	Behavior  string `json:"behavior"`
	ResumesAt stamp  `json:"resumes_at"`
}

// withholds reports whether the subscription's collection is paused with the given behavior.
func (s *subscription) withholds(behavior string) bool {
	return s != nil && s.PauseCollection != nil && s.PauseCollection.Behavior == behavior
}

// checkPause validates pause_collection before anything changes.
func (c *call) checkPause(p spec.Params) error {
	pause := p.Sub("pause_collection")
	if pause == nil {
		return nil
	}
	if !pause.Has("behavior") {
		return missing("pause_collection[behavior]")
	}
	if pause.Has("resumes_at") && pause.Int("resumes_at") <= c.now() {
		return invalid("pause_collection[resumes_at]", "Invalid timestamp: resumes_at must be in the future.")
	}
	return nil
}

func (s *subscription) setPause(p spec.Params) {
	if pause := p.Sub("pause_collection"); pause != nil {
		s.PauseCollection = &pauseCollection{pause.Text("behavior"), stamp(pause.Int("resumes_at"))}
	} else if p.Unset("pause_collection") {
		s.PauseCollection = nil
	}
}

// endsUnpaid ends a trial whose customer left no way to pay, if the subscription's settings say to cancel or pause it.
// Otherwise it returns false, and the first period is invoiced as usual.
func (w *world) endsUnpaid(s *subscription) bool {
	if s.Status != "trialing" || s.sends() || w.cardFor(s, w.Customers.get(s.Customer)) != nil {
		return false
	}
	switch s.TrialSettings.EndBehavior.MissingPaymentMethod {
	case "cancel":
		w.cancelSubscription(s, "cancellation_requested")
	case "pause":
		w.change("customer.subscription.updated", s, func() {
			end := min(int64(s.TrialEnd), w.now())
			s.Status, s.TrialEnd, s.BillingCycleAnchor, s.CurrentPeriodEnd = "paused", stamp(end), end, end
		})
		w.emit("customer.subscription.paused", s)
	default:
		return false
	}
	return true
}

// unpause makes a paused subscription active again. Call it when no resumption invoice has to be paid first.
func (w *world) unpause(s *subscription) {
	w.change("customer.subscription.updated", s, func() { s.Status = "active" })
	w.emit("customer.subscription.resumed", s)
}

// resumeSubscription resumes a paused subscription. By default a new period starts now and is invoiced at once. With
// billing_cycle_anchor=unchanged it continues in the period around now, and only the rest of that period is charged.
func resumeSubscription(c *call) (any, error) {
	s, err := c.subscriptionAt(c.id, "id")
	if err != nil {
		return nil, err
	}
	if s.Status != "paused" {
		return nil, invalid("", "You can only resume a subscription whose status is paused; this one is %s.", s.Status)
	}
	if owed := c.Invoices.get(string(s.LatestInvoice)); owed != nil && owed.Status == "open" {
		return nil, invalid("", "The resumption invoice %s of this subscription waits to be paid.", owed.ID)
	}
	now, next := c.now(), *s
	if c.p.Text("billing_cycle_anchor") != "unchanged" {
		next.beginCycle(now)
		c.invoiceMove(s, &next, true)
		if s.sends() {
			c.unpause(s)
		}
		return s, nil
	}
	next.CurrentPeriodEnd = s.cycle().next(s.BillingCycleAnchor, now)
	next.CurrentPeriodStart = s.cycle().last(s.BillingCycleAnchor, now)
	date, err := c.prorationDate(&next)
	if err != nil {
		return nil, err
	}
	c.change(
		"customer.subscription.updated", s,
		func() { s.CurrentPeriodStart, s.CurrentPeriodEnd = next.CurrentPeriodStart, next.CurrentPeriodEnd },
	)
	behavior := c.p.Text("proration_behavior")
	if behavior != "none" {
		for _, item := range s.Items.Data {
			c.addProration(
				s, item, share(item.amount(), s.CurrentPeriodEnd-date, s.CurrentPeriodEnd-s.CurrentPeriodStart),
				remainingTime, date,
			)
		}
	}
	if behavior == "always_invoice" {
		c.invoiceMove(s, &next, false)
	}
	if behavior != "always_invoice" || s.sends() {
		c.unpause(s)
	}
	return s, nil
}
