package api_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
)

// restart serves the same database by another server, whose catalogue differs, and returns the user's app at it.
func (c *client) restart(t *testing.T, change func(*catalog.Catalog)) *client {
	t.Helper()
	other := *catalog.Default()
	other.Actions = append([]billing.Action(nil), other.Actions...)
	change(&other)
	here := c.w.Catalog
	c.w.Catalog = &other
	there := c.other()
	there.w = c.w.beside(t)
	c.w.Catalog = here
	return there
}

// given grants points to the user, and returns the service that did.
func (c *client) given(t *testing.T, points int) *client {
	t.Helper()
	worker := c.w.service(t, billing.ScopeSpend, billing.ScopeHold, billing.ScopeGrant, billing.ScopeRead)
	gift := map[string]any{"amount": points, "reference": "gift"}
	worker.call(http.StatusCreated, http.MethodPost, c.account()+"/grants", gift, "Idempotency-Key", "gift")
	return worker
}

// TestAlteredClient proves that a client pays for an action what the catalogue says, whatever it sends, once the
// operator closes free amounts to users. A service may still choose an amount.
func TestAlteredClient(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		honest := w.user(t)
		worker, path := honest.given(t, 1000), honest.account()
		c := honest.restart(t, func(c *catalog.Catalog) { c.ActionsOnly = true })
		worker.w = c.w
		closed := c.call(http.StatusOK, http.MethodGet, "/catalog", nil)
		c.expect(closed.at("actions_only") == true && len(closed.list("actions")) == 2, "listed: %s", closed.raw)

		for _, address := range []string{"/points/spend", "/points/holds"} {
			for _, r := range []struct {
				body, problem, pointer string
				status                 int
			}{
				{`{"amount":1}`, "action-required", "", 403},
				{`{"amount":1,"description":"picture","metadata":{"action":"picture"}}`, "action-required", "", 403},
				{`{"amount":1,"action":"picture"}`, "validation", "/amount", 400},
				{`{"amount":1,"quantity":2}`, "validation", "/quantity", 400},
				{`{"action":"picture","points":1}`, "validation", "", 400},
				{`{"action":"picture","price":1}`, "validation", "", 400},
				{`{"action":"picture","per":100}`, "validation", "", 400},
				{`{"action":"picture","quantity":0}`, "validation", "/quantity", 400},
				{`{"action":"picture","quantity":-1}`, "validation", "/quantity", 400},
				{`{"action":"picture","quantity":0.1}`, "validation", "/quantity", 400},
				{`{"action":"picture","quantity":"1"}`, "validation", "/quantity", 400},
				{`{"action":"picture","quantity":101}`, "validation", "/quantity", 400},
				{`{"action":"minute","quantity":121}`, "validation", "/quantity", 400},
				{`{"action":"picture","quantity":9223372036854775807}`, "validation", "/quantity", 400},
				{`{"action":"Picture"}`, "validation", "/action", 400},
				{`{"action":"pack_100"}`, "validation", "/action", 400},
				{`{"action":""}`, "validation", "/action", 400},
				{`{"action":null,"amount":1}`, "validation", "/action", 400},
				{`{"action":["picture"]}`, "validation", "/action", 400},
				{`{"quantity":1}`, "validation", "/amount", 400},
			} {
				refusal{address + " " + r.body, http.MethodPost, address, r.body, nil, r.status, r.problem, r.pointer}.
					holds(t, c.other())
			}
		}
		spent := c.call(http.StatusOK, http.MethodPost, "/points/spend", `{"action":"picture","quantity":2}`)
		c.expect(spent.number("spend.amount") == 60 && spent.number("points.available") == 940 &&
			spent.text("spend.action") == "picture" && spent.number("spend.quantity") == 2, "%s", spent.raw)

		held := c.call(http.StatusCreated, http.MethodPost, "/points/holds", `{"action":"picture"}`)
		capture := "/points/holds/" + held.text("hold.id") + "/capture"
		part := c.call(http.StatusForbidden, http.MethodPost, capture, `{"amount":1}`)
		c.expect(part.text("type") == "/problems/action-required", "a part: %s", part.raw)
		whole := c.call(http.StatusOK, http.MethodPost, capture, `{}`)
		c.expect(whole.number("hold.captured") == 30 && whole.number("hold.quantity") == 1 &&
			whole.text("hold.action") == "picture" && whole.number("points.available") == 910, "%s", whole.raw)
		for _, e := range c.call(http.StatusOK, http.MethodGet, "/points/entries?limit=3", nil).list("entries") {
			c.expect(answer{json: e.(map[string]any)}.text("action") == "picture", "the entry says for what: %v", e)
		}

		free := worker.call(
			http.StatusCreated, http.MethodPost, path+"/spends", `{"amount":1}`, "Idempotency-Key", "s1",
		)
		c.expect(free.number("points.available") == 909 && free.at("spend.action") == nil, "%s", free.raw)
		minutes := worker.call(
			http.StatusCreated, http.MethodPost, path+"/holds", `{"action":"minute","quantity":100}`,
			"Idempotency-Key", "h1",
		)
		c.expect(minutes.number("hold.amount") == 200, "100 minutes of 2 points: %s", minutes.raw)
		worker.call(
			http.StatusOK, http.MethodPost, path+"/holds/"+minutes.text("hold.id")+"/capture", `{"amount":7}`,
			"Idempotency-Key", "c1",
		)
	})
}

