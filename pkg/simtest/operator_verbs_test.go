package simtest

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"time"
)

// What an operator does to one customer's subscription in Stripe's dashboard.

// setEnd makes a subscription end on a day within this period or after it, or cancels that.
func (u *user) setEnd(r *rand.Rand) {
	ends := seconds(u.w.now().Add(time.Hour + minutes(r.IntN(40*1440))))
	if r.IntN(4) == 0 {
		ends = ""
	}
	u.change("an operator sets cancel_at to "+ends+" for", url.Values{"cancel_at": {ends}})
}

// setSchedule schedules a change at the end of a subscription's period: to another plan, or its end.
func (u *user) setSchedule(r *rand.Rand) {
	s, ok := u.subscribed(r)
	next, ends := []string{"basic", "pro", "saver"}[r.IntN(3)], r.IntN(3) == 0
	if !ok || s.text("schedule") != "" {
		return
	}
	if s.number("cancel_at") != 0 {
		u.resume(r)
	}
	made, ok := u.atStripe(
		"an operator schedules", "POST", "/v1/subscription_schedules", url.Values{"from_subscription": {s.text("id")}},
	)
	phases, items := made.list("phases"), s.list("items.data")
	if !ok || len(phases) == 0 || len(items) == 0 {
		return
	}
	form := url.Values{"proration_behavior": {"none"}, "end_behavior": {"release"}}
	if ends {
		form.Set("end_behavior", "cancel")
	}
	u.addPhase(form, 0, items[0].text("price.id"), items[0].number("quantity"))
	form.Set("phases[0][start_date]", fmt.Sprint(phases[0].number("start_date")))
	form.Set("phases[0][end_date]", fmt.Sprint(phases[0].number("end_date")))
	if trial := phases[0].number("trial_end"); trial != 0 {
		form.Set("phases[0][trial_end]", fmt.Sprint(trial))
	}
	if prices, err := u.w.all("/v1/prices", lookupKey(next)); !ends && err == nil && len(prices) > 0 {
		u.addPhase(form, 1, prices[0].text("id"), 1)
		form.Set("phases[1][iterations]", "1")
	}
	u.atStripe("an operator plans phases", "POST", "/v1/subscription_schedules/"+made.text("id"), form)
}

func (u *user) addPhase(form url.Values, n int, price string, quantity int64) {
	form.Set(fmt.Sprintf("phases[%d][items][0][price]", n), price)
	form.Set(fmt.Sprintf("phases[%d][items][0][quantity]", n), fmt.Sprint(quantity))
}

// stretchTrial moves the end of a trial, or gives a trial to a subscription that had none. The period then ends with
// the trial.
func (u *user) stretchTrial(r *rand.Rand) {
	s, ok := u.subscription()
	if !ok && r.IntN(2) == 0 {
		s, ok = u.having("weekly")
	}
	if !ok || s.text("schedule") != "" {
		return
	}
	ends := periodEnd(s).Add(minutes(r.IntN(9 * 1440)))
	if now := u.w.now(); !ends.After(now) {
		return
	}
	_, ok = u.atStripe("an operator moves the trial's end", "POST", "/v1/subscriptions/"+s.text("id"), url.Values{
		"trial_end": {seconds(ends)}, "proration_behavior": {"none"},
	})
	if ok && u.w.reach(periodEnd(s).Add(minutes(150))) { // past the grace of the first end
		u.spendSome(r)
	}
	if ok && r.IntN(2) == 0 {
		u.tryAgain(r)
	}
}

// tryAgain orders the plan that begins with a trial, ends it, and orders it again. No account may have two trials
// (checkTrials).
func (u *user) tryAgain(r *rand.Rand) {
	for range 2 {
		u.cancelNow(r)
		u.w.calm()
		if _, ok := u.start(map[string]any{"item": "weekly"}, "pm_card_visa"); !ok {
			return
		}
	}
}

// pauseCollection pauses the charges of a subscription that goes on, in each of Stripe's ways, or resumes them.
func (u *user) pauseCollection(r *rand.Rand) {
	how := []string{"", "void", "keep_as_draft", "mark_uncollectible"}[r.IntN(4)]
	if how == "" {
		u.change("collect again for", url.Values{"pause_collection": {""}})
		return
	}
	u.change("pause collection ("+how+") for", url.Values{"pause_collection[behavior]": {how}})
}

// giveGoodwill adds a negative line to the customer's next invoice that is not a plan's credit.
func (u *user) giveGoodwill(r *rand.Rand) {
	if customer := u.customerID(); customer != "" {
		u.atStripe("goodwill", "POST", "/v1/invoiceitems", url.Values{
			"customer": {customer}, "currency": {"eur"}, "amount": {
				fmt.Sprint(-1 - r.IntN(400)),
			}, "description": {"Sorry for the trouble"},
		})
	}
}

// owePennies makes the next invoice smaller than Stripe's minimum charge: it counts as paid, and the customer owes its
// sum.
func (u *user) owePennies(r *rand.Rand) {
	s, ok := u.renewing(r)
	if !ok {
		return
	}
	coupon, ok := u.atStripe(
		"a coupon", "POST", "/v1/coupons",
		url.Values{"percent_off": {fmt.Sprint(95 + r.IntN(5))}, "duration": {"once"}},
	)
	if !ok {
		return
	}
	u.atStripe(
		"a discount that leaves pennies", "POST", "/v1/subscriptions/"+s.text("id"),
		url.Values{"coupon": {coupon.text("id")}},
	)
	if u.w.reach(periodEnd(s).Add(minutes(70))) {
		u.w.calm()
		u.spendSome(r)
	}
}
