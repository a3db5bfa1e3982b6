package api_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// admin returns a new user to whom the command line has given the role.
func (w *world) admin(t testing.TB) *client {
	t.Helper()
	c := w.user(t)
	changed, err := account.SetRole(t.Context(), w.db, c.email, billing.RoleAdmin)
	must(t, err)
	c.expect(changed, "a new account is no admin")
	return c
}

// meetsTheAdmin proves what an admin can see and do, and that the customer sees it too.
func (c *client) meetsTheAdmin() {
	c.t.Helper()
	admin, before := c.w.admin(c.t), c.call(http.StatusOK, http.MethodGet, "/points", nil).number("available")
	found := admin.call(
		http.StatusOK, http.MethodGet, "/admin/accounts?email="+strings.ToUpper(c.email), nil,
	).list("accounts")
	c.expect(len(found) == 1, "found by email, however it is cased: %v", found)
	path := "/admin/accounts/" + answer{json: found[0].(map[string]any)}.text("id")
	one := admin.call(http.StatusOK, http.MethodGet, path, nil)
	c.expect(
		one.text("email") == c.email && one.number("points.available") == before && strings.HasPrefix(
			one.text("customer_id"), "cus_",
		),
		"the account: %s", one.raw,
	)
	none := admin.call(http.StatusOK, http.MethodGet, "/admin/accounts?email=nobody@example.com", nil)
	c.expect(len(none.list("accounts")) == 0, "nobody has this email: %s", none.raw)

	gift := map[string]any{"amount": 50, "reason": "sorry", "expires_at": "2099-01-01T01:00:00+01:00"}
	given := admin.call(http.StatusCreated, http.MethodPost, path+"/grants", gift, "Idempotency-Key", "g1")
	gift["expires_at"] = "2099-01-01T00:00:00Z" // another notation for the same time
	again := admin.call(http.StatusCreated, http.MethodPost, path+"/grants", gift, "Idempotency-Key", "g1")
	c.expect(given.number("points.available") == before+50 && again.text("entry.id") == given.text("entry.id") &&
		given.header.Get("Idempotent-Replayed") == "" &&
		again.header.Get("Idempotent-Replayed") == "true", "one gift: %s", again.raw)
	taken := admin.call(
		http.StatusCreated, http.MethodPost, path+"/corrections", map[string]any{"amount": 20, "reason": "too many"},
		"Idempotency-Key", "g2",
	)
	c.expect(
		taken.number("entry.amount") == -20 && taken.text("entry.kind") == "correction" &&
			taken.number("points.available") == before+30,
		"taken: %s", taken.raw,
	)
	admin.call(
		http.StatusUnprocessableEntity, http.MethodPost, path+"/corrections",
		map[string]any{"amount": 21, "reason": "too many"}, "Idempotency-Key", "g2",
	)
	refused := admin.call(
		http.StatusConflict, http.MethodPost, path+"/corrections",
		map[string]any{"amount": before + 31, "reason": "all"}, "Idempotency-Key", "g3",
	)
	c.expect(refused.text("type") == "/problems/conflict", "a correction makes no debt: %s", refused.raw)
	entries := c.call(http.StatusOK, http.MethodGet, "/points/entries?limit=2", nil)
	c.expect(strings.Contains(string(entries.raw), "too many") && !strings.Contains(
		string(entries.raw), admin.claims().text("sub"),
	),
		"the customer reads why, and not who: %s", entries.raw)
	c.waitsAndComes(admin, path)
	c.readsTheStory(admin, path+"/timeline")
}