// TestRepeatOutlivesThePrice proves that a repeat returns the first outcome although the action costs more by now, is
// gone from the catalogue, or was spent as an amount that users may no longer choose. Another request under the same
// key is refused.
func TestRepeatOutlivesThePrice(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		c := w.user(t)
		worker, path := c.given(t, 100), c.account()
		requests := []struct{ method, path, body, id string }{
			{http.MethodPost, "/points/spend", `{"action":"picture","quantity":1}`, "spend.id"},
			{http.MethodPost, "/points/holds", `{"action":"picture"}`, "hold.id"},
			{http.MethodPost, "/points/spend", `{"amount":5}`, "spend.id"},
			{http.MethodPost, "/points/holds", `{"amount":5}`, "hold.id"},
		}
		all := func(c *client, f func(n int, a answer)) {
			for n, r := range requests {
				a, err := c.do(r.method, r.path, r.body, "Idempotency-Key", fmt.Sprint(n))
				must(t, err)
				f(n, a)
			}
		}
		first := make([]string, len(requests))
		all(c, func(n int, a answer) {
			c.expect(a.status < 300 && a.header.Get("Idempotent-Replayed") == "", "%d %s", a.status, a.raw)
			first[n] = a.text(requests[n].id)
		})
		byService := worker.call(
			http.StatusCreated, http.MethodPost, path+"/spends", `{"action":"minute"}`, "Idempotency-Key", "0",
		)
		for name, change := range map[string]func(*catalog.Catalog){
			"Dearer":       func(c *catalog.Catalog) { c.Actions[1].Points = 40 },
			"Unaffordable": func(c *catalog.Catalog) { c.Actions[0].Points, c.Actions[1].Points = 4000, 4000 },
			"Gone":         func(c *catalog.Catalog) { c.Actions = nil },
			"Closed":       func(c *catalog.Catalog) { c.ActionsOnly = true },
			"Capped":       func(c *catalog.Catalog) { c.Caps.Default = billing.Caps{Request: 1, Day: 1} },
			"Fewer":        func(c *catalog.Catalog) { c.Actions = c.Actions[:1]; c.Actions[0].Max = 1 },
		} {
			t.Run(name, func(t *testing.T) {
				there := c.restart(t, change)
				all(there, func(n int, a answer) {
					if a.status >= 300 || a.text(requests[n].id) != first[n] ||
						a.header.Get("Idempotent-Replayed") != "true" || a.number("points.available") != 28 {
						t.Errorf("%s: %d %s", requests[n].body, a.status, a.raw)
					}
				})
				service := worker.other()
				service.w = there.w
				again := service.call(
					http.StatusCreated, http.MethodPost, path+"/spends", `{"action":"minute"}`, "Idempotency-Key", "0",
				)
				if again.text("spend.id") != byService.text("spend.id") {
					t.Errorf("a repeat of a service: %s", again.raw)
				}
				others := []string{`{"action":"picture","quantity":2}`, `{"action":"film"}`, `{"amount":30}`}
				for _, body := range others {
					a, err := there.do(http.MethodPost, "/points/spend", body, "Idempotency-Key", "0")
					must(t, err)
					if a.text("type") != "/problems/idempotency-key-reused" {
						t.Errorf("%s under the key of another request: %d %s", body, a.status, a.raw)
					}
				}
			})
		}
		dearer := c.restart(t, func(c *catalog.Catalog) { c.Actions[1].Points = 20 })
		new := dearer.call(
			http.StatusOK, http.MethodPost, "/points/spend", `{"action":"picture"}`, "Idempotency-Key", "new",
		)
		c.expect(new.number("spend.amount") == 20, "a new request pays the new price: %s", new.raw)
	})
}

