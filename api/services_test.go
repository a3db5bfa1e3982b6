package api_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// service returns a program that holds a new key with the given scopes.
func (w *world) service(t testing.TB, scopes ...billing.Scope) *client {
	t.Helper()
	_, secret, err := account.CreateKey(t.Context(), w.db, "", account.KeyRequest{Name: "worker", Scopes: scopes})
	must(t, err)
	return &client{t: t, w: w, token: secret}
}

// account returns where a service reaches the account of a user.
func (c *client) account() string { c.t.Helper(); return "/accounts/" + c.claims().text("sub") }

// meetsAService proves that services act for the customer as the customer does, and that what they do is told.
func (c *client) meetsAService() {
	c.t.Helper()
	admin, path := c.w.admin(c.t), c.account()
	made := admin.call(http.StatusCreated, http.MethodPost, "/admin/keys", map[string]any{
		"name": "render worker", "scopes": []string{"spend", "hold", "grant", "read"},
		"expires_at": "2099-01-01T00:00:00Z",
	})
	worker, id := c.other(), made.text("key.id")
	worker.token = made.text("secret")
	c.expect(made.text("key.hint") == worker.token[len(worker.token)-4:], "the hint: %s", made.raw)
	before := worker.call(http.StatusOK, http.MethodGet, path+"/points", nil).number("available")

	gift := map[string]any{"amount": 60, "reference": "rc_1", "description": "from the App Store"}
	given := worker.call(http.StatusCreated, http.MethodPost, path+"/grants", gift, "Idempotency-Key", "g")
	again := worker.call(http.StatusCreated, http.MethodPost, path+"/grants", gift, "Idempotency-Key", "another")
	c.expect(again.text("entry.id") == given.text("entry.id") && again.number("points.available") == before+60 &&
		again.header.Get("Idempotent-Replayed") == "true" && given.text("entry.by.key_id") == id,
		"one reference grants once: %s", again.raw)
	gift["amount"] = 61
	worker.call(http.StatusConflict, http.MethodPost, path+"/grants", gift, "Idempotency-Key", "third")

	for n := range 2 {
		spent := worker.call(
			http.StatusCreated, http.MethodPost, path+"/spends", map[string]any{"amount": 10}, "Idempotency-Key", "s",
		)
		c.expect(spent.number("points.available") == before+50 && spent.at("token") == nil &&
			(spent.header.Get("Idempotent-Replayed") == "true") == (n == 1), "spent once: %s", spent.raw)
	}
	newest := func() answer {
		page := worker.call(http.StatusOK, http.MethodGet, path+"/entries?limit=1", nil)
		return answer{json: page.list("entries")[0].(map[string]any)}
	}
	one := newest().text("id")
	c.expect(worker.call(http.StatusOK, http.MethodGet, path+"/spends/"+one, nil).number("amount") == 10 &&
		c.call(http.StatusOK, http.MethodGet, "/points/spends/"+one, nil).text("id") == one, "the spend is read")
	refused := worker.call(
		http.StatusPaymentRequired, http.MethodPost, path+"/spends", map[string]any{"amount": 1 << 40},
		"Idempotency-Key", "t",
	)
	c.expect(refused.at("token") == nil && refused.number("points.available") == before+50, "refused: %s", refused.raw)

	taken := c.hold(http.StatusCreated, 20).text("hold.id")
	c.expect(worker.call(http.StatusOK, http.MethodGet, path+"/holds/"+taken, nil).number("amount") == 20, "it is seen")
	worker.call(
		http.StatusOK, http.MethodPost, path+"/holds/"+taken+"/capture", map[string]any{"amount": 5},
		"Idempotency-Key", "c",
	)
	held := worker.call(
		http.StatusCreated, http.MethodPost, path+"/holds", map[string]any{"amount": 7}, "Idempotency-Key", "h",
	).text("hold.id")
	worker.call(http.StatusOK, http.MethodPost, path+"/holds/"+held+"/release", nil, "Idempotency-Key", "r")
	left := worker.call(http.StatusOK, http.MethodGet, path, nil).number("points.available")
	c.expect(left == before+45, "5 are gone: %d", left)
	worker.call(http.StatusOK, http.MethodGet, path+"/subscription", nil)
	c.expect(newest().text("by.key_id") == id, "the customer reads who did it: %v", newest().json)
	story := admin.call(http.StatusOK, http.MethodGet, "/admin"+path+"/timeline?limit=100", nil)
	c.expect(strings.Contains(string(story.raw), "5 points used of what was set aside by the service key "+id),
		"the story tells it: %s", story.raw)
	c.bringsItsOwnUsers(worker)
	c.endsAKey(admin, worker, id)
}

