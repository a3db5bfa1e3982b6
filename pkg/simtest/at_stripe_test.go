package simtest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// atStripe is all that Stripe has of one customer.
type atStripe struct {
	customers, subscriptions, invoices, sessions, charges, intents []object

	prices []object            // all of the account, archived ones as well
	packs  map[string]int64    // points that a paid session sold, by its id
	taken  map[string]int64    // money that disputes took and have not given back, by charge
	phases map[string][]object // what subscriptions become, by their id: the phases to come

	scheduledEnd map[string]time.Time // when they are to end, where a schedule ends them
}

// readStripe reads everything of a user from Stripe's lists, also of customers that were deleted.
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

// takenByDisputes returns what payers' banks have taken of charges. An inquiry takes nothing, and what was won came
// back.
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

// itemOf names what a line sells. The names of the catalogue's items stand in the metadata of their prices.
func itemOf(line object) string { return line.text("price.metadata." + billing.MetadataItem) }

// readSchedules reads which phases come next for each subscription that a schedule leads, and when such a schedule ends
// it.
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

// isOurs reports whether an item or a line sells something of ours.
func isOurs(line object) bool { return itemOf(line) != "" }

// ours are the subscriptions that sell something of ours; what else the customer has is no business of the product's.
func (s atStripe) ours() []object {
	return slices.DeleteFunc(
		slices.Clone(s.subscriptions),
		func(sub object) bool { return !slices.ContainsFunc(sub.list("items.data"), isOurs) },
	)
}
