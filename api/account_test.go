package api_test

import (
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
)

// deletesItsAccount reads all that is kept about another user's account, and deletes it. The token then opens nothing,
// and an endpoint hears of the erasure.
func (c *client) deletesItsAccount() {
	c.t.Helper()
	user, admin := c.w.user(c.t), c.w.admin(c.t)
	url, came := endpoint(c.t)
	hook := map[string]any{"url": url, "types": []string{"account.deleted"}}
	secret := admin.call(http.StatusCreated, http.MethodPost, "/admin/webhooks", hook).text("secret")
	user.buy("pack_100")
	user.call(http.StatusOK, http.MethodPost, "/points/spend", map[string]any{
		"amount": 30, "description": "a picture of Ada", "metadata": map[string]any{"file": "ada.png"},
	}, "Idempotency-Key", "ada")

	held := user.call(http.StatusCreated, http.MethodPost, "/points/holds", map[string]any{
		"amount": 20, "ttl_seconds": 3600, "description": "a film of Ada",
	}, "Idempotency-Key", "ada-film")
	ended := user.call(http.StatusCreated, http.MethodPost, "/points/holds", map[string]any{
		"amount": 5, "ttl_seconds": 3600,
	}, "Idempotency-Key", "ada-short").text("hold.id")
	user.call(http.StatusOK, http.MethodPost, "/points/holds/"+ended+"/release", nil, "Idempotency-Key", "ada-end")

	all := user.call(http.StatusOK, http.MethodGet, "/account/export", nil)
	read := func(path string) answer { return user.call(http.StatusOK, http.MethodGet, path, nil) }
	for member, want := range map[string]any{
		"user": read("/session").at("user"), "points": read("/session").at("points"),
		"orders": read("/orders").at("orders"), "entries": read("/points/entries").at("entries"),
		"sessions": read("/sessions").at("sessions"), "lots": read("/points").at("lots"),
		"holds": []any{held.at("hold")},
	} {
		c.expect(reflect.DeepEqual(all.at(member), want), "%s are exported as %v, not %v", member, all.at(member), want)
	}
	spent := all.list("entries")[3].(map[string]any) // the newest are the two holds and the release
	c.expect(spent["description"] == "a picture of Ada", "the export has texts: %s", all.raw)
	c.expect(all.text("stripe_customer_id") != "", "the export names the customer at Stripe: %s", all.raw)

	c.w.Advance(11 * time.Minute)
	old := user.call(http.StatusForbidden, http.MethodDelete, "/account", nil)
	c.expect(old.text("type") == "/problems/login-too-old", "an old login: %s", old.raw)
	login := map[string]any{"email": user.email, "password": password}
	user.call(http.StatusOK, http.MethodPost, "/auth/login", login)
	gone := user.call(http.StatusAccepted, http.MethodDelete, "/account", nil)
	user.call(http.StatusUnauthorized, http.MethodDelete, "/account", nil)
	user.spend(http.StatusUnauthorized, 1)
	closed := user.call(http.StatusForbidden, http.MethodPost, "/auth/login", login)
	c.expect(closed.text("type") == "/problems/account-closed", "it is being deleted: %s", closed.raw)

	path := "/admin/accounts/" + gone.text("account_id")
	now := admin.call(http.StatusOK, http.MethodGet, path, nil)
	c.expect(now.at("deleted.requested_at") == gone.at("requested_at") && now.at("deleted.erased_at") == nil &&
		now.at("disabled") == nil, "an admin sees the deletion: %s", now.raw)

	log := slog.New(slog.DiscardHandler)
	sales := checkout.New(c.w.db, c.w.Stripe, c.w.Catalog, c.w.syncer, billing.Origins{shopURL}, log)
	must(c.t, sales.FinishDeletions(c.t.Context()))
	heard := c.next(came, secret)
	c.expect(heard.at("data.account_id") == gone.at("account_id"), "the erasure is reported: %s", heard.raw)
	user.call(http.StatusUnauthorized, http.MethodPost, "/auth/login", login)
	now = admin.call(http.StatusOK, http.MethodGet, path, nil)
	c.expect(now.at("deleted.erased_at") != nil, "an admin sees the erasure: %s", now.raw)
	story := strings.Join(admin.moments(path+"/timeline", 100), "\n")
	for _, part := range []string{
		"account.registered registered; the name was erased since", "deletion.began the customer deleted the account",
		"deletion.ended the person's data were erased",
	} {
		c.expect(strings.Contains(story, part), "the story holds %q:\n%s", part, story)
	}
}

// isDeleted is deleted by an admin, once for each key. Its logins end, and a second deletion records nothing.
func (c *client) isDeleted() {
	c.t.Helper()
	user, admin := c.w.user(c.t), c.w.admin(c.t)
	path := "/admin/accounts/" + user.claims().text("sub")
	ask := func(status int, key, reason string) answer {
		return admin.call(
			status, http.MethodPost, path+"/delete", map[string]any{"reason": reason}, "Idempotency-Key", key,
		)
	}
	ask(http.StatusBadRequest, "empty", " ")
	first := ask(http.StatusOK, "delete", "asked by mail")
	c.expect(first.text("deleted.requested_at") != "", "it is being deleted: %s", first.raw)
	user.call(http.StatusUnauthorized, http.MethodGet, "/session", nil)
	again := ask(http.StatusOK, "delete", "asked by mail")
	c.expect(again.header.Get("Idempotent-Replayed") == "true", "the repeat is one")
	ask(http.StatusUnprocessableEntity, "delete", "another reason")
	ask(http.StatusOK, "another", "asked by mail")
	story := strings.Join(admin.moments(path+"/timeline", 100), "\n")
	c.expect(strings.Count(story, "deleted the account: asked by mail") == 1 &&
		strings.Contains(story, "the operator deleted the account"), "it is recorded once:\n%s", story)
}