// bringsItsOwnUsers proves that a backend needs to store no id of ours.
func (c *client) bringsItsOwnUsers(worker *client) {
	c.t.Helper()
	want := map[string]any{"external_id": "auth0|" + c.email}
	first := worker.call(http.StatusCreated, http.MethodPost, "/accounts", want)
	again := worker.call(http.StatusOK, http.MethodPost, "/accounts", want)
	address := "/accounts?external_id=auth0%7C" + c.email
	found := worker.call(http.StatusOK, http.MethodGet, address, nil).list("accounts")
	for _, a := range []answer{first, again} {
		c.expect(len(a.json) == 2 && a.json["external_id"] == want["external_id"], "the ids alone: %s", a.raw)
	}
	c.expect(again.text("id") == first.text("id") && len(found) == 1 &&
		answer{json: found[0].(map[string]any)}.text("id") == first.text("id"), "one account: %s", again.raw)
	none := worker.call(http.StatusOK, http.MethodGet, "/accounts?external_id=nobody", nil).list("accounts")
	c.expect(len(none) == 0, "nobody has it: %v", none)
}

// endsAKey proves that a revoked key is refused from its next request on, and that its use was noted.
func (c *client) endsAKey(admin, worker *client, id string) {
	c.t.Helper()
	page := func() answer {
		list := admin.call(http.StatusOK, http.MethodGet, "/admin/keys?limit=1", nil)
		return answer{json: list.list("keys")[0].(map[string]any)}
	}
	// The use is noted on the side, so it may come a little later.
	storetest.WaitFor(c.t, "the use of the key is noted", func() bool { return page().at("last_used_at") != nil })
	c.expect(page().text("id") == id && page().at("last_used_at") != nil && page().at("secret") == nil, "the list")
	revoked := admin.call(http.StatusOK, http.MethodPost, "/admin/keys/"+id+"/revoke", nil)
	c.expect(revoked.text("revoked_by") == admin.claims().text("sub"), "who revoked it: %s", revoked.raw)
	out := worker.call(http.StatusUnauthorized, http.MethodGet, c.account(), nil)
	c.expect(strings.Contains(out.text("detail"), "revoked"), "it is told why: %s", out.raw)
	admin.call(http.StatusNotFound, http.MethodPost, "/admin/keys/key_01jd0000000000000000000000/revoke", nil)
}

// TestScopes proves of every operation, with every single scope, that a key is let through exactly where the contract
// names the scope. A key gets 401 at an operation of users, and a user's token gets 403 at an operation of services.
func TestScopes(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		s, err := openSpec()
		must(t, err)
		user, keys, tried := w.user(t), map[billing.Scope]*client{}, 0
		for _, scope := range billing.Scopes {
			keys[scope] = w.service(t, scope)
		}
		for path, item := range s.doc.Paths.Map() {
			for method, op := range item.Operations() {
				security := s.doc.Security
				if op.Security != nil {
					security = *op.Security
				}
				if len(security) == 0 {
					continue
				}
				users, takesKeys := false, false
				for _, requirement := range security {
					_, user := requirement["bearer"]
					_, key := requirement["serviceKey"]
					users, takesKeys = users || user, takesKeys || key
				}
				named := fmt.Sprint(op.Extensions["x-scope"])
				for scope, key := range keys {
					tried++
					a, err := key.other().do(method, addressFor(t, path), nil)
					must(t, err)
					allowed := slices.Contains(strings.Fields(strings.Trim(named, "[]")), string(scope))
					want := http.StatusForbidden
					if !takesKeys {
						want = http.StatusUnauthorized
					}
					if (a.status == want) == allowed {
						t.Errorf("%s with the scope %s: %d %s", op.OperationID, scope, a.status, a.raw)
					}
				}
				if !users {
					if a, err := user.other().do(method, addressFor(t, path), nil); err != nil || a.status != 403 {
						t.Errorf("%s of a user: %d %s %v", op.OperationID, a.status, a.raw, err)
					}
				}
			}
		}
		if tried < 200 {
			t.Errorf("%d tries: most operations need credentials", tried)
		}
	})
}

// TestRevokedEverywhere proves with two servers on one database that a key that one of them revokes is refused by the
// other at its next request.
func TestRevokedEverywhere(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		here, path := w.service(t, billing.ScopeRead), w.user(t).account()
		there := here.other()
		there.w = w.beside(t)
		here.call(http.StatusOK, http.MethodGet, path, nil)
		there.call(http.StatusOK, http.MethodGet, path, nil)
		keys, err := w.db.ServiceKeys(t.Context(), "", 1)
		must(t, err)
		w.admin(t).call(http.StatusOK, http.MethodPost, "/admin/keys/"+string(keys[0].ID)+"/revoke", nil)
		there.call(http.StatusUnauthorized, http.MethodGet, path, nil)
		here.call(http.StatusUnauthorized, http.MethodGet, path, nil)
	})
}

