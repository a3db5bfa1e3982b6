package simtest

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// checkEndings checks the final states, once faults have stopped and the database agrees with Stripe.
func (w *world) checkEndings() {
	w.inParallel(checkers, len(w.users), func(n int) {
		u := w.users[n]
		for _, check := range []func() error{u.checkStopped, u.checkTrials, u.checkServed} {
			if err := check(); err != nil {
				w.violate(u, "at the end: %v", err)
			}
		}
	})
}

// customers returns the ids of all Stripe customers that the user ever had.
func (u *user) customers() []string {
	all := append([]string(nil), u.gone...)
	if now := u.customerID(); now != "" {
		all = append(all, now)
	}
	return all
}

// listed reads one of Stripe's lists for all the user's customers.
func (u *user) listed(path string, more url.Values) (all []object, err error) {
	for _, customer := range u.customers() {
		form := url.Values{"customer": {customer}}
		for name, values := range more {
			form[name] = values
		}
		some, err := u.w.all(path, form)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// checkStopped returns an error if top-ups are still on although they should have stopped (docs/states.md, Top-up).
// They stop if a bank took money of any of the customer's payments after the customer last enabled them. They also stop
// if an automatic pack was refunded after that.
func (u *user) checkStopped() error {
	topUp, err := u.w.db.TopUp(u.w.ctx, billing.AccountID(u.account))
	if billing.CodeOf(err) == billing.ENotFound || err == nil && topUp.Status != billing.TopUpOn {
		return nil
	}
	if err != nil {
		return err
	}
	u.mu.Lock()
	since := u.switchedOn.Unix()
	u.mu.Unlock()
	var s atStripe
	charges, err1 := u.listed("/v1/charges", nil)
	intents, err2 := u.listed("/v1/payment_intents", nil)
	sessions, err3 := u.listed("/v1/checkout/sessions", nil)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	s.intents, s.sessions = intents, sessions
	automatic := map[string]bool{}
	for _, payments := range s.automatic() {
		for _, intent := range payments {
			automatic[intent.text("id")] = true
		}
	}
	for _, c := range charges {
		took, err := u.w.tookAfter(c, since, automatic[c.text("payment_intent")])
		if took != "" || err != nil {
			return errors.Join(err, fmt.Errorf("packs are still bought by themselves after the %s", took))
		}
	}
	return nil
}

// tookAfter names a dispute of a charge that took money after a given time, or its refund if refunds count. It returns
// "" if there is neither.
func (w *world) tookAfter(charge object, since int64, refunds bool) (string, error) {
	if charge.flag("disputed") {
		found, err := w.all("/v1/disputes", url.Values{"charge": {charge.text("id")}})
		for _, d := range found {
			status := d.text("status")
			if d.number("created") > since &&
				(status == "needs_response" || status == "under_review" || status == "lost") {
				return "dispute " + d.text("id"), err
			}
		}
		if err != nil {
			return "", err
		}
	}
	if !refunds || charge.number("amount_refunded") == 0 {
		return "", nil
	}
	found, err := w.all("/v1/refunds", url.Values{"charge": {charge.text("id")}})
	for _, r := range found {
		if r.number("created") > since && r.text("status") == "succeeded" {
			return "refund " + r.text("id"), err
		}
	}
	return "", err
}

// checkTrials returns an error if the user had two trials. Only trials that a subscription began with count. What an
// operator gave later does not count, even in the second in which the subscription began. The first invoice of a
// subscription that began with a trial asks for nothing.
func (u *user) checkTrials() error {
	found, err := u.listed("/v1/subscriptions", url.Values{"status": {"all"}})
	if err != nil {
		return err
	}
	invoices, err := u.listed("/v1/invoices", nil)
	if err != nil {
		return err
	}
	free := map[string]bool{}
	for _, i := range invoices {
		if i.text("billing_reason") == "subscription_create" && i.number("total") == 0 {
			free[i.text("subscription")] = true
		}
	}
	var trials []string
	for _, sub := range found {
		if planOf(sub) != "" && sub.number("trial_start") == sub.number("start_date") && free[sub.text("id")] {
			trials = append(trials, sub.text("id"))
		}
	}
	if len(trials) > 1 {
		return fmt.Errorf("the customer had the trials %s", trials)
	}
	return nil
}

// checkServed returns an error if a user whom Stripe has deleted can no longer buy.
func (u *user) checkServed() error {
	if len(u.gone) == 0 {
		return nil
	}
	u.w.advance(15 * time.Minute) // for the budgets
	a, _, ok := u.insist(
		request{method: "POST", path: "/checkout", key: u.w.newKey("last"), body: map[string]any{"item": "small"}}, "",
		finishPatience,
	)
	if !ok || a.status != http.StatusCreated {
		return fmt.Errorf("after the customer was deleted at Stripe, buying a pack answers %s", a)
	}
	return nil
}