// waitsAndComes proves that a parked account is found. Its grants wait, and an admin's own grants come. An admin lets
// the waiting grants through once: the points are there in the response.
func (c *client) waitsAndComes(admin *client, path string) {
	c.t.Helper()
	reason := map[string]any{"reason": "known to us"}
	refused := admin.call(http.StatusConflict, http.MethodPost, path+"/unpark", reason, "Idempotency-Key", "u1")
	c.expect(refused.text("type") == "/problems/conflict", "nothing waits: %s", refused.raw)
	c.expect(
		len(admin.call(http.StatusOK, http.MethodGet, "/admin/accounts?parked=true", nil).list("accounts")) == 0,
		"nobody is parked",
	)
	c.park(path)
	parked := admin.call(http.StatusOK, http.MethodGet, "/admin/accounts?parked=true&limit=1", nil)
	c.expect(
		len(parked.list("accounts")) == 1 && strings.Contains(
			string(parked.raw), c.email,
		) && parked.text("next_cursor") == "",
		"parked: %s", parked.raw,
	)
	metrics := string(c.call(http.StatusOK, http.MethodGet, "/metrics", nil).raw)
	c.expect(strings.Contains(metrics, "\npointsync_parked_accounts 1\n"), "the metrics count it")
	before := admin.call(http.StatusOK, http.MethodGet, path, nil)
	c.expect(before.text("parked.reason") == "more than a test allows", "parked: %s", before.raw)
	c.w.Advance(time.Minute) // the budget for asking Stripe grows again
	made := c.call(http.StatusCreated, http.MethodPost, "/checkout", map[string]any{"item": "pack_100"})
	c.pay(made)
	order := c.call(http.StatusOK, http.MethodGet, "/checkout/"+made.text("order.id"), nil)
	c.expect(order.text("order.status") == "paid", "the order waits: %s", order.raw)
	given := admin.call(
		http.StatusCreated, http.MethodPost, path+"/grants", map[string]any{"amount": 1, "reason": "meanwhile"},
		"Idempotency-Key", "g4",
	)
	c.expect(
		given.number("points.available") == before.number("points.available")+1,
		"an admin's grant waits for nobody: %s", given.raw,
	)
	now := admin.call(http.StatusOK, http.MethodPost, path+"/unpark", reason, "Idempotency-Key", "u1")
	c.expect(
		now.number("points.available") == before.number("points.available")+101 && now.text("parked") == "" &&
			now.header.Get("Idempotent-Replayed") == "",
		"let through: %s", now.raw,
	)
	again := admin.call(http.StatusOK, http.MethodPost, path+"/unpark", reason, "Idempotency-Key", "u1")
	c.expect(
		again.text("version") == now.text("version") && again.header.Get("Idempotent-Replayed") == "true", "once: %s",
		again.raw,
	)
	admin.call(
		http.StatusUnprocessableEntity, http.MethodPost, path+"/unpark", map[string]any{"reason": "another"},
		"Idempotency-Key", "u1",
	)
}

// park parks the client's account, as a sync does that would exceed the operator's limits.
func (c *client) park(path string) {
	c.t.Helper()
	id := billing.AccountID(strings.TrimPrefix(path, "/admin/accounts/"))
	storetest.Change(c.t, c.w.db, id, func(ctx context.Context, tx *store.Tx, a billing.Account) error {
		a.Parking = billing.Parking{At: &tx.Now, Reason: "more than a test allows"}
		return tx.SaveParking(ctx, a)
	})
}

// hasAStory reads the syncs while they are kept: a month later they are deleted. The entries it requires are there
// whether or not a webhook's sync came first. The customer looked at the order before it was paid, and Stripe was
// unreachable for a spend.
func (c *client) hasAStory() {
	c.t.Helper()
	story := strings.Join(c.w.admin(c.t).moments("/admin/accounts/"+c.claims().text("sub")+"/timeline", 100), "\n")
	for _, part := range []string{
		"began: the customer looked at an order", "began: a spend asked for it", "failed: fetch account",
		"was applied: ", "subscription none → pro_monthly active",
	} {
		c.expect(strings.Contains(story, part), "the story holds %q:\n%s", part, story)
	}
}

// readsTheStory proves that the timeline shows what this client has lived through, in small pages as in large ones.
// Syncs older than a month are deleted first, so that this does not happen during the read.
func (c *client) readsTheStory(admin *client, path string) {
	c.t.Helper()
	must(c.t, c.w.syncer.ForgetSyncs(c.t.Context()))
	story := strings.Join(admin.moments(path, 5), "\n")
	large := strings.Join(admin.moments(path, 100), "\n")
	c.expect(story == large, "pages of 5 and of 100 tell one story:\n%s\n\n%s", story, large)
	for _, part := range []string{
		"account.registered registered as " + c.email, "login.began", "login.ended",
		"ordered 2 × pack_100 for 1000 usd", "order.fulfilled",
		"Stripe sent checkout.session.completed about checkout.session", "event.processed",
		"the customer looked at an order", "a spend asked for it",
		"failed: fetch account", "200 points granted: pack_100", "100 points spent",
		"points ran out", "→ pro_monthly canceled", "granted points: sorry",
		"20 points taken away by an admin: too many",
		"parked, 1 grants of 100 points wait: more than a test allows",
		"let the grants through that waited: known to us", "the operator asked for it",
	} {
		c.expect(strings.Contains(story, part), "the story holds %q:\n%s", part, story)
	}
}

