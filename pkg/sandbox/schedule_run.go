package sandbox

import (
	"maps"

	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

// followSchedule does what is due for a schedule now: begin, go on to the next phase, or end. It may be called at any
// time. So if a subscription's period ends together with the phase, its renewal can call it first.
func (w *world) followSchedule(s *subscriptionSchedule) {
	switch {
	case s == nil || !s.live() || w.now() < s.nextDue():
	case s.Status == "not_started":
		w.beginSchedule(s, "subscription_schedule.updated")
	default:
		next := s.at(w.now())
		if next < 0 {
			w.completeSchedule(s)
			return
		}
		w.change("subscription_schedule.updated", s, func() { s.CurrentPhase = s.Phases[next].span() })
		w.enterPhase(s, next, s.Phases[next].ProrationBehavior)
	}
}

// beginSchedule starts a schedule's subscription with its first phase. The first invoice stays a draft for its hour,
// like a renewal's. So a failing card shows as active, then past_due.
func (w *world) beginSchedule(s *subscriptionSchedule, kind string) {
	phase, holder := s.Phases[0], w.Customers.get(s.Customer)
	if holder.Hidden.Deleted {
		w.endSchedule(s, "canceled")
		return
	}
	from := start{
		holder:      holder,
		trialEnd:    int64(phase.TrialEnd),
		method:      w.PaymentMethods.get(string(phase.DefaultPaymentMethod)),
		metadata:    phase.Metadata,
		description: string(phase.Description),
		schedule:    s.ID,
	}
	for _, item := range phase.Items {
		from.items = append(from.items, purchase{w.priceNow(item.Price), item.Quantity, item.Metadata})
	}
	made, _ := w.startSubscription(from)
	begin := func() { s.Status, s.Subscription, s.CurrentPhase = "active", text(made.ID), phase.span() }
	if kind == "subscription_schedule.created" {
		begin()
		w.emit(kind, s)
		return
	}
	w.change(kind, s, begin)
}

// priceNow returns a copy of a price, for an item to hold.
func (w *world) priceNow(id string) *price {
	copied := *w.Prices.get(id)
	return &copied
}

// enterPhase changes a schedule's subscription to what a phase says. If the phase begins together with a period, there
// is nothing to prorate: the renewal bills the new items.
func (w *world) enterPhase(schedule *subscriptionSchedule, n int, behavior string) {
	s, phase, now := w.Subscriptions.get(string(schedule.Subscription)), schedule.Phases[n], w.now()
	if s == nil || s.ended() {
		return
	}
	w.change("customer.subscription.updated", s, func() {
		if phase.DefaultPaymentMethod != "" {
			s.DefaultPaymentMethod = phase.DefaultPaymentMethod
		}
		if phase.Description != "" {
			s.Description = phase.Description
		}
		if len(phase.Metadata) > 0 {
			merged := maps.Clone(s.Metadata)
			maps.Copy(merged, phase.Metadata)
			s.Metadata = merged
		}
	})
	w.enterCoupon(s, phase)
	if now >= s.CurrentPeriodEnd {
		behavior = "none"
	}
	c := w.asCall(s.ID, spec.Params{"proration_behavior": behavior})
	if int64(phase.TrialEnd) > now && phase.TrialEnd != s.TrialEnd {
		c.p["trial_end"] = int64(phase.TrialEnd)
		c.setTrialEnd(s)
	}
	reset := phase.BillingCycleAnchor == "phase_start" && phase.StartDate == now && s.CurrentPeriodStart != now
	if reset {
		c.p["billing_cycle_anchor"] = "now"
	}
	if wanted, changed := w.phaseItems(s, phase); changed || reset {
		c.changeItems(s, wanted) // none of these parameters can be refused
	}
}

// enterCoupon gives a subscription a phase's coupon. If it already has that coupon, nothing changes. If the phase names
// none, its discount ends.
func (w *world) enterCoupon(s *subscription, phase schedulePhase) {
	found := w.Coupons.get(string(phase.Coupon))
	switch {
	case s.Discount == nil && found == nil, s.Discount != nil && found != nil && s.Discount.Coupon.ID == found.ID:
	case found == nil || !found.Valid:
		w.discountSubscription(s, nil)
	default:
		w.discountSubscription(s, &grant{coupon: found})
	}
}

// phaseItems returns the items that a phase wants. Existing items stay in their order, with another price or quantity.
func (w *world) phaseItems(s *subscription, phase schedulePhase) (items []*subscriptionItem, changed bool) {
	changed = len(s.Items.Data) != len(phase.Items)
	for n, wanted := range phase.Items {
		if n >= len(s.Items.Data) {
			items = append(items, w.newItem(s.ID, purchase{w.priceNow(wanted.Price), wanted.Quantity, wanted.Metadata}))
			continue
		}
		item := *s.Items.Data[n]
		if item.Price.ID != wanted.Price || item.Quantity != wanted.Quantity {
			item.Price, item.Quantity, changed = w.priceNow(wanted.Price), wanted.Quantity, true
		}
		items = append(items, &item)
	}
	return items, changed
}

// completeSchedule ends a schedule whose last phase is over. It also ends the subscription, or releases it, as
// end_behavior says.
func (w *world) completeSchedule(s *subscriptionSchedule) {
	led := w.Subscriptions.get(string(s.Subscription))
	w.endSchedule(s, "completed")
	switch {
	case led == nil || led.ended():
	case s.EndBehavior == "cancel":
		w.endInvoiced(led)
	default:
		w.change("customer.subscription.updated", led, func() { led.Schedule = "" })
	}
}

// endSchedule ends a schedule as completed, canceled, aborted or released, and announces that.
func (w *world) endSchedule(s *subscriptionSchedule, how string) {
	now := stamp(w.now())
	s.CurrentPhase, s.Status = nil, how
	switch how {
	case "completed":
		s.CompletedAt = now
	case "released":
		s.ReleasedAt = now
	default:
		s.Status, s.CanceledAt = "canceled", now
	}
	if how == "released" || how == "completed" && s.EndBehavior == "release" {
		s.ReleasedSubscription, s.Subscription = s.Subscription, ""
	}
	w.emit("subscription_schedule."+how, s)
}

// abandonSchedule ends the schedule of a subscription that was canceled.
func (w *world) abandonSchedule(s *subscription) {
	schedule := w.Schedules.get(string(s.Schedule))
	if schedule == nil || !schedule.live() {
		return
	}
	how := "canceled"
	if s.CancellationDetails.Reason == "payment_failed" {
		how = "aborted"
	}
	w.endSchedule(schedule, how)
}

// cancelSchedule ends a schedule and its subscription now. A last invoice credits the unused time, unless the request
// says otherwise.
func cancelSchedule(c *call) (any, error) {
	found, err := c.liveSchedule("cancel")
	if err != nil {
		return nil, err
	}
	if found.Status == "not_started" {
		c.endSchedule(found, "canceled")
		return found, nil
	}
	inner := c.asCall(string(found.Subscription), spec.Params{})
	for _, name := range []string{"invoice_now", "prorate"} {
		inner.p[name] = !c.p.Has(name) || c.p.Flag(name)
	}
	_, err = deleteSubscription(inner) // which ends its schedule
	return found, err
}

// releaseSchedule ends a schedule and leaves its subscription as it is.
func releaseSchedule(c *call) (any, error) {
	found, err := c.liveSchedule("release")
	if err != nil {
		return nil, err
	}
	led := c.Subscriptions.get(string(found.Subscription))
	c.endSchedule(found, "released")
	if led != nil {
		c.change("customer.subscription.updated", led, func() { led.Schedule = "" })
	}
	return found, nil
}