// TestKeyIsTooFast proves that a key that makes too many requests is refused with the time of its next one, at the
// operations of services and of admins. Another key is served.
func TestKeyIsTooFast(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		w.keyRate = 1 // two at once
		at := w.beside(t)
		fast, other, path := w.service(t, billing.Scopes...), w.service(t, billing.ScopeRead), w.user(t).account()
		fast.w, other.w = at, at
		for _, address := range []string{path, "/admin/keys"} {
			var a answer
			for range 30 {
				var err error
				if a, err = fast.do(http.MethodGet, address, nil); err != nil || a.status != http.StatusOK {
					must(t, err)
					break
				}
			}
			fast.expect(a.status == http.StatusTooManyRequests && a.text("type") == "/problems/too-many-requests" &&
				a.header.Get("Retry-After") == "1", "%s: %d %s", address, a.status, a.raw)
		}
		other.call(http.StatusOK, http.MethodGet, path, nil)
	})
}

// TestServiceAsksStripe proves that a service's spend asks Stripe as the customer's does: a purchase whose webhook
// never came is seen before the refusal, and while Stripe is down the answer is 503 and not 402. The account's row
// stands in for the token: outside its window Stripe is asked first, inside it is not.
func TestServiceAsksStripe(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		c, worker := w.user(t), w.service(t, billing.ScopeSpend, billing.ScopeHold)
		w.silence()
		made := c.call(http.StatusCreated, http.MethodPost, "/checkout", map[string]any{"item": "pack_100"})
		c.pay(made)
		w.Gate.Drop()
		later := worker.call(
			http.StatusServiceUnavailable, http.MethodPost, c.account()+"/spends", map[string]any{"amount": 30},
			"Idempotency-Key", "s",
		)
		c.expect(later.text("type") == "/problems/stripe-unavailable", "only a synced database refuses: %s", later.raw)
		w.Gate.Open()
		w.Advance(time.Minute)
		spent := worker.call(
			http.StatusCreated, http.MethodPost, c.account()+"/spends", map[string]any{"amount": 30},
			"Idempotency-Key", "s",
		)
		c.expect(
			spent.number("points.available") == 70 && spent.at("stale") == false, "the pack was seen: %s", spent.raw,
		)
		worker.call(
			http.StatusPaymentRequired, http.MethodPost, c.account()+"/holds", map[string]any{"amount": 71},
			"Idempotency-Key", "h",
		)
		one := map[string]any{"amount": 1}
		w.Gate.Drop()
		w.Advance(time.Minute)
		outside := worker.call(http.StatusCreated, http.MethodPost, c.account()+"/spends", one, "Idempotency-Key", "o")
		c.expect(outside.at("stale") == true, "outside a window Stripe is asked first: %s", outside.raw)
		w.Gate.Open()
		c.buy("pro_monthly")
		w.Gate.Drop()
		inside := worker.call(http.StatusCreated, http.MethodPost, c.account()+"/spends", one, "Idempotency-Key", "i")
		c.expect(inside.at("stale") == false, "inside the window of the row it is not: %s", inside.raw)
	})
}

// TestAdminKey proves that what a key with the scope admin does is recorded with the key's id.
func TestAdminKey(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		c, desk := w.user(t), w.service(t, billing.ScopeAdmin)
		keys, err := w.db.ServiceKeys(context.Background(), "", 1)
		must(t, err)
		id := string(keys[0].ID)
		given := desk.call(
			http.StatusCreated, http.MethodPost, "/admin"+c.account()+"/grants",
			map[string]any{"amount": 5, "reason": "sorry"}, "Idempotency-Key", "g",
		)
		c.expect(given.text("entry.by.key_id") == id, "the entry says who: %s", given.raw)
		story := desk.call(http.StatusOK, http.MethodGet, "/admin"+c.account()+"/timeline", nil)
		c.expect(
			strings.Contains(string(story.raw), "the service key "+id+" granted points: sorry"), "told: %s", story.raw,
		)
		made := desk.call(
			http.StatusCreated, http.MethodPost, "/admin/keys", map[string]any{"name": "n", "scopes": []string{"read"}},
		)
		c.expect(made.text("key.created_by") == id, "who made a key: %s", made.raw)
	})
}