// moments returns a whole timeline, read page by page.
func (c *client) moments(path string, limit int) (all []string) {
	c.t.Helper()
	for cursor := ""; ; {
		page := c.call(http.StatusOK, http.MethodGet, path+"?limit="+strconv.Itoa(limit)+cursor, nil)
		for _, m := range page.list("moments") {
			moment := answer{json: m.(map[string]any)}
			all = append(all, moment.text("at")+" "+moment.text("kind")+" "+moment.text("text"))
		}
		if cursor = page.text("next_cursor"); cursor == "" {
			return all
		}
		cursor = "&cursor=" + cursor
	}
}

// TestAdminsOnly proves that everyone who is not an admin gets 404 at an admin's address, whether or not their request
// is valid. A former admin gets it from the next request on. None of these requests has an effect.
func TestAdminsOnly(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		c, admin := w.user(t), w.admin(t)
		id := c.claims().text("sub")
		requests := []refusal{
			{"find", http.MethodGet, "/admin/accounts?email=" + c.email, nil, nil, 404, "not-found", ""},
			{"find nothing", http.MethodGet, "/admin/accounts", nil, nil, 404, "not-found", ""},
			{"own account", http.MethodGet, "/admin/accounts/" + id, nil, nil, 404, "not-found", ""},
			{"no account", http.MethodGet, "/admin/accounts/1", nil, nil, 404, "not-found", ""},
			{"timeline", http.MethodGet, "/admin/accounts/" + id + "/timeline", nil, nil, 404, "not-found", ""},
			{
				"grant", http.MethodPost, "/admin/accounts/" + id + "/grants", `{"amount":5,"reason":"r"}`,
				[]string{"Idempotency-Key", "k"}, 404, "not-found", "",
			},
			{"parked", http.MethodGet, "/admin/accounts?parked=true", nil, nil, 404, "not-found", ""},
			{
				"unpark", http.MethodPost, "/admin/accounts/" + id + "/unpark", `{"reason":"r"}`,
				[]string{"Idempotency-Key", "k"}, 404, "not-found", "",
			},
			{"bad grant", http.MethodPost, "/admin/accounts/" + id + "/grants", `nothing`, nil, 404, "not-found", ""},
			{
				"correction", http.MethodPost, "/admin/accounts/" + id + "/corrections", `{"amount":5,"reason":"r"}`,
				[]string{"Idempotency-Key", "k"}, 404, "not-found", "",
			},
			{"method", http.MethodDelete, "/admin/accounts", nil, nil, 404, "not-found", ""},
			{"elsewhere", http.MethodGet, "/admin/elsewhere", nil, nil, 404, "not-found", ""},
		}
		_, err := account.SetRole(t.Context(), w.db, admin.email, billing.RoleUser) // their token is still valid
		must(t, err)
		for _, r := range requests {
			t.Run(r.name, func(t *testing.T) { r.holds(t, c.other()); r.holds(t, admin.other()) })
		}
		stranger := &client{t: t, w: w}
		stranger.call(http.StatusUnauthorized, http.MethodGet, "/admin/accounts/"+id, nil)
		if points := c.call(http.StatusOK, http.MethodGet, "/points", nil).number("available"); points != 0 {
			t.Errorf("a stranger's grant gave %d points", points)
		}
	})
}

