package simtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/sandbox/sandboxtest"
)

// object is an object in the form that Stripe returns it.
type object map[string]any

func (o object) text(path string) string   { s, _ := o.at(path).(string); return s }
func (o object) number(path string) int64  { n, _ := o.at(path).(float64); return int64(n) }
func (o object) flag(path string) bool     { b, _ := o.at(path).(bool); return b }
func (o object) list(path string) []object { return toObjects(o.at(path)) }

func (o object) at(path string) any {
	var v any = map[string]any(o)
	for name := range strings.SplitSeq(path, ".") {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

func toObjects(v any) []object {
	items, _ := v.([]any)
	found := make([]object, 0, len(items))
	for _, each := range items {
		if m, ok := each.(map[string]any); ok {
			found = append(found, m)
		}
	}
	return found
}

const (
	maxAsk         = 60 // how often to ask Stripe for one thing while it has faults
	stripePatience = 15 * time.Second
)

// ask sends a request to Stripe as its dashboard and pages do. It repeats, under one key, a request that a fault
// struck.
func (w *world) ask(method, path string, form url.Values) (o object, status int) {
	key := w.newKey("dashboard")
	for try := 0; try < maxAsk && w.ctx.Err() == nil; try++ {
		status, o = w.askOnce(method, path, form, key)
		if status != 0 && status != http.StatusTooManyRequests && status < http.StatusInternalServerError {
			return o, status
		}
		pause(w.ctx, try)
	}
	return o, status
}

func (w *world) askOnce(method, path string, form url.Values, key string) (int, object) {
	address, body := w.stripe+path, io.Reader(http.NoBody)
	if method == http.MethodPost {
		body = strings.NewReader(form.Encode())
	} else if len(form) > 0 {
		address += "?" + form.Encode()
	}
	req, err := http.NewRequestWithContext(w.ctx, method, address, body)
	if err != nil {
		return 0, nil
	}
	req.Header.Set("Authorization", "Bearer "+sandboxtest.Key)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if method == http.MethodPost {
		req.Header.Set("Idempotency-Key", key)
	}
	return w.receive(req, stripePatience)
}

// control uses one of the sandbox's own controls, which no fault strikes.
func (w *world) control(ctx context.Context, method, path string, wish map[string]any) (int, object) {
	return w.controlFor(ctx, stripePatience, method, path, wish)
}

func (w *world) controlFor(
	ctx context.Context, patience time.Duration, method, path string, wish map[string]any,
) (int, object) {
	b, _ := json.Marshal(wish) // cannot fail: numbers and texts
	req, err := http.NewRequestWithContext(ctx, method, w.stripe+"/_sandbox/"+path, strings.NewReader(string(b)))
	if err != nil {
		return 0, nil
	}
	return w.receive(req, patience)
}

func (w *world) receive(req *http.Request, patience time.Duration) (int, object) {
	ctx, cancel := context.WithTimeout(req.Context(), patience)
	defer cancel()
	resp, err := w.dashboard.Do(req.WithContext(ctx))
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	var o object
	if err := json.NewDecoder(resp.Body).Decode(&o); err != nil {
		return 0, nil
	}
	return resp.StatusCode, o
}

// all reads a whole list from Stripe.
func (w *world) all(path string, form url.Values) ([]object, error) {
	var found []object
	query := url.Values{"limit": {"100"}}
	for name, values := range form {
		query[name] = values
	}
	for {
		page, status := w.ask("GET", path, query)
		if status != http.StatusOK {
			return nil, fmt.Errorf("GET %s answers %d", path, status)
		}
		items := page.list("data")
		found = append(found, items...)
		if !page.flag("has_more") || len(items) == 0 {
			return found, nil
		}
		query.Set("starting_after", items[len(items)-1].text("id"))
	}
}

// customerID returns the user's customer, or "" before there is one.
func (u *user) customerID() string {
	u.mu.Lock()
	known := u.customer
	u.mu.Unlock()
	if known != "" {
		return known
	}
	found, err := u.w.all("/v1/customers", url.Values{"email": {u.email}})
	if err != nil || len(found) == 0 {
		return ""
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.customer = found[0].text("id")
	return u.customer
}

// subscription returns a subscription of ours that has not ended. It returns false if the user has no such
// subscription.
func (u *user) subscription() (object, bool) {
	customer := u.customerID()
	if customer == "" {
		return nil, false
	}
	found, err := u.w.all("/v1/subscriptions", url.Values{"customer": {customer}})
	n := slices.IndexFunc(found, func(s object) bool { return planOf(s) != "" })
	if err != nil || n < 0 {
		return nil, false
	}
	return found[n], true
}

func (u *user) change(what string, form url.Values) {
	s, ok := u.subscription()
	if !ok {
		return
	}
	_, status := u.w.ask("POST", "/v1/subscriptions/"+s.text("id"), form)
	u.w.note(u.number, "%s %s: %d", what, s.text("id"), status)
}

func (u *user) cancelLater(*rand.Rand) {
	u.change("cancel at the period's end", url.Values{"cancel_at_period_end": {"true"}})
}

func (u *user) resume(*rand.Rand) { u.change("resume", url.Values{"cancel_at_period_end": {"false"}}) }

// changeUnderSync cancels at Stripe while Stripe's replies to the sync that follows are late, and resumes when some of
// them are on their way. The webhook of the resume comes before the sync is applied, and the sync may know nothing
// about it.
func (u *user) changeUnderSync(r *rand.Rand) {
	if u.w.toStripe != nil {
		for range 6 {
			u.w.toStripe.delayAnswer(time.Duration(200+r.IntN(300)) * time.Millisecond)
		}
	}
	u.change("cancel, and resume while a sync reads it,", url.Values{"cancel_at_period_end": {"true"}})
	time.Sleep(time.Duration(100+r.IntN(900)) * time.Millisecond)
	u.resume(r)
}

func (u *user) swapCard(card string) {
	u.change("pay from now on with "+card+",", url.Values{"default_payment_method": {card}})
}

func (u *user) cancelNow(*rand.Rand) {
	if s, ok := u.subscription(); ok {
		_, status := u.w.ask("DELETE", "/v1/subscriptions/"+s.text("id"), nil)
		u.w.note(u.number, "cancel %s now: %d", s.text("id"), status)
	}
}

// changePlan changes to another plan as the portal does: invoiced at once, or not at all.
func (u *user) changePlan(r *rand.Rand) {
	wanted, behavior := []string{"basic", "pro", "saver", "yearly"}[r.IntN(4)], "always_invoice"
	if r.IntN(4) == 0 {
		behavior = "none"
	}
	if s, ok := u.subscription(); ok {
		u.changeAtStripe(s, wanted, behavior)
	}
}

// changeAtStripe gives a subscription another plan. An invoice that is made at once waits for its payment.
func (u *user) changeAtStripe(s object, wanted, behavior string) {
	prices, err := u.w.all("/v1/prices", lookupKey(wanted))
	items := s.list("items.data")
	if err != nil || len(prices) == 0 || len(items) == 0 || items[0].text("price.id") == prices[0].text("id") {
		return
	}
	form := url.Values{
		"items[0][id]": {items[0].text("id")}, "items[0][price]": {prices[0].text("id")},
		"proration_behavior": {behavior},
	}
	if behavior == "always_invoice" {
		form.Set("payment_behavior", "pending_if_incomplete")
	}
	_, status := u.w.ask("POST", "/v1/subscriptions/"+s.text("id"), form)
	u.w.note(u.number, "change %s to %s (%s): %d", s.text("id"), wanted, behavior, status)
}

// paid picks one of the user's payments.
func (u *user) paid(r *rand.Rand) (object, bool) {
	customer := u.customerID()
	if customer == "" {
		return nil, false
	}
	charges, err := u.w.all("/v1/charges", url.Values{"customer": {customer}})
	n := r.IntN(1 << 20)
	if err != nil || len(charges) == 0 {
		return nil, false
	}
	return charges[n%len(charges)], true
}

func (u *user) getRefund(r *rand.Rand) {
	whole, share := r.IntN(3) == 0, 1+r.Int64N(99)
	c, ok := u.paid(r)
	if !ok {
		return
	}
	wish := map[string]any{}
	if !whole {
		wish["amount"] = max(1, c.number("amount")*share/100)
	}
	status, _ := u.w.control(u.w.ctx, "POST", "payments/"+c.text("id")+"/refund", wish)
	u.w.note(u.number, "refund %v of %s: %d", wish["amount"], c.text("id"), status)
}

func (u *user) dispute(r *rand.Rand) {
	inquiry := r.IntN(3) == 0
	if c, ok := u.paid(r); ok {
		status, _ := u.w.control(
			u.w.ctx, "POST", "payments/"+c.text("id")+"/dispute", map[string]any{"inquiry": inquiry},
		)
		u.w.note(u.number, "dispute %s: %d", c.text("id"), status)
	}
}

func (u *user) decideDispute(r *rand.Rand) {
	outcome := []string{"won", "lost"}[r.IntN(2)]
	c, ok := u.paid(r)
	if !ok {
		return
	}
	found, err := u.w.all("/v1/disputes", url.Values{"charge": {c.text("id")}})
	if err == nil && len(found) > 0 {
		status, _ := u.w.control(
			u.w.ctx, "POST", "disputes/"+found[0].text("id")+"/close", map[string]any{"outcome": outcome},
		)
		u.w.note(u.number, "the dispute of %s is %s: %d", c.text("id"), outcome, status)
	}
}
