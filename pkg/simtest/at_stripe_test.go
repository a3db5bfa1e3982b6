package simtest

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/pointsync/pointsync/pkg/billing"
)

// atStripe is all that Stripe has of one customer.
type atStripe struct {
	customers, subscriptions, invoices, sessions, charges, intents []object
	packs                                                          map[string]int64  // points that a paid session sold, by its id
	taken                                                          map[string]int64  // money that disputes took and have not given back, by charge
	scheduled                                                      map[string]object // what subscriptions become, by their id: the phase that comes next
}

// readStripe reads everything of a user from Stripe's lists.
func (w *world) readStripe(u *user) (s atStripe, err error) {
	if s.customers, err = w.all("/v1/customers", url.Values{"email": {u.email}}); err != nil || len(s.customers) == 0 {
		return s, err
	}
	of := url.Values{"customer": {s.customers[0].text("id")}}
	if s.subscriptions, err = w.all("/v1/subscriptions", url.Values{"customer": of["customer"], "status": {"all"}}); err != nil {
		return s, err
	}
	if s.invoices, err = w.all("/v1/invoices", of); err != nil {
		return s, err
	}
	if s.sessions, err = w.all("/v1/checkout/sessions", of); err != nil {
		return s, err
	}
	if s.charges, err = w.all("/v1/charges", of); err != nil {
		return s, err
	}
	if s.intents, err = w.all("/v1/payment_intents", of); err != nil {
		return s, err
	}
	if s.taken, err = w.takenByDisputes(s.charges); err != nil {
		return s, err
	}
	if s.scheduled, err = w.scheduled(s.subscriptions); err != nil {
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
			pack, _ := w.catalog.Pack(itemOf(line))
			s.packs[session.text("id")] += int64(pack.Points) * line.number("quantity")
		}
	}
	return s, nil
}

// takenByDisputes answers what payers' banks have taken of charges. An inquiry takes nothing, and what was won came back.
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

// scheduled reads which phase comes next for each subscription that a schedule leads.
func (w *world) scheduled(subscriptions []object) (map[string]object, error) {
	next := map[string]object{}
	for _, sub := range subscriptions {
		id := sub.text("schedule")
		if id == "" {
			continue
		}
		schedule, status := w.ask("GET", "/v1/subscription_schedules/"+id, url.Values{"expand[]": {"phases.items.price"}})
		if status != http.StatusOK {
			return nil, fmt.Errorf("the schedule %s answers %d", id, status)
		}
		for _, phase := range schedule.list("phases") {
			if schedule.text("status") == "active" && phase.number("start_date") >= schedule.number("current_phase.end_date") {
				next[sub.text("id")] = phase
				break
			}
		}
	}
	return next, nil
}
