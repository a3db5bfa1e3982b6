package simtest

import (
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// automaticPayments returns the paid payments of top-ups of the user's current customer.
func (u *user) automaticPayments() (paid []object) {
	customer := u.customerID()
	if customer == "" {
		return nil
	}
	var s atStripe
	var err error
	of := url.Values{"customer": {customer}}
	if s.intents, err = u.w.all("/v1/payment_intents", of); err != nil {
		return nil
	}
	if s.sessions, err = u.w.all("/v1/checkout/sessions", of); err != nil {
		return nil
	}
	for _, intents := range s.automatic() {
		for _, intent := range intents {
			if intent.text("status") == "succeeded" {
				paid = append(paid, intent)
			}
		}
	}
	return paid
}

// undoTopUp returns the money of an automatic order, by a refund or a dispute, and spends the points that are left. The
// points that the refund claws back must not cause the purchase of the next pack.
func (u *user) undoTopUp(r *rand.Rand) {
	paid := u.automaticPayments()
	if len(paid) == 0 { // cause one
		u.start(map[string]any{"item": "small", "save_payment_method": true}, "pm_card_visa")
		u.setTopUp(r)
		u.spendAll()
		u.w.reach(u.w.now().Add(time.Minute))
		u.w.calm()
		paid = u.automaticPayments()
	}
	if len(paid) == 0 {
		return
	}
	latest := paid[0]
	for _, intent := range paid {
		if intent.number("created") > latest.number("created") {
			latest = intent
		}
	}
	how, wish := "dispute", map[string]any{}
	if r.IntN(2) == 0 {
		if how = "refund"; r.IntN(2) == 0 {
			wish["amount"] = 1 + latest.number("amount")/2
		}
	}
	status, _ := u.w.control(u.w.ctx, "POST", "payments/"+latest.text("id")+"/"+how, wish)
	u.w.note(u.number, "%s of the automatic %s: %d", how, latest.text("id"), status)
	u.w.reach(u.w.now().Add(topUpCoolOff + time.Minute))
	u.spendAll()
}

// payDuringSync pays for a pack while the sync of a refused spend is under way, and then spends the pack's points. Only
// a snapshot of Stripe that began after the request may refuse that spend.
func (u *user) payDuringSync(r *rand.Rand) {
	u.w.reach(u.w.now().Add(2 * time.Minute)) // for the budget of syncs
	made, ok := u.order(map[string]any{"item": "small", "quantity": 6})
	if !ok {
		return
	}
	u.w.control(u.w.ctx, "POST", "faults", map[string]any{"kind": "webhook_delay", "delay_seconds": 600, "next": 6})
	if u.w.toStripe != nil {
		for range 5 {
			u.w.toStripe.delayAnswer(time.Duration(150+r.IntN(200)) * time.Millisecond)
		}
	}
	before, err := u.w.db.Account(u.w.ctx, billing.AccountID(u.account))
	if err != nil {
		return
	}
	var wait sync.WaitGroup
	wait.Go(func() { u.try(u.newSpend(1_000_000), "", patience) })
	had, debt := u.shown()
	// By then the sync has read some things from Stripe and not others.
	time.Sleep(time.Duration(100+r.IntN(800)) * time.Millisecond)
	status := u.pay(made, "pm_card_visa")
	u.w.note(u.number, "pay %s while Stripe is asked: %d", made.session, status)
	in := u.newSpend(had + 1)
	a, unsure, definite := u.ask(in, "", patience)
	wait.Wait()
	row, err := u.w.db.Account(u.w.ctx, billing.AccountID(u.account))
	// An account that has used up its five syncs, one more each 10 s, is refused from the database alone.
	mayLook := err == nil && row.Sync.BudgetAt.Sub(u.w.db.Now()) <= 40*time.Second
	// The subscription may have ended in the meantime, and its points with it.
	lost, known := u.lostSince(before.Version)
	enough := known && lost < made.points
	u.mu.Lock()
	defer u.mu.Unlock()
	if in.unsure = unsure || !definite; !definite {
		return
	}
	if a.status == http.StatusPaymentRequired && status == http.StatusOK && !unsure && debt == 0 && mayLook && enough {
		u.w.violate(
			u, "%s was paid, and a spend after that, of a point more than there was, answers %s", made.session, a,
		)
	}
	u.judge(in, a)
}

// lostSince returns how many points expired or were clawed back after a version of the account, and whether that is
// known.
func (u *user) lostSince(version int64) (lost int64, known bool) {
	entries, err := u.w.db.Entries(u.w.ctx, billing.AccountID(u.account), "", 1000)
	for _, e := range entries {
		if e.Seq > version && (e.Kind == billing.EntryExpire || e.Kind == billing.EntryClawback) {
			lost -= int64(e.Amount)
		}
	}
	return lost, err == nil
}
