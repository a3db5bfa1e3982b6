package simtest

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

var favour = flag.String(
	"favour", "",
	"a verb that every third step of users is, or every other one of the world, to look at it more closely",
)

// furthest is how far one verb may move the clock to the time that it needs.
const furthest = 45 * day

// reach moves the clock to a time, unless it has passed already. It returns false if that is too far, or if users may
// not move the clock.
func (w *world) reach(at time.Time) bool {
	by := at.Sub(w.now())
	if by > furthest || by > 0 && w.steady {
		return false
	}
	if by > 0 {
		w.calm()
		w.advance(by.Truncate(time.Second) + time.Second)
	}
	return true
}

// calmTries limits how long a verb waits until the servers have handled Stripe's webhooks: about three seconds.
const calmTries = 25

// calm waits until the webhooks sent so far were delivered and handled, as far as faults allow. If the clock moved by a
// month at once, the servers would have no time to see the renewal. With many users it does not wait.
func (w *world) calm() {
	if w.steady {
		return
	}
	w.flush()
	for try := 0; try < calmTries && w.pendingEvent() != ""; try++ {
		pause(w.ctx, try)
	}
}

// opening is what users do before the plan begins. Most subscribe, so that there is something to change, renew and end.
var opening = []weighted[func(*user, *rand.Rand)]{
	{"has a plan", 6, func(u *user, r *rand.Rand) { u.enter(r) }},
	{"has a plan and a top-up", 2, func(u *user, r *rand.Rand) { u.enter(r); u.setTopUp(r) }},
	{"has a plan that rolls over", 2, func(u *user, _ *rand.Rand) { u.having("pro") }},
	{"has nothing", 2, func(*user, *rand.Rand) {}},
}

// makeOpening makes the first step of each user.
func makeOpening(s size) (steps wave) {
	r := rand.New(rand.NewPCG(^s.seed, uint64(s.users)))
	for n := range s.users {
		steps = append(steps, step{number: -1 - n, user: n, verb: pick(r, opening).name, seed: r.Uint64()})
	}
	return steps
}

// planOf returns the item of a subscription of ours, or "" for any other subscription.
func planOf(sub object) string {
	if items := sub.list("items.data"); len(items) > 0 {
		return itemOf(items[0])
	}
	return ""
}

func periodEnd(sub object) time.Time { return time.Unix(sub.number("current_period_end"), 0) }

// subscribed returns the user's subscription. A user without one first subscribes to some plan.
func (u *user) subscribed(r *rand.Rand) (object, bool) {
	if s, ok := u.subscription(); ok {
		return s, true
	}
	return u.start(somePlan(r, "item"), "pm_card_visa")
}

// renewing returns a subscription of the user that renews soon. If the period of the present one ends too far ahead, it
// replaces that one.
func (u *user) renewing(r *rand.Rand) (object, bool) {
	s, ok := u.subscription()
	if ok && (u.w.steady || periodEnd(s).Sub(u.w.now()) < furthest) && s.text("status") != "incomplete" {
		return s, true
	}
	if ok {
		u.cancelNow(r)
	}
	return u.start(
		map[string]any{"item": []string{"basic", "pro", "pro", "saver", "weekly"}[r.IntN(5)]}, "pm_card_visa",
	)
}

// having returns the user's subscription to the given plan. If need be, it subscribes or changes to it.
func (u *user) having(plan string) (object, bool) {
	s, ok := u.subscription()
	if !ok {
		return u.start(map[string]any{"item": plan}, "pm_card_visa")
	}
	if planOf(s) != plan {
		u.changeAtStripe(s, plan, "always_invoice")
		s, ok = u.subscription()
	}
	return s, ok && planOf(s) == plan
}

func (u *user) start(body map[string]any, method string) (object, bool) {
	made, ok := u.order(body)
	if !ok {
		return nil, false
	}
	status := u.pay(made, method)
	u.w.note(u.number, "pay %s with %s: %d", made.session, method, status)
	u.look(made)
	return u.subscription()
}

// again reads a subscription again.
func (u *user) again(s object) object {
	found, _ := u.w.ask("GET", "/v1/subscriptions/"+s.text("id"), nil)
	return found
}

// atStripe sends a request to Stripe and notes the reply.
func (u *user) atStripe(what, method, path string, form url.Values) (object, bool) {
	o, status := u.w.ask(method, path, form)
	u.w.note(u.number, "%s: %s %s %v: %d %s", what, method, path, form, status, o.text("error.message"))
	return o, status == http.StatusOK
}

// shown returns how many points the user is shown, and how many they owe.
func (u *user) shown() (available, debt int64) {
	a, _, ok := u.insist(request{method: "GET", path: "/session"}, "", patience)
	if !ok {
		return 0, 0
	}
	return a.number("points.available"), a.number("points.debt")
}

// spendAll spends all points that the user is shown. So points that should not be there are used, and points that
// should be there are missed.
func (u *user) spendAll() {
	if n, _ := u.shown(); n > 0 {
		u.try(u.newSpend(n), "", patience)
	}
}

// openInvoices returns our invoices that can still be paid.
func (u *user) openInvoices() []object {
	customer := u.customerID()
	if customer == "" {
		return nil
	}
	found, _ := u.w.all("/v1/invoices", url.Values{"customer": {customer}, "status": {"open"}})
	return found
}

func (u *user) payInvoice(invoice object, method string) {
	u.atStripe(
		"pay an open invoice", "POST", "/v1/invoices/"+invoice.text("id")+"/pay",
		url.Values{"payment_method": {method}},
	)
}

func seconds(t time.Time) string { return fmt.Sprint(t.Unix()) }

func lookupKey(item string) url.Values { return url.Values{"lookup_keys[]": {billing.LookupKey(item)}} }
