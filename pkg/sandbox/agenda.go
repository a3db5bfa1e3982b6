package sandbox

import "container/heap"

// errand is due work: at this time, look at this object again. It says no more than that; what is to be done, and
// whether anything is, follows from the object's state, so an errand too many does no harm.
type errand struct {
	at, sequence int64
	id           string
}

// agenda is the due work of one clock, soonest first and within a second in the order it was planned.
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

// plan puts an object's next due work on the agenda of its clock.
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

// nextDue answers when an object wants to be looked at again (0: never), and on which clock.
func (w *world) nextDue(v any) (at int64, clock, id string) {
	switch v := v.(type) {
	case *subscription:
		return v.nextDue(), string(v.TestClock), v.ID
	case *invoice:
		return v.nextDue(), string(v.TestClock), v.ID
	case *subscriptionSchedule:
		return v.nextDue(), string(v.TestClock), v.ID
	case *charge:
		if holder := w.Customers.get(string(v.Customer)); holder != nil {
			clock = string(holder.TestClock)
		}
		return v.nextDue(), clock, v.ID
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

// runDue does all due work of a clock up to a time, in order, each piece at its own time.
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
			continue // the object moved on since; where it has later work, that was planned at the time
		}
		w.clock = clock
		w.standAt(clock, next.at)
		w.perform(object)
		w.plan(object)
	}
}

func (w *world) findDue(id string) any {
	for _, look := range []func(string) any{w.Subscriptions.find, w.Invoices.find, w.Schedules.find, w.Charges.find, w.Sessions.find, w.Deliveries.find} {
		if found := look(id); found != nil {
			return found
		}
	}
	return nil
}

// standAt sets the time at which a piece of due work happens. Work that is late (the sandbox was not running) happens
// at the time it was due, as Stripe would have done it then; a clock never goes back.
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
	case *checkoutSession:
		w.expireSession(object)
	case *delivery:
		object.Ready, object.Held = true, false
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
	for _, id := range w.Sessions.ids {
		w.plan(w.Sessions.get(id))
	}
	for _, id := range w.Deliveries.ids {
		w.plan(w.Deliveries.get(id))
	}
}
