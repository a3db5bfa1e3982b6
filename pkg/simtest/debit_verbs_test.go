package simtest

import (
	"math/rand/v2"
	"net/http"
	"net/url"
)

// ibans are bank accounts: debits of one are paid and of the other fail, each when the bank decides.
var ibans = []weighted[string]{
	{"pays", 3, "AT611904300234573201"},
	{"fails", 1, "AT861904300235473202"},
}

// debit creates a payment method from a bank account. If the user has a customer, it belongs to that customer.
func (u *user) debit(iban string) string {
	made, ok := u.atStripe("a bank account", "POST", "/v1/payment_methods", url.Values{
		"type": {"sepa_debit"}, "sepa_debit[iban]": {iban}, "billing_details[name]": {"A Customer"},
		"billing_details[email]": {u.email},
	})
	if !ok {
		return ""
	}
	if customer := u.customerID(); customer != "" {
		u.atStripe("kept", "POST", "/v1/payment_methods/"+made.text("id")+"/attach", url.Values{"customer": {customer}})
	}
	return made.text("id")
}

// subscribeByDebit pays for a first period from a bank account: the order waits for the bank, and fails if the debit
// fails.
func (u *user) subscribeByDebit(r *rand.Rand) {
	method := u.debit(pick(r, ibans).do)
	u.start(somePlan(r, "item"), method)
	if r.IntN(2) == 0 {
		u.decideDebit(r)
	}
}

// buyPackByDebit buys a pack that the bank has not paid yet, and requests the same pack again under another key. The
// server must not return a completed page again, even if no webhook has reported its completion yet.
func (u *user) buyPackByDebit(r *rand.Rand) {
	method := u.debit(pick(r, ibans).do)
	body := map[string]any{"item": "small", "quantity": 1 + r.IntN(6)}
	made, ok := u.order(body)
	if !ok {
		return
	}
	if r.IntN(2) == 0 {
		u.w.control(u.w.ctx, "POST", "faults", map[string]any{"kind": "webhook_delay", "delay_seconds": 600, "next": 6})
	}
	status := u.pay(made, method)
	if status != http.StatusOK {
		status = u.pay(made, "pm_card_visa")
	}
	u.w.note(u.number, "pay %s: %d", made.session, status)
	if r.IntN(3) == 0 {
		u.look(made)
	}
	if status != http.StatusOK {
		return
	}
	if next, ok := u.order(body); ok && next.session == made.session {
		u.w.violate(u, "the page %s is complete and was handed out again, under another key", made.session)
	}
}

// swapToDebit makes a bank account pay for future charges.
func (u *user) swapToDebit(r *rand.Rand) {
	if _, ok := u.subscription(); ok {
		u.swapCard(u.debit(pick(r, ibans).do))
	}
}

// renewByDebit lets a renewal wait for the bank. The bank decides at once, in its own time, or after the old points'
// grace.
func (u *user) renewByDebit(r *rand.Rand) {
	s, ok := u.renewing(r)
	if !ok {
		return
	}
	u.swapCard(u.debit(pick(r, ibans).do))
	if !u.w.reach(periodEnd(s).Add(minutes(70))) {
		return
	}
	u.spendSome(r)
	if r.IntN(2) == 0 {
		u.w.reach(periodEnd(s).Add(minutes(150 + r.IntN(1440)))) // past the grace
		u.readSession(r)
		u.spendSome(r)
		u.checkKept(s)
	}
	if r.IntN(2) == 0 {
		u.decideDebit(r)
	}
}

// changeByDebit upgrades with a payment that takes its time: there is no second invoice, and never two debits.
func (u *user) changeByDebit(r *rand.Rand) {
	s, ok := u.renewing(r)
	if !ok {
		return
	}
	u.swapCard(u.debit(pick(r, ibans).do))
	up := dearer(s)
	wanted := u.wish("/subscription/change", up)
	u.askFor(wanted)
	if r.IntN(2) == 0 {
		u.askFor(wanted)
	}
	if r.IntN(2) == 0 {
		u.askFor(u.wish("/subscription/change", up))
	}
	if asked := u.atBank(); len(asked) > 1 {
		u.w.violate(
			u, "the bank was asked for one change %d times: %s and %s", len(asked), asked[0].text("id"),
			asked[1].text("id"),
		)
	}
	if r.IntN(2) == 0 {
		u.decideDebit(r)
	}
}

// atBank returns the payments of changes that a bank has not decided yet.
func (u *user) atBank() (waiting []object) {
	invoices := u.openInvoices()
	for _, invoice := range invoices {
		if invoice.text("billing_reason") == "subscription_update" && u.processing([]object{invoice}) {
			waiting = append(waiting, invoice)
		}
	}
	return waiting
}

// decideDebit lets the user's bank decide about what it is processing.
func (u *user) decideDebit(r *rand.Rand) {
	outcome := []string{"succeeded", "succeeded", "failed"}[r.IntN(3)]
	customer := u.customerID()
	if customer == "" {
		return
	}
	intents, err := u.w.all("/v1/payment_intents", url.Values{"customer": {customer}})
	if err != nil {
		return
	}
	for _, intent := range intents {
		if intent.text("status") == "processing" {
			status, _ := u.w.control(
				u.w.ctx, "POST", "intents/"+intent.text("id")+"/settle", map[string]any{"outcome": outcome},
			)
			u.w.note(u.number, "the bank decides %s: %s: %d", intent.text("id"), outcome, status)
		}
	}
}
