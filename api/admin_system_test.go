package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// isLookedAfter proves what the support desk sees and does: it finds the customer by each name, reads the books, asks
// Stripe, ends the logins, replays an event, and all of it is in the log.
func (c *client) isLookedAfter() {
	c.t.Helper()
	admin, id := c.w.admin(c.t), c.claims().text("sub")
	path := "/admin/accounts/" + id
	read := func(where string) answer {
		c.t.Helper()
		return admin.call(http.StatusOK, http.MethodGet, where, nil)
	}
	customer := read(path).text("customer_id")
	found := read("/admin/accounts?customer_id=" + customer).list("accounts")
	c.expect(len(found) == 1 && found[0].(map[string]any)["id"] == id, "found by customer: %v", found)
	for _, none := range []string{"customer_id=cus_none", "external_id=none"} {
		c.expect(len(read("/admin/accounts?"+none).list("accounts")) == 0, "nothing has %s", none)
	}
	own, lots := c.call(http.StatusOK, http.MethodGet, "/points", nil), read(path+"/points")
	c.expect(string(own.raw) == string(lots.raw), "the points are the customer's: %s", lots.raw)
	c.pagesAre(admin, "/points/entries", path+"/entries", "entries")
	c.pagesAre(admin, "/orders", path+"/orders", "orders")
	c.pagesAre(admin, "/points/holds", path+"/holds", "holds")
	c.expect(len(read(path+"/sessions").list("sessions")) > 0, "a device is logged in")
	read(path + "/drift")

	why := map[string]any{"reason": "a call"}
	admin.call(http.StatusOK, http.MethodPost, path+"/sync", why, "Idempotency-Key", "s1")
	event := read("/admin/events?status=processed&limit=1").list("events")[0].(map[string]any)["id"].(string)
	admin.call(http.StatusAccepted, http.MethodPost, "/admin/events/"+event+"/replay", why)
	ended := admin.call(http.StatusOK, http.MethodPost, path+"/end-sessions", why, "Idempotency-Key", "e1")
	again := admin.call(http.StatusOK, http.MethodPost, path+"/end-sessions", why, "Idempotency-Key", "e1")
	c.expect(
		ended.header.Get("Idempotent-Replayed") == "" && again.header.Get("Idempotent-Replayed") == "true",
		"once: %v", again.header,
	)
	c.call(http.StatusUnauthorized, http.MethodGet, "/session", nil)
	c.call(http.StatusOK, http.MethodPost, "/auth/login", map[string]any{"email": c.email, "password": password})

	log := string(read("/admin/actions?limit=3").raw)
	for _, part := range []string{`"end_sessions"`, `"replay"`, `"sync"`, admin.email, `"a call"`, event} {
		c.expect(strings.Contains(log, part), "the log has %s: %s", part, log)
	}
	c.expect(len(read("/admin/actions?limit=1&account_id="+id).list("actions")) == 1, "a page of one")
	read("/admin/checks")
	storetest.Exec(c.t, c.w.db, "INSERT INTO river_job (kind, args, max_attempts, state, finalized_at) "+
		"VALUES ('lost', '{}', 1, 'discarded', '2026-01-05 10:00:00')")
	jobs := string(read("/admin/jobs").raw)
	c.expect(strings.Contains(jobs, `"lost"`) && strings.Contains(jobs, `"discarded"`), "the jobs: %s", jobs)
}

// pagesAre proves that an admin sees the same list as the customer.
func (c *client) pagesAre(admin *client, own, admins, what string) {
	c.t.Helper()
	mine := c.call(http.StatusOK, http.MethodGet, own+"?limit=2", nil)
	theirs := admin.call(http.StatusOK, http.MethodGet, admins+"?limit=2", nil)
	c.expect(string(mine.raw) == string(theirs.raw), "%s: %s, want %s", what, theirs.raw, mine.raw)
	if next := mine.text("next_cursor"); next != "" {
		second := fmt.Sprintf("?limit=2&cursor=%s", next)
		mine, theirs = c.call(http.StatusOK, http.MethodGet, own+second, nil),
			admin.call(http.StatusOK, http.MethodGet, admins+second, nil)
		c.expect(string(mine.raw) == string(theirs.raw), "%s, second page: %s", what, theirs.raw)
	}
}

// TestDeskRefusals proves the limits of what the console asks, and that none of it is for customers.
func TestDeskRefusals(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		c, admin := w.user(t), w.admin(t)
		path, nobody := "/admin/accounts/"+c.claims().text("sub"), "/admin/accounts/acc_01jd0000000000000000000000"
		key, why := []string{"Idempotency-Key", "k"}, `{"reason":"r"}`
		for _, what := range []string{"points", "entries", "holds", "orders", "sessions", "drift"} {
			t.Run(what, func(t *testing.T) {
				none := refusal{what, http.MethodGet, nobody + "/" + what, nil, nil, 404, "not-found", ""}
				none.holds(t, admin.other())
				none.path = path + "/" + what
				none.holds(t, c.other())
			})
		}
		for _, r := range []refusal{
			{
				"two names", http.MethodGet, "/admin/accounts?email=a@example.com&customer_id=cus_1", nil, nil, 400,
				"validation", "email",
			},
			{
				"no customer", http.MethodGet, "/admin/accounts?customer_id=ada", nil, nil, 400, "validation",
				"customer_id",
			},
			{"sync nobody", http.MethodPost, nobody + "/sync", why, key, 404, "not-found", ""},
			{"sync without a key", http.MethodPost, path + "/sync", why, nil, 400, "validation", "Idempotency-Key"},
			{"sync without a reason", http.MethodPost, path + "/sync", `{}`, key, 400, "validation", "/reason"},
			{"end nobody's", http.MethodPost, nobody + "/end-sessions", why, key, 404, "not-found", ""},
			{
				"end for nothing", http.MethodPost, path + "/end-sessions", `{"reason":" "}`, key, 400, "validation",
				"/reason",
			},
			{"status", http.MethodGet, "/admin/events?status=lost", nil, nil, 400, "validation", "status"},
			{"too many", http.MethodGet, "/admin/actions?limit=101", nil, nil, 400, "validation", "limit"},
			{"cursor", http.MethodGet, "/admin/actions?cursor=evt_1", nil, nil, 400, "validation", "cursor"},
			{"no event", http.MethodPost, "/admin/events/evt_none/replay", why, nil, 404, "not-found", ""},
			{"no reason", http.MethodPost, "/admin/events/evt_none/replay", `{}`, nil, 400, "validation", "/reason"},
		} {
			t.Run(r.name, func(t *testing.T) { r.holds(t, admin.other()) })
		}
		for _, of := range []string{"/admin/events", "/admin/actions", "/admin/checks", "/admin/jobs"} {
			refusal{of, http.MethodGet, of, nil, nil, 404, "not-found", ""}.holds(t, c.other())
		}
		replay := refusal{"replay", http.MethodPost, "/admin/events/evt_1/replay", why, nil, 404, "not-found", ""}
		replay.holds(t, c.other())
		refusal{"sync", http.MethodPost, path + "/sync", why, key, 404, "not-found", ""}.holds(t, c.other())
	})
}
