package simtest

import (
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// order is a purchase for which the client received a page.
type order struct {
	id, session, key string
	body             map[string]any
	points           int64 // what it grants once it is paid
}

// userVerbs are what users do. To add a new ability of the product, write one function and one line here.
var userVerbs = []weighted[func(*user, *rand.Rand)]{
	{"spend", 24, (*user).spendSome},
	{"spend under an old token", 10, (*user).spendStale},
	{"spend several at once", 8, (*user).spendTogether},
	{"spend while the database is cut", 8, (*user).spendOverCuts},
	{"send one key several times at once", 6, (*user).spendCopies},
	{"repeat a key of before", 8, (*user).repeatKey},
	{"use a key for another amount", 3, (*user).misuseKey},
	{"hold", 8, (*user).holdSome},
	{"hold and spend at once", 4, (*user).holdAndSpend},
	{"send one hold several times at once", 3, func(u *user, r *rand.Rand) { u.sendCopies(u.newHold(r), 2+r.IntN(4)) }},
	{"hold and end it", 8, (*user).holdAndEnd},
	{"end a hold", 8, (*user).endHold},
	{"end a hold in several ways at once", 4, (*user).endHoldTogether},
	{"capture more than a hold has", 5, (*user).captureTooMuch},
	{"be given points", 4, (*user).beGiven},
	{"be corrected", 3, (*user).beCorrected},
	{"have packs bought by themselves", 8, (*user).setTopUp},
	{"have no packs bought any more", 2, (*user).forgetTopUp},
	{"buy points", 18, (*user).buyPack},
	{"subscribe", 10, (*user).subscribe},
	{"order two plans and pay for both", 4, (*user).subscribeTwice},
	{"pay on a page of before", 6, (*user).payOld},
	{"order again under a key of before", 4, (*user).repeatOrder},
	{"look at an order", 5, (*user).lookAtOrder},
	{"read the session", 3, (*user).readSession},
	{"refresh", 3, (*user).refreshNow},
	{"log in", 3, func(u *user, _ *rand.Rand) { u.login() }},
	{"cancel", 4, (*user).cancelLater},
	{"resume", 3, (*user).resume},
	{"cancel at once", 4, (*user).cancelNow},
	{"change the plan", 5, (*user).changePlan},
	{"change the plan in the app", 6, (*user).changeInApp},
	{"ask for one change several times at once", 3, (*user).changeByCopies},
	{"cancel in the app", 4, (*user).cancelInApp},
	{"resume in the app", 4, (*user).resumeInApp},
	{"repeat a wish of before", 4, (*user).repeatWish},
	{"get money back", 8, (*user).getRefund},
	{"dispute a payment", 4, (*user).dispute},
	{"decide a dispute", 3, (*user).decideDispute},
	{"cancel, and resume while a sync reads it", 6, (*user).changeUnderSync},
	{"have a card that will fail", 3, func(u *user, _ *rand.Rand) { u.swapCard("pm_card_chargeCustomerFail") }},
	{"have a good card again", 2, func(u *user, _ *rand.Rand) { u.swapCard("pm_card_visa") }},
	{"pay an open invoice", 4, (*user).payOpenInvoice},
	{"have the bank decide", 4, (*user).decideDebit},
	{"pay by debit from now on", 5, (*user).swapToDebit},
	{"be given an end by an operator", 6, (*user).setEnd},
	{"have the collection paused", 3, (*user).pauseCollection},
	{"be given goodwill", 3, (*user).giveGoodwill},
	{"undo a top-up", 4, (*user).undoTopUp},
	{"pay while Stripe is asked", 4, (*user).payDuringSync},
	{"subscribe elsewhere", 4, (*user).subscribeElsewhere},
	{"change the plan in the draft hour", 5, (*user).changeInDraftHour},
	{"be given a schedule by an operator", 4, (*user).setSchedule},
	{"owe pennies", 4, (*user).owePennies},
	{"pay for a renewal after the end", 5, (*user).payAfterEnd},
	{"look before a sync does", 4, (*user).lookBeforeSync},
	{"have a trial moved", 5, (*user).stretchTrial},
	{"renew by debit", 5, (*user).renewByDebit},
	{"be forgotten at Stripe", 3, (*user).beForgotten},
	{"hold over a renewal", 5, (*user).holdOverRenewal},
	{"be refused a change before the end", 5, (*user).changeBeforeEnd},
	{"change the plan by debit", 5, (*user).changeByDebit},
	{"subscribe by debit", 5, (*user).subscribeByDebit},
	{"buy points by debit", 5, (*user).buyPackByDebit},
}

// cards are the cards that people pay with, the good one more often.
var cards = []weighted[string]{
	{"good", 12, "pm_card_visa"},
	{"declined", 3, "pm_card_visa_chargeDeclined"},
	{"without funds", 1, "pm_card_visa_chargeDeclinedInsufficientFunds"},
	{"fails later", 1, "pm_card_chargeCustomerFail"},
	{"disputed", 1, "pm_card_createDispute"},
	{"asked about", 1, "pm_card_createDisputeInquiry"},
}

const maxSpend = 150

// amount returns a small part of what people have, and at times most of it.
func amount(r *rand.Rand) int64 {
	n := 1 + r.Int64N(maxSpend)
	if r.IntN(4) == 0 {
		return 4 * n
	}
	return n
}

func (u *user) spendSome(r *rand.Rand) { u.try(u.newSpend(amount(r)), "", patience) }

func (u *user) spendStale(r *rand.Rand) {
	u.try(u.newSpend(amount(r)), u.stale(r.IntN(maxOld)), patience)
}

func (u *user) spendTogether(r *rand.Rand) {
	var wait sync.WaitGroup
	for range 2 + r.IntN(4) {
		in, token := u.newSpend(amount(r)), u.stale(r.IntN(maxOld))
		wait.Go(func() { u.try(in, token, patience) })
	}
	wait.Wait()
}

// spendOverCuts aims the cuts of the database's replies at a spend: at its debit, its entry or its commit.
func (u *user) spendOverCuts(r *rand.Rand) {
	u.w.cutDatabaseAnswers(r)
	u.spendTogether(r)
}

func (u *user) spendCopies(r *rand.Rand) { u.sendCopies(u.newSpend(amount(r)), 2+r.IntN(4)) }

// sendCopies sends one request several times at once. One copy may be refused, and a later copy succeed because points
// have arrived. So it judges the acknowledgements first.
func (u *user) sendCopies(in *intent, n int) {
	in.unsure = true // the copy that comes first decides, and the others are repeats
	answers, definite := make([]answer, n), true
	var wait sync.WaitGroup
	var mu sync.Mutex
	for i := range answers {
		wait.Go(func() {
			a, _, ok := u.ask(in, "", patience)
			mu.Lock()
			defer mu.Unlock()
			answers[i], definite = a, definite && ok
		})
	}
	wait.Wait()
	u.mu.Lock()
	defer u.mu.Unlock()
	first := 0
	succeeded := func(a answer) bool { return a.status == http.StatusOK || a.status == http.StatusCreated }
	for _, a := range answers {
		if succeeded(a) {
			if !a.replayed {
				first++
			}
			a.replayed = true
			u.judge(in, a)
		}
	}
	if first > 1 {
		u.w.violate(u, "%d copies of %s say that they were the first", first, in.key)
	}
	for _, a := range answers {
		if !succeeded(a) && a.status != 0 && in.state != acknowledged && definite {
			u.judge(in, a)
		}
	}
}

// before picks an earlier intent that is wanted and that the sieves let through. It returns nil if no intent fits.
func (u *user) before(r *rand.Rand, wanted func(*intent) bool, sieves ...func([]*intent) []*intent) *intent {
	u.mu.Lock()
	defer u.mu.Unlock()
	var fitting []*intent
	for _, in := range u.journal {
		if wanted(in) {
			fitting = append(fitting, in)
		}
	}
	for _, sieve := range sieves {
		fitting = sieve(fitting)
	}
	if len(fitting) == 0 {
		return nil
	}
	return fitting[r.IntN(len(fitting))]
}

func (u *user) repeatKey(r *rand.Rand) {
	if in := u.before(r, func(*intent) bool { return true }); in != nil {
		u.try(in, u.stale(r.IntN(maxOld)), patience)
	}
}

// misuseKey uses a key that had its effect for another request, of its kind or as a spend. That request must be refused
// and have no effect.
func (u *user) misuseKey(r *rand.Rand) {
	in := u.before(r, func(in *intent) bool { return in.state == acknowledged })
	if in == nil {
		return
	}
	other := intent{kind: in.kind, key: in.key, amount: in.amount + 1 + r.Int64N(maxSpend), ttl: in.ttl, of: in.of}
	if !in.byAdmin() && (in.kind == billing.EntryRelease || r.IntN(2) == 0) {
		other.kind = billing.EntrySpend
	}
	a, _, ok := u.ask(&other, "", patience)
	if ok && a.status != http.StatusUnprocessableEntity {
		u.w.violate(
			u, "the key %s of a %s of %d points, used again for a %s of %d, answers %s", in.key, in.kind, in.amount,
			other.kind, other.amount, a,
		)
	}
}

func (u *user) buyPack(r *rand.Rand) {
	body := map[string]any{"item": "odd"}
	if r.IntN(3) > 0 {
		body = map[string]any{"item": "small", "quantity": 1 + r.IntN(6)}
	}
	body["save_payment_method"] = r.IntN(2) == 0
	u.buy(r, body)
}

func (u *user) subscribe(r *rand.Rand) {
	u.buy(r, somePlan(r, "item"))
}

// subscribeTwice tries to get two subscriptions at once. At most one of them may succeed.
func (u *user) subscribeTwice(*rand.Rand) {
	var wait sync.WaitGroup
	for _, item := range []string{"basic", "weekly"} {
		wait.Go(func() {
			if made, ok := u.order(map[string]any{"item": item}); ok {
				u.w.note(u.number, "pay %s, one of two plans: %d", made.session, u.pay(made, "pm_card_visa"))
			}
		})
	}
	wait.Wait()
}

// order orders an item under a new key. It returns false if there is no reply, or if there is a subscription already.
func (u *user) order(body map[string]any) (order, bool) { return u.orderWithin(patience, body) }

// orderWithin is order with another patience, for a user to whom no server need reply for a while.
func (u *user) orderWithin(patience time.Duration, body map[string]any) (order, bool) {
	made := order{key: u.w.newKey("buy"), body: body}
	a, _, ok := u.insist(made.request(), "", patience)
	u.w.note(u.number, "order %v: %s %s", body, a, a.text("session_id"))
	if !ok || a.status != http.StatusCreated {
		return made, false
	}
	made.id, made.session, made.points = a.text("order.id"), a.text("session_id"), a.number("order.points")
	u.mu.Lock()
	defer u.mu.Unlock()
	u.orders = append(u.orders, made)
	return made, true
}

// buy orders an item, mostly pays for it, and mostly returns to the success page.
func (u *user) buy(r *rand.Rand, body map[string]any) {
	card, pays, again, returns := pick(r, cards), r.IntN(10) < 8, r.IntN(2) == 0, r.IntN(3) > 0
	made, ok := u.order(body)
	if !ok {
		return
	}
	if pays {
		status := u.pay(made, card.do)
		u.w.note(u.number, "pay %s with a card that is %s: %d", made.session, card.name, status)
		if status == http.StatusPaymentRequired && again {
			u.pay(made, "pm_card_visa")
		}
	}
	if returns {
		u.look(made)
	}
}

func (o order) request() request {
	return request{method: "POST", path: "/checkout", key: o.key, body: o.body}
}

// repeatOrder repeats an order under a key that had a reply. It must get the same order, or be refused if there is a
// subscription by then.
func (u *user) repeatOrder(r *rand.Rand) {
	o, ok := u.someOrder(r)
	if !ok {
		return
	}
	a, _, ok := u.insist(o.request(), "", patience)
	if !ok || a.status == http.StatusConflict {
		return
	}
	if a.status != http.StatusCreated || a.text("order.id") != o.id || !a.replayed {
		u.w.violate(u, "the key %s made the order %s, and its repeat answers %s %s", o.key, o.id, a, a.text("order.id"))
	}
}

func (u *user) pay(o order, card string) int {
	_, status := u.w.ask("POST", "/v1/payment_pages/"+o.session+"/confirm", url.Values{"payment_method": {card}})
	return status
}

// payOld pays on a page that was left open, if it is still open.
func (u *user) payOld(r *rand.Rand) {
	if o, ok := u.someOrder(r); ok {
		status := u.pay(o, "pm_card_visa")
		u.w.note(u.number, "pay %s of before: %d", o.session, status)
	}
}

func (u *user) look(o order) {
	a, _, ok := u.insist(request{method: "GET", path: "/checkout/" + o.id}, "", patience)
	if ok && a.status != http.StatusOK {
		u.w.violate(u, "its own order %s answers %s", o.id, a)
	}
}

func (u *user) someOrder(r *rand.Rand) (order, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.orders) == 0 {
		return order{}, false
	}
	return u.orders[r.IntN(len(u.orders))], true
}

func (u *user) lookAtOrder(r *rand.Rand) {
	if o, ok := u.someOrder(r); ok {
		u.look(o)
	}
}

func (u *user) readSession(*rand.Rand) {
	u.insist(request{method: "GET", path: "/session"}, "", patience)
}

func (u *user) refreshNow(*rand.Rand) { u.renew(u.current()) }