// TestAdminRefusals proves that an admin's requests are checked against the contract like everyone's.
func TestAdminRefusals(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		c, admin := w.user(t), w.admin(t)
		path := "/admin/accounts/" + c.claims().text("sub")
		nobody := "/admin/accounts/acc_01jd0000000000000000000000"
		key := []string{"Idempotency-Key", "k"}
		for _, r := range []refusal{
			{"no email", http.MethodGet, "/admin/accounts", nil, nil, 400, "validation", "email"},
			{
				"email and parked", http.MethodGet, "/admin/accounts?parked=true&email=a@example.com", nil, nil, 400,
				"validation", "email",
			},
			{"parked not", http.MethodGet, "/admin/accounts?parked=false", nil, nil, 400, "validation", "parked"},
			{
				"cursor of parked", http.MethodGet, "/admin/accounts?parked=true&cursor=ent_01jd0000000000000000000000",
				nil, nil, 400, "validation", "cursor",
			},
			{"unpark nobody", http.MethodPost, nobody + "/unpark", `{"reason":"r"}`, key, 404, "not-found", ""},
			{
				"unpark without a key", http.MethodPost, path + "/unpark", `{"reason":"r"}`, nil, 400, "validation",
				"Idempotency-Key",
			},
			{"unpark without a reason", http.MethodPost, path + "/unpark", `{}`, key, 400, "validation", "/reason"},
			{
				"unpark what is not parked", http.MethodPost, path + "/unpark", `{"reason":"r"}`, key, 409, "conflict",
				"",
			},
			{"email that is none", http.MethodGet, "/admin/accounts?email=ada", nil, nil, 400, "validation", "email"},
			{"id that is none", http.MethodGet, "/admin/accounts/1", nil, nil, 400, "validation", "account_id"},
			{"nobody", http.MethodGet, nobody, nil, nil, 404, "not-found", ""},
			{"nobody's timeline", http.MethodGet, nobody + "/timeline", nil, nil, 404, "not-found", ""},
			{
				"nobody's points", http.MethodPost, nobody + "/grants", `{"amount":5,"reason":"r"}`, key, 404,
				"not-found", "",
			},
			{"cursor", http.MethodGet, path + "/timeline?cursor=%20", nil, nil, 400, "validation", "cursor"},
			{
				"cursor of another list", http.MethodGet, path + "/timeline?cursor=ent_01jd0000000000000000000000", nil,
				nil, 400, "validation", "cursor",
			},
			{"limit", http.MethodGet, path + "/timeline?limit=101", nil, nil, 400, "validation", "limit"},
			{
				"no key", http.MethodPost, path + "/grants", `{"amount":5,"reason":"r"}`, nil, 400, "validation",
				"Idempotency-Key",
			},
			{"no reason", http.MethodPost, path + "/grants", `{"amount":5}`, key, 400, "validation", "/reason"},
			{
				"reason empty", http.MethodPost, path + "/corrections", `{"amount":5,"reason":""}`, key, 400,
				"validation", "/reason",
			},
			{
				"reason too long", http.MethodPost, path + "/grants",
				map[string]any{"amount": 5, "reason": strings.Repeat("r", 501)}, key, 400, "validation", "/reason",
			},
			{
				"nothing", http.MethodPost, path + "/grants", `{"amount":0,"reason":"r"}`, key, 400, "validation",
				"/amount",
			},
			{
				"a negative correction", http.MethodPost, path + "/corrections", `{"amount":-5,"reason":"r"}`, key, 400,
				"validation", "/amount",
			},
			{
				"too many", http.MethodPost, path + "/grants", `{"amount":8796093022209,"reason":"r"}`, key, 400,
				"validation", "/amount",
			},
			{
				"expiry in the past", http.MethodPost, path + "/grants",
				`{"amount":5,"reason":"r","expires_at":"2020-01-01T00:00:00Z"}`, key, 400, "validation", "/expires_at",
			},
			{
				"expiry that is none", http.MethodPost, path + "/grants",
				`{"amount":5,"reason":"r","expires_at":"tomorrow"}`, key, 400, "validation", "/expires_at",
			},
			{
				"expiry in the year 10000", http.MethodPost, path + "/grants",
				`{"amount":5,"reason":"r","expires_at":"9999-12-31T23:59:59-05:00"}`, key, 400, "validation",
				"/expires_at",
			},
			{
				"more than there is", http.MethodPost, path + "/corrections", `{"amount":5,"reason":"r"}`, key, 409,
				"conflict", "",
			},
		} {
			t.Run(r.name, func(t *testing.T) { r.holds(t, admin.other()) })
		}
		if points := c.call(http.StatusOK, http.MethodGet, "/points", nil).number("available"); points != 0 {
			t.Errorf("a refused request gave %d points", points)
		}
	})
}