// TestCappedOverHTTP proves that caps are refused with the documented problems: one request by 403, a day by 429 with
// the time until the next day. The plan of a live subscription sets them, for users and services alike.
func TestCappedOverHTTP(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		honest := w.user(t)
		worker, path := honest.given(t, 1000), honest.account()
		c := honest.restart(t, func(c *catalog.Catalog) {
			c.Caps = billing.CapPolicy{
				Default: billing.Caps{Request: 60, Day: 100},
				Plans:   map[string]billing.Caps{"pro_monthly": {Request: 500, Day: 700}},
			}
		})
		worker.w = c.w
		large := c.call(http.StatusForbidden, http.MethodPost, "/points/spend", `{"action":"picture","quantity":3}`)
		c.expect(large.text("type") == "/problems/request-cap", "%s", large.raw)
		c.call(http.StatusOK, http.MethodPost, "/points/spend", `{"action":"picture","quantity":2}`)
		for _, a := range []answer{
			c.call(http.StatusTooManyRequests, http.MethodPost, "/points/spend", `{"amount":41}`),
			c.call(http.StatusTooManyRequests, http.MethodPost, "/points/holds", `{"amount":41}`),
			worker.call(
				http.StatusTooManyRequests, http.MethodPost, path+"/spends", `{"amount":41}`, "Idempotency-Key", "s",
			),
			worker.call(
				http.StatusTooManyRequests, http.MethodPost, path+"/holds", `{"amount":41}`, "Idempotency-Key", "s",
			),
		} {
			c.expect(a.text("type") == "/problems/daily-cap" && a.header.Get("Retry-After") != "", "%s", a.raw)
		}
		held := c.call(http.StatusCreated, http.MethodPost, "/points/holds", `{"amount":40}`).text("hold.id")
		c.call(http.StatusTooManyRequests, http.MethodPost, "/points/spend", `{"amount":1}`)
		c.call(http.StatusOK, http.MethodPost, "/points/holds/"+held+"/release", nil)
		c.call(http.StatusOK, http.MethodPost, "/points/spend", `{"amount":1}`)

		honest.buy("pro_monthly")
		c.call(http.StatusOK, http.MethodPost, "/points/spend", `{"amount":500}`)
		c.call(http.StatusForbidden, http.MethodPost, "/points/spend", `{"amount":501}`)
	})
}

// TestFeaturesOverHTTP proves that a subscriber has the features of the plan in the session, in the token and in what a
// service reads, and that they end with the window although no one has asked Stripe.
func TestFeaturesOverHTTP(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		c, worker := w.user(t), w.service(t, billing.ScopeRead)
		path := c.account() + "/subscription"
		has := func(want string) {
			t.Helper()
			session := c.call(http.StatusOK, http.MethodGet, "/session", nil)
			read := worker.call(http.StatusOK, http.MethodGet, path, nil)
			for name, got := range map[string]any{
				"session": session.at("subscription.features"), "service": read.at("subscription.features"),
				"token": c.claims().at("subscription.features"),
			} {
				if fmt.Sprint(got) != want {
					t.Errorf("%s: %v, want %s", name, got, want)
				}
			}
		}
		has("<nil>")
		c.buy("pro_monthly")
		has("[hd export]")
		w.silence()
		w.Skew(40 * 24 * time.Hour) // no webhook, and no sync
		c.token = ""
		c.call(http.StatusOK, http.MethodPost, "/auth/login", map[string]any{"email": c.email, "password": password})
		has("[]")
	})
}
