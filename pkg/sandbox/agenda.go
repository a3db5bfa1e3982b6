package sandbox

import (
	"container/heap"
	"strings"
)

// errand is due work: look at this object again at this time. It does not say what to do. The object's state decides
// that, and whether there is anything to do, so an extra errand does no harm.
type errand struct {
	at, sequence int64
	id           string
}

// agenda is the due work of one clock, soonest first. Within one second the errands keep the order they were planned
// in.
type agenda []errand

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].at < a[j].at || a[i].at == a[j].at && a[i].sequence < a[j].sequence
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(errand)) }
func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

// plan adds an object's next due work to the agenda of its clock.
func (w *world) plan(v any) {
	at, clock, id := w.nextDue(v)
	if at == 0 {
		return
	}
	if w.agendas[clock] == nil {
		w.agendas[clock] = &agenda{}
	}
	w.Sequence++
	heap.Push(w.agendas[clock], errand{at, w.Sequence, id})
}

// nextDue returns the time of an object's next due work (0: none), the clock of that time, and the id of the errand.
func (w *world) nextDue(v any) (at int64, clock, id string) {
	switch v := v.(type) {
	case *subscription:
		return v.nextDue(), string(v.TestClock), v.ID
	case *invoice:
		return v.nextDue(), string(v.TestClock), v.ID
	case *subscriptionSchedule:
		return v.nextDue(), string(v.TestClock), v.ID
	case *charge:
		return v.nextDue(), w.clockOf(string(v.Customer)), v.ID
	case *paymentIntent:
		return v.nextDue(), w.clockOf(string(v.Customer)), v.ID
	case *refund:
		return v.nextDue(), w.clockOf(w.payerOf(string(v.Charge))), v.ID
	case *balanceTransaction:
		return v.nextDue(), string(v.Hidden.Clock), v.ID
	case *customer:
		return v.nextDue(), string(v.TestClock), v.ID
	case *coupon:
		return v.nextDue(), "", couponErrand + v.ID
	case *promotionCode:
		return v.nextDue(), "", v.ID
	case *checkoutSession:
		if v.Status == "open" {
			return v.ExpiresAt, "", v.ID
		}
	case *delivery:
		if !v.Ready {
			return v.NextAttempt, "", v.ID
		}
	}
	return 0, "", ""
}

// runDue does all due work of a clock up to a time. Work is done in order, each piece at the time it is due.
func (w *world) runDue(clock string, until int64) {
	causeBefore, clockBefore := w.cause, w.clock
	defer func() { w.cause, w.clock, w.at = causeBefore, clockBefore, 0 }()
	w.cause = cause{}
	for a := w.agendas[clock]; a != nil && a.Len() > 0 && (*a)[0].at <= until; {
		next := heap.Pop(a).(errand)
		object := w.findDue(next.id)
		if object == nil {
			continue
		}
		at, _, _ := w.nextDue(object)
		if at == 0 || at > next.at {
			// The object has changed since. If it has later work, that was planned when it changed.
			continue
		}
		w.clock = clock
		w.standAt(clock, next.at)
		w.perform(object)
		w.plan(object)
	}
}

// couponErrand marks an errand for a coupon. The caller chooses a coupon's id, so it could equal another object's id.
const couponErrand = "coupon "

func (w *world) findDue(id string) any {
	if id, isCoupon := strings.CutPrefix(id, couponErrand); isCoupon {
		return w.Coupons.find(id)
	}
	for _, look := range []func(string) any{w.Subscriptions.find, w.Invoices.find, w.Schedules.find, w.Charges.find, w.Intents.find, w.Refunds.find,
		w.Transactions.find, w.Sessions.find, w.Deliveries.find, w.Customers.find, w.PromotionCodes.find} {
		if found := look(id); found != nil {
			return found
		}
	}
	return nil
}

// standAt sets the time at which a piece of due work happens. Work can be late because the sandbox was not running. It
// then happens at the time it was due, as Stripe would have done it. A clock never goes back.
func (w *world) standAt(clock string, at int64) {
	if own := w.TestClocks.get(clock); own != nil {
		own.FrozenTime = max(own.FrozenTime, at)
		return
	}
	w.at = max(w.at, at)
}

func (w *world) perform(object any) {
	switch object := object.(type) {
	case *subscription:
		w.tendSubscription(object)
	case *invoice:
		w.tendInvoice(object)
	case *subscriptionSchedule:
		w.followSchedule(object)
	case *charge:
		w.tendCharge(object)
	case *paymentIntent:
		w.tendIntent(object)
	case *refund:
		w.meetFate(object)
	case *balanceTransaction:
		w.makeAvailable(object)
	case *checkoutSession:
		w.expireSession(object)
	case *customer:
		w.tendCustomer(object)
	case *coupon:
		w.assessCoupon(object)
	case *promotionCode:
		w.assessCode(object)
	case *delivery:
		object.Ready, object.Held = true, false
		w.lay(object)
		w.ring(object.Endpoint)
	}
}

// planAll rebuilds the agenda from the objects, after a snapshot was loaded.
func (w *world) planAll() {
	w.agendas = map[string]*agenda{}
	for _, id := range w.Subscriptions.ids {
		w.plan(w.Subscriptions.get(id))
	}
	for _, id := range w.Invoices.ids {
		w.plan(w.Invoices.get(id))
	}
	for _, id := range w.Schedules.ids {
		w.plan(w.Schedules.get(id))
	}
	for _, id := range w.Charges.ids {
		w.plan(w.Charges.get(id))
	}
	for _, id := range w.Intents.ids {
		w.plan(w.Intents.get(id))
	}
	for _, id := range w.Refunds.ids {
		w.plan(w.Refunds.get(id))
	}
	for _, id := range w.Transactions.ids {
		w.plan(w.Transactions.get(id))
	}
	for _, id := range w.Sessions.ids {
		w.plan(w.Sessions.get(id))
	}
	for _, id := range w.Customers.ids {
		w.plan(w.Customers.get(id))
	}
	for _, id := range w.Coupons.ids {
		w.plan(w.Coupons.get(id))
	}
	for _, id := range w.PromotionCodes.ids {
		w.plan(w.PromotionCodes.get(id))
	}
	for _, id := range w.Deliveries.ids {
		w.lay(w.Deliveries.get(id))
		w.plan(w.Deliveries.get(id))
	}
}
