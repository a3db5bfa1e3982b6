package simtest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
)

// wish is a change that a customer requests of their subscription under one key. It records whether the server
// confirmed it.
type wish struct {
	path, key    string
	body         map[string]any
	done, unsure bool
	atBank       bool // the last reply said that the bank has not decided: it may still refuse
}

func (u *user) wish(path string, body map[string]any) *wish {
	u.mu.Lock()
	defer u.mu.Unlock()
	made := &wish{path: path, key: u.w.newKey("wish"), body: body}
	u.wishes = append(u.wishes, made)
	u.wishes = u.wishes[max(0, len(u.wishes)-maxOld):]
	return made
}

func (w *wish) request() request {
	r := request{method: "POST", path: w.path, key: w.key}
	if w.body != nil {
		r.body = w.body
	}
	return r
}

// askFor sends a wish and returns the status of the definite reply, or 0 if there was none. If Stripe refused, it tries
// once more under another key: the subscription may have changed just after the server looked at it.
func (u *user) askFor(wanted *wish) int {
	a, unsure, ok := u.insist(wanted.request(), "", patience)
	if a.status == http.StatusBadGateway {
		u.w.note(u.number, "%s %v under %s: %s", wanted.path, wanted.body, wanted.key, a)
		wanted = u.wish(wanted.path, wanted.body)
		a, unsure, ok = u.insist(wanted.request(), "", patience)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	wanted.unsure = wanted.unsure || unsure || !ok
	if ok {
		u.judgeWish(wanted, a)
	}
	return a.status
}

// judgeWish compares a definite reply with the previous one, and the state it shows with the request. The caller holds
// u.mu.
func (u *user) judgeWish(wanted *wish, a answer) {
	u.w.note(u.number, "%s %v under %s: %s", wanted.path, wanted.body, wanted.key, a)
	switch a.status {
	case http.StatusOK:
		switch plan := wanted.body["plan"]; {
		case wanted.done && !a.replayed:
			u.w.violate(u, "a repeat of %s does not say that it is one", wanted.key)
		case !wanted.done && a.replayed && !wanted.unsure:
			u.w.violate(u, "the first answer to %s says that it is a repeat", wanted.key)
		case plan != nil && !a.replayed && a.at("subscription") != nil && a.at("subscription.plan") != plan && a.at(
			"subscription.scheduled_change.plan",
		) != plan:
			u.w.violate(
				u, "a change to %v shows %v and then %v", plan, a.at("subscription.plan"),
				a.at("subscription.scheduled_change"),
			)
		}
		wanted.done, wanted.atBank = true, a.text("payment") == "processing"
	case http.StatusBadRequest: // it keeps its seats, of which the new plan allows fewer
		if u.w.changed.Load() && !wanted.done { // or a plan that is no longer sold
			break
		}
		if !wanted.done && wanted.body["proration_date"] != nil &&
			strings.Contains(fmt.Sprint(a.json["errors"]), "/proration_date") {
			break // the clock moved by more than ten minutes since the preview
		}
		if wanted.body["plan"] == nil || wanted.body["quantity"] != nil || wanted.done {
			u.w.violate(u, "%s %v under %s answers %s", wanted.path, wanted.body, wanted.key, a)
		}
	case http.StatusPaymentRequired, http.StatusConflict, http.StatusTooManyRequests:
		refused := wanted.atBank && a.status == http.StatusPaymentRequired
		if wanted.done && !refused {
			u.w.violate(u, "%s under %s was acknowledged, and its repeat answers %s", wanted.path, wanted.key, a)
		}
	case http.StatusBadGateway:
		if !u.w.changed.Load() { // otherwise its price may be one that Stripe no longer sells
			u.w.violate(u, "%s %v under %s is refused by Stripe, twice", wanted.path, wanted.body, wanted.key)
		}
	default:
		u.w.violate(u, "%s %v under %s answers %s", wanted.path, wanted.body, wanted.key, a)
	}
}

// somePlan returns a plan under the name that the request uses, and at times several seats.
func somePlan(r *rand.Rand, as string) map[string]any {
	body := map[string]any{as: []string{"basic", "pro", "saver", "weekly", "yearly"}[r.IntN(5)]}
	if body[as] == "basic" && r.IntN(2) == 0 {
		body["quantity"] = 1 + r.IntN(5)
	}
	return body
}

// changeInApp changes plan or seats. At times it confirms what a preview said.
func (u *user) changeInApp(r *rand.Rand) {
	body := somePlan(r, "plan")
	if r.IntN(2) == 0 {
		a, _, ok := u.insist(request{method: "POST", path: "/subscription/preview", body: body}, "", patience)
		if !ok || a.status != http.StatusOK {
			return
		}
		body = maps.Clone(body)
		body["quantity"] = a.number("quantity")
		if a.at("proration_date") != nil {
			body["proration_date"] = a.number("proration_date")
		}
	}
	u.askFor(u.wish("/subscription/change", body))
}

// changeByCopies sends one change several times at once. Only one copy may be the first. A copy that finds another one
// under way may be refused.
func (u *user) changeByCopies(r *rand.Rand) {
	wanted := u.wish("/subscription/change", somePlan(r, "plan"))
	answers := make([]answer, 2+r.IntN(3))
	var wait sync.WaitGroup
	for n := range answers {
		wait.Go(func() { answers[n], _, _ = u.insist(wanted.request(), "", patience) })
	}
	wait.Wait()
	u.mu.Lock()
	defer u.mu.Unlock()
	wanted.unsure = true
	first := 0
	for _, a := range answers {
		if a.status != http.StatusOK {
			continue
		}
		if !a.replayed {
			first++
		}
		a.replayed = true
		u.judgeWish(wanted, a)
	}
	if first > 1 {
		u.w.violate(u, "%d copies of %s say that they were the first", first, wanted.key)
	}
}

func (u *user) cancelInApp(r *rand.Rand) {
	body := map[string]any{}
	if r.IntN(2) == 0 {
		body["at"] = "now"
	}
	u.askFor(u.wish("/subscription/cancel", body))
}

func (u *user) resumeInApp(*rand.Rand) { u.askFor(u.wish("/subscription/resume", nil)) }

func (u *user) repeatWish(r *rand.Rand) {
	u.mu.Lock()
	var wanted *wish
	if len(u.wishes) > 0 {
		wanted = u.wishes[r.IntN(len(u.wishes))]
	}
	u.mu.Unlock()
	if wanted != nil {
		u.askFor(wanted)
	}
}
