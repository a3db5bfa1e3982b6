package simtest

import (
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// changeInDraftHour changes plan or seats after the period moved and before its invoice is charged. The points of the
// change belong to the new period. The renewal that is paid an hour later must not expire any of them.
func (u *user) changeInDraftHour(r *rand.Rand) {
	s, ok := u.renewing(r)
	if !ok || !u.w.reach(periodEnd(s).Add(minutes(1+r.IntN(50)))) {
		return
	}
	u.changeSomehow(r)
	u.w.reach(periodEnd(s).Add(minutes(130)))
	u.w.calm()
	if r.IntN(2) == 0 {
		u.spendAll()
	}
}

// changeSomehow changes the plan in one of the possible ways: in the app, at Stripe at once, or with the renewal.
// Mostly it changes to something more expensive, so that there is something to pay.
func (u *user) changeSomehow(r *rand.Rand) {
	s, ok := u.subscription()
	if !ok {
		return
	}
	switch up, how := dearer(s), r.IntN(4); {
	case how == 0:
		u.changePlan(r)
	case how == 1 || up["quantity"] == 5:
		u.askFor(u.wish("/subscription/change", up))
	default:
		plan, _ := up["plan"].(string)
		u.changeAtStripe(s, plan, []string{"create_prorations", "always_invoice"}[how-2])
	}
}

// dearer returns a change of a subscription to something more expensive.
func dearer(s object) map[string]any {
	switch plan, seats := planOf(s), s.list("items.data")[0].number("quantity"); {
	case plan == "pro":
		return map[string]any{"plan": "basic", "quantity": 5}
	case plan == "weekly":
		return map[string]any{"plan": "basic"}
	case seats > 2: // of Basic, which cost more than Pro
		return map[string]any{"plan": "yearly", "quantity": 1}
	}
	return map[string]any{"plan": "pro", "quantity": 1}
}

// holdOverRenewal holds all points a minute before a renewal and releases them after it. The plan must not roll over
// more points because of that.
func (u *user) holdOverRenewal(r *rand.Rand) {
	s, ok := u.having([]string{"pro", "pro", "pro", "basic"}[r.IntN(4)])
	if !ok || !u.w.reach(periodEnd(s).Add(-time.Minute)) {
		return
	}
	all, _ := u.shown()
	if all == 0 {
		return
	}
	hold := u.intend(
		intent{kind: billing.EntryHold, amount: all - r.Int64N(all)/4, ttl: 4*time.Hour + minutes(r.IntN(4*1440))},
	)
	if u.try(hold, "", patience); hold.state != acknowledged {
		return
	}
	u.w.reach(periodEnd(s).Add(minutes(61 + r.IntN(90))))
	u.w.calm()
	if r.IntN(5) > 0 {
		u.try(u.end(hold, r), "", patience)
	}
}

// failRenewal lets a subscription's renewal fail, and returns the subscription after that.
func (u *user) failRenewal(r *rand.Rand) (object, bool) {
	s, ok := u.renewing(r)
	if !ok {
		return nil, false
	}
	u.swapCard("pm_card_chargeCustomerFail")
	if !u.w.reach(periodEnd(s).Add(minutes(61 + r.IntN(30)))) {
		return nil, false
	}
	return u.again(s), true
}

// payAfterEnd pays the invoice of a failed renewal after the subscription was cancelled. The points then last one
// period from the payment.
func (u *user) payAfterEnd(r *rand.Rand) {
	if _, ok := u.failRenewal(r); ok {
		u.endAndPay(r)
	}
}

// endAndPay ends the subscription, and then pays what is open.
func (u *user) endAndPay(r *rand.Rand) {
	if r.IntN(3) == 0 {
		u.askFor(u.wish("/subscription/cancel", map[string]any{"at": "now"}))
	} else {
		u.cancelNow(r)
	}
	u.w.reach(u.w.now().Add(minutes(r.IntN(5 * 1440))))
	for _, invoice := range u.openInvoices() {
		u.payInvoice(invoice, "pm_card_visa")
	}
	u.w.calm()
	if r.IntN(2) == 0 {
		u.spendAll()
	}
}

// lookBeforeSync lets a renewal fail while its webhooks are late. It reads the session after the points' period ended
// and before a sync knows about the failure. A read must not expire points that a sync would keep.
func (u *user) lookBeforeSync(r *rand.Rand) {
	s, ok := u.renewing(r)
	if !ok {
		return
	}
	u.swapCard("pm_card_chargeCustomerFail")
	u.readSession(r)
	u.w.control(
		u.w.ctx, "POST", "faults", map[string]any{"kind": "webhook_delay", "delay_seconds": 4 * 3600, "next": 12},
	)
	if !u.w.reach(periodEnd(s).Add(minutes(125 + r.IntN(60)))) {
		return
	}
	u.readSession(r)
	u.spendSome(r)
	u.checkKept(s)
}

// checkKept reports a violation if points of a subscription's last paid period expired too early. While Stripe still
// tries to charge the next period, they last 72 hours. While a bank has not decided yet, they last until it decides
// (docs/states.md). It leaves out years, whatever the plan is now: their points come and expire month by month.
func (u *user) checkKept(s object) {
	s = u.again(s)
	invoices, err := u.w.all(
		"/v1/invoices", url.Values{"customer": {s.text("customer")}, "subscription": {s.text("id")}},
	)
	if err != nil || s.number("cancel_at") != 0 || s.text("schedule") != "" {
		return
	}
	var paid object
	item, until := "", int64(0)
	for _, invoice := range invoices {
		for _, line := range invoice.list("lines.data") {
			if end := line.number("period.end"); invoice.text("status") == "paid" && itemOf(line) != "" &&
				!line.flag("proration") && end > until {
				paid, item, until = invoice, itemOf(line), end
			}
		}
	}
	retrying := s.text("status") == "past_due" && u.w.now().Unix() < until+int64((pastDueGrace-time.Minute).Seconds())
	if paid == nil || item == "yearly" || !retrying && !(s.text("status") == "active" && u.processing(invoices)) {
		return
	}
	lots, err := u.w.db.LotsByGrant(u.w.ctx, billing.AccountID(u.account), "stripe:invoice:"+paid.text("id"))
	for _, lot := range lots {
		if err == nil && lot.Expired > 0 {
			u.w.violate(
				u, "%d points of %s ran out while %s is %s and its next payment is not decided", lot.Expired,
				lot.GrantKey, s.text("id"), s.text("status"),
			)
		}
	}
}

// processing reports whether a bank has not decided yet about one of the open invoices.
func (u *user) processing(invoices []object) bool {
	for _, invoice := range invoices {
		if id := invoice.text("payment_intent"); id != "" && invoice.text("status") == "open" {
			if intent, _ := u.w.ask("GET", "/v1/payment_intents/"+id, nil); intent.text("status") == "processing" {
				return true
			}
		}
	}
	return false
}

// payOpenInvoice pays an open invoice on its page: late, or after a refused change left it open.
func (u *user) payOpenInvoice(r *rand.Rand) {
	if found := u.openInvoices(); len(found) > 0 {
		u.payInvoice(found[r.IntN(len(found))], pick(r, cards).do)
	}
}

// changeBeforeEnd cancels, uses a card that fails, and requests a plan that costs more. The refusal must leave the
// scheduled cancellation as it was.
func (u *user) changeBeforeEnd(r *rand.Rand) {
	s, ok := u.renewing(r)
	if !ok {
		return
	}
	switch r.IntN(4) {
	case 0:
		u.change("cancel on a day", url.Values{"cancel_at": {seconds(u.w.now().Add(day + minutes(r.IntN(20*1440))))}})
	case 1:
		u.cancelLater(r)
	default:
		u.askFor(u.wish("/subscription/cancel", map[string]any{}))
	}
	u.swapCard("pm_card_chargeCustomerFail")
	before := u.again(s)
	refused := u.askFor(u.wish("/subscription/change", dearer(s)))
	after := u.again(s)
	if refused == http.StatusPaymentRequired && before.number("cancel_at") != 0 && after.number("cancel_at") == 0 &&
		live(after.text("status")) {
		u.w.violate(
			u, "%s was to end at %d; a change was refused, and now it goes on for ever", s.text("id"),
			before.number("cancel_at"),
		)
	}
	if r.IntN(2) == 0 {
		u.swapCard("pm_card_visa")
	}
}
