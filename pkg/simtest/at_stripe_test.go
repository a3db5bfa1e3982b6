package simtest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// atStripe is everything that Stripe has about one customer.
type atStripe struct {
	customers, subscriptions, invoices, sessions, charges, intents []object

	prices []object            // of the whole account, including archived ones
	packs  map[string]int64    // points that a paid session sold, by session id
	taken  map[string]int64    // money that disputes took and did not return, by charge
	phases map[string][]object // the coming phases of subscriptions, by subscription id

	scheduledEnd map[string]time.Time // when a schedule ends a subscription, by its id
}

// readStripe reads everything about a user from Stripe's lists, including customers that were deleted.
func (w *world) readStripe(u *user) (s atStripe, err error) {
	if s.customers, err = w.all(
		"/v1/customers", url.Values{"email": {u.email}},
	); err != nil || len(s.customers)+len(u.customers()) == 0 {
		return s, err
	}
	for path, into := range map[string]*[]object{
		"/v1/invoices": &s.invoices, "/v1/checkout/sessions": &s.sessions, "/v1/charges": &s.charges,
		"/v1/payment_intents": &s.intents,
	} {
		if *into, err = u.listed(path, nil); err != nil {
			return s, err
		}
	}
	if s.subscriptions, err = u.listed("/v1/subscriptions", url.Values{"status": {"all"}}); err != nil {
		return s, err
	}
	for _, active := range []string{"true", "false"} {
		prices, err := w.all("/v1/prices", url.Values{"active": {active}})
		if err != nil {
			return s, err
		}
		s.prices = append(s.prices, prices...)
	}
	if s.taken, err = w.takenByDisputes(s.charges); err != nil {
		return s, err
	}
	if err := w.readSchedules(&s); err != nil {
		return s, err
	}
	s.packs = map[string]int64{}
	for _, session := range s.sessions {
		if session.text("mode") != "payment" || !paidSession(session) {
			continue
		}
		lines, err := w.all("/v1/checkout/sessions/"+session.text("id")+"/line_items", nil)
		if err != nil {
			return s, err
		}
		for _, line := range lines {
			pack, _ := termsOf(line)
			s.packs[session.text("id")] += pack.points * line.number("quantity")
		}
	}
	return s, nil
}

// takenByDisputes returns the money that payers' banks have taken, by charge. An inquiry takes nothing, and a dispute
// that was won returned its money.
func (w *world) takenByDisputes(charges []object) (map[string]int64, error) {
	taken := map[string]int64{}
	for _, c := range charges {
		if !c.flag("disputed") {
			continue
		}
		disputes, err := w.all("/v1/disputes", url.Values{"charge": {c.text("id")}})
		if err != nil {
			return nil, err
		}
		for _, d := range disputes {
			if status := d.text("status"); status == "needs_response" || status == "under_review" || status == "lost" {
				taken[c.text("id")] += d.number("amount")
			}
		}
	}
	return taken, nil
}

func paidSession(session object) bool {
	status := session.text("payment_status")
	return session.text("status") == "complete" && (status == "paid" || status == "no_payment_required")
}

// itemOf returns the catalogue item that a line sells. The metadata of the line's price names it.
func itemOf(line object) string { return line.text("price.metadata." + billing.MetadataItem) }

// readSchedules reads the coming phases of each subscription that has a schedule, and when the schedule ends the
// subscription.
func (w *world) readSchedules(s *atStripe) error {
	s.phases, s.scheduledEnd = map[string][]object{}, map[string]time.Time{}
	for _, sub := range s.subscriptions {
		id := sub.text("schedule")
		if id == "" {
			continue
		}
		schedule, status := w.ask(
			"GET", "/v1/subscription_schedules/"+id, url.Values{"expand[]": {"phases.items.price"}},
		)
		if status != http.StatusOK {
			return fmt.Errorf("the schedule %s answers %d", id, status)
		}
		phases := schedule.list("phases")
		if schedule.text("status") != "active" || len(phases) == 0 {
			continue
		}
		if schedule.text("end_behavior") == "cancel" {
			s.scheduledEnd[sub.text("id")] = at(phases[len(phases)-1].number("end_date"))
		}
		for _, phase := range phases {
			if phase.number("start_date") < schedule.number("current_phase.end_date") {
				continue
			}
			if !slices.ContainsFunc(phase.list("items"), isOurs) {
				s.scheduledEnd[sub.text("id")] = at(phase.number("start_date"))
				break
			}
			s.phases[sub.text("id")] = append(s.phases[sub.text("id")], phase)
		}
	}
	return nil
}

// isOurs reports whether an item or a line sells something from our catalogue.
func isOurs(line object) bool { return itemOf(line) != "" }

// ours returns the subscriptions that sell something from our catalogue. The product ignores the customer's other
// subscriptions.
func (s atStripe) ours() []object {
	return slices.DeleteFunc(
		slices.Clone(s.subscriptions),
		func(sub object) bool { return !slices.ContainsFunc(sub.list("items.data"), isOurs) },
	)
}
