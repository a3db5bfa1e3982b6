package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestStory proves that the whole story runs over HTTP on both databases. The contract declares every response, and the
// story leaves out no operation of the contract.
func TestStory(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		c := w.user(t)
		c.logsInAndOut()
		c.refreshes()
		c.followsItsSession()
		c.buysAPack()
		c.spendsInside()
		c.holdsPoints()
		c.hasAStory()
		c.spendsOutside()
		c.changesTheSubscription()
		c.managesTheSubscription()
		c.looksAround()
		c.toppedUp()
		c.meetsTheAdmin()
		c.isLookedAfter()
		c.wantsToBeTold()
		c.meetsAService()
		c.hasALoginElsewhere()
		c.endsItsLogins()
		c.deletesItsAccount()
		c.isDeleted()
		c.readsItsMail()
		if missing := w.unseen(t); len(missing) > 0 {
			t.Errorf("operations without a successful call: %v", missing)
		}
	})
}

// endsItsLogins names and ends the logins of a user, and an admin disables and enables the account. It ends with a new
// login.
func (c *client) endsItsLogins() {
	c.t.Helper()
	user := c.w.user(c.t)
	login := map[string]any{"email": user.email, "password": password, "device_name": "Laptop"}
	laptop, phone := user.other(), user.other()
	laptop.call(http.StatusOK, http.MethodPost, "/auth/login", login)
	phone.call(http.StatusOK, http.MethodPost, "/auth/login", login)
	ofLaptop := "/sessions/" + laptop.claims().text("sid")
	user.call(http.StatusOK, http.MethodPatch, ofLaptop, map[string]any{"name": "Old laptop"})
	all := user.call(http.StatusOK, http.MethodGet, "/sessions", nil)
	named := strings.Contains(string(all.raw), "Old laptop")
	c.expect(len(all.list("sessions")) == 3 && named, "three logins: %s", all.raw)
	user.call(http.StatusNoContent, http.MethodDelete, ofLaptop, nil)
	laptop.call(http.StatusUnauthorized, http.MethodGet, "/session", nil)
	user.call(http.StatusNoContent, http.MethodDelete, "/sessions", nil)
	phone.call(http.StatusUnauthorized, http.MethodGet, "/session", nil)

	admin, path := c.w.admin(c.t), "/admin/accounts/"+user.claims().text("sub")
	reason := map[string]any{"reason": "a stolen card"}
	admin.call(http.StatusOK, http.MethodPost, path+"/disable", reason, "Idempotency-Key", "disable")
	user.call(http.StatusUnauthorized, http.MethodGet, "/session", nil)
	closed := user.call(http.StatusForbidden, http.MethodPost, "/auth/login", login)
	c.expect(closed.text("type") == "/problems/account-closed", "disabled: %s", closed.raw)
	admin.call(http.StatusOK, http.MethodPost, path+"/enable", reason, "Idempotency-Key", "enable")
	user.call(http.StatusOK, http.MethodPost, "/auth/login", login)
}

// logsInAndOut ends with a new login.
func (c *client) logsInAndOut() {
	c.t.Helper()
	login := map[string]any{"email": strings.ToUpper(c.email), "password": password}
	taken := c.call(http.StatusConflict, http.MethodPost, "/auth/register", login)
	c.expect(taken.text("type") == "/problems/email-taken", "an email is one however it is written: %s", taken.raw)

	device := c.other()
	session := device.call(http.StatusOK, http.MethodPost, "/auth/login", login)
	c.expect(
		session.text("user.email") == c.email && session.at("subscription") == nil, "the session is of the account: %s",
		session.raw,
	)
	c.expect(
		device.refresh != c.refresh && device.claims().text("sid") != c.claims().text("sid"),
		"each login is one of its own",
	)
	device.call(http.StatusNoContent, http.MethodPost, "/auth/logout", map[string]any{"refresh_token": device.refresh})
	device.call(
		http.StatusUnauthorized, http.MethodPost, "/auth/refresh", map[string]any{"refresh_token": device.refresh},
	)
	device.call(
		http.StatusNoContent, http.MethodPost, "/auth/logout", map[string]any{"refresh_token": "psr_never_heard_of"},
	)

	wrong := map[string]any{"email": c.email, "password": "not the password"}
	nobody := map[string]any{"email": "nobody@example.com", "password": "not the password"}
	one := device.call(http.StatusUnauthorized, http.MethodPost, "/auth/login", wrong)
	other := device.call(http.StatusUnauthorized, http.MethodPost, "/auth/login", nobody)
	c.expect(one.text("detail") == other.text("detail"), "nobody learns which emails have an account")

	read := c.call(http.StatusOK, http.MethodGet, "/session", nil)
	c.expect(read.at("refresh_token") == nil, "reading a session hands out no refresh token")
}

// refreshes proves the rotation, and that a lost response ends nothing. A token that is used after its successor ends
// the login for both holders.
func (c *client) refreshes() {
	c.t.Helper()
	login := map[string]any{"email": c.email, "password": password}
	device := c.other()
	device.call(http.StatusOK, http.MethodPost, "/auth/login", login)
	first := device.refresh
	device.call(http.StatusOK, http.MethodPost, "/auth/refresh", map[string]any{"refresh_token": first})
	second := device.refresh
	c.expect(first != second, "a refresh hands out the next token")
	// As if that response had been lost.
	device.call(http.StatusOK, http.MethodPost, "/auth/refresh", map[string]any{"refresh_token": first})
	device.call(http.StatusOK, http.MethodPost, "/auth/refresh", map[string]any{"refresh_token": device.refresh})
	device.call(http.StatusUnauthorized, http.MethodPost, "/auth/refresh", map[string]any{"refresh_token": first})
	device.call(
		http.StatusUnauthorized, http.MethodPost, "/auth/refresh", map[string]any{"refresh_token": device.refresh},
	)
	// The other login is still valid.
	c.call(http.StatusOK, http.MethodPost, "/auth/refresh", map[string]any{"refresh_token": c.refresh})
}

// buysAPack proves that a repeated purchase is one purchase.
func (c *client) buysAPack() {
	c.t.Helper()
	c.call(http.StatusOK, http.MethodGet, "/catalog", nil)
	c.call(http.StatusConflict, http.MethodPost, "/portal", map[string]any{}) // this customer never bought anything
	want := map[string]any{"item": "pack_100", "quantity": 2, "success_url": shopURL + "/paid?order={ORDER_ID}"}
	made := c.call(http.StatusCreated, http.MethodPost, "/checkout", want, "Idempotency-Key", "pack-1")
	c.expect(made.header.Get("Idempotent-Replayed") == "", "the first answer is no replay")
	again := c.call(http.StatusCreated, http.MethodPost, "/checkout", want, "Idempotency-Key", "pack-1")
	c.expect(
		again.header.Get("Idempotent-Replayed") == "true" && again.text("url") == made.text("url"),
		"the same key answers the same page",
	)
	open := c.call(http.StatusCreated, http.MethodPost, "/checkout", want)
	c.expect(open.text("order.id") == made.text("order.id"), "an open page is handed out again")
	reused := c.call(
		http.StatusUnprocessableEntity, http.MethodPost, "/checkout", map[string]any{"item": "pack_1000"},
		"Idempotency-Key", "pack-1",
	)
	c.expect(reused.text("type") == "/problems/idempotency-key-reused", "a key is one request's: %s", reused.raw)

	path := "/checkout/" + made.text("order.id")
	c.expect(c.call(http.StatusOK, http.MethodGet, path, nil).text("order.status") == "pending", "nothing is paid yet")
	c.pay(made)
	status := c.call(http.StatusOK, http.MethodGet, path, nil)
	c.expect(
		status.text("order.status") == "fulfilled" && status.number("points.available") == 200,
		"fulfilled on coming back: %s", status.raw,
	)
	c.expect(c.claims().number("points") == 200, "the token says so too")
	paid := c.call(http.StatusCreated, http.MethodPost, "/checkout", want, "Idempotency-Key", "pack-1")
	c.expect(
		paid.at("url") == nil && paid.text("order.status") == "fulfilled",
		"the key of a paid order has no page any more: %s", paid.raw,
	)
	stranger := c.w.user(c.t)
	stranger.call(http.StatusNotFound, http.MethodGet, path, nil)
	c.w.Flush()
	c.expect(
		c.call(http.StatusOK, http.MethodGet, "/points", nil).number("available") == 200,
		"the webhooks that come later grant nothing more",
	)
}

// spendsInside spends in the window that the token carries.
func (c *client) spendsInside() {
	c.t.Helper()
	c.w.Advance(time.Minute) // restores what the purchase used of the budget for asking Stripe
	c.buy("pro_monthly")
	c.call(http.StatusConflict, http.MethodPost, "/checkout", map[string]any{"item": "basic_monthly"})
	c.w.Flush()

	c.w.Gate.Drop() // inside the window Stripe is not asked
	one := c.spend(http.StatusOK, 100, "Idempotency-Key", "spend-1")
	c.expect(one.at("stale") == false && one.number("points.available") == 1300, "debited at once: %s", one.raw)
	two := c.spend(http.StatusOK, 100, "Idempotency-Key", "spend-1")
	c.expect(two.text("spend.id") == one.text("spend.id") && two.header.Get("Idempotent-Replayed") == "true" &&
		two.number("points.available") == 1300, "one key is one debit: %s", two.raw)
	c.expect(two.text("token") != one.text("token"), "a replay has a fresh token")
	c.spend(http.StatusUnprocessableEntity, 99, "Idempotency-Key", "spend-1")
	later := c.spend(http.StatusServiceUnavailable, 5000, "Idempotency-Key", "spend-2")
	c.expect(
		later.text("type") == "/problems/stripe-unavailable" && later.at("token") == nil,
		"only a synced database refuses: %s", later.raw,
	)
	c.w.Gate.Hang()
	begin := time.Now()
	c.spend(http.StatusServiceUnavailable, 5000)
	c.expect(time.Since(begin) < 10*time.Second, "a silent Stripe is not waited for long")
	c.w.Gate.Open()

	refused := c.spend(http.StatusPaymentRequired, 5000, "Idempotency-Key", "spend-2")
	c.expect(refused.number("points.available") == 1300 && c.claims().number("points") == 1300 &&
		refused.text("token") == c.token,
		"a refusal carries points and token: %s", refused.raw)
	c.spend(http.StatusOK, 1, "Idempotency-Key", "spend-2") // a refused spend leaves its key unused
}

// spendsOutside spends after the token's window, when no webhook arrives.
func (c *client) spendsOutside() {
	c.t.Helper()
	until := c.claims().number("subscription.until")
	c.w.silence()
	// The server's own comparison with Stripe must not see it first either.
	c.w.Gate.Drop()
	// A renewal is charged an hour after the period moved.
	c.w.Advance(time.Unix(int64(until), 0).Sub(c.w.Now()) + 90*time.Minute)
	c.spend(http.StatusUnauthorized, 1) // the token has expired
	c.call(http.StatusOK, http.MethodPost, "/auth/refresh", map[string]any{"refresh_token": c.refresh})
	c.expect(c.claims().number("subscription.until") == until, "the database does not know of the renewal")
	stale := c.spend(http.StatusOK, 1)
	c.expect(stale.at("stale") == true, "decided by what the database knows: %s", stale.raw)
	c.spend(http.StatusServiceUnavailable, 2000)
	c.w.Gate.Open()
	c.w.Advance(time.Minute)
	spent := c.spend(http.StatusOK, 1350) // of the pack's 200 and the renewal's 1200
	c.expect(
		spent.at("stale") == false && spent.number("points.available") == 200+1200-1350,
		"the renewal was seen first: %s", spent.raw,
	)
	c.expect(c.claims().number("subscription.until") > until, "the fresh token has the new window")
}

// managesTheSubscription opens the portal, and cancels at Stripe.
func (c *client) managesTheSubscription() {
	c.t.Helper()
	portal := c.call(http.StatusCreated, http.MethodPost, "/portal", map[string]any{"return_url": shopURL + "/account"})
	c.expect(portal.text("url") != "", "the portal has an address")
	c.w.Gate.Drop()
	c.call(http.StatusServiceUnavailable, http.MethodPost, "/portal", map[string]any{})
	c.call(http.StatusServiceUnavailable, http.MethodPost, "/checkout", map[string]any{"item": "pack_1000"})
	c.w.Gate.Open()
	c.expect(
		c.call(http.StatusOK, http.MethodGet, "/subscription", nil).text("subscription.status") == "active",
		"it is active",
	)
	id := c.w.Ask(http.MethodGet, "/v1/subscriptions", nil)["data"].([]any)[0].(map[string]any)["id"].(string)
	c.w.Ask(http.MethodDelete, "/v1/subscriptions/"+id, nil)
	refused := c.spend(http.StatusPaymentRequired, 1000)
	c.expect(
		refused.text("subscription.status") == "canceled" && refused.at("subscription.until") == nil,
		"the spend noticed: %s", refused.raw,
	)
}

// looksAround calls the reading operations that are left.
func (c *client) looksAround() {
	c.t.Helper()
	for _, path := range []string{
		"/healthz", "/readyz", "/metrics", "/openapi.yaml", "/docs",
		"/problems/conflict", "/guides/tokens.md", "/llms.txt",
	} {
		c.call(http.StatusOK, http.MethodGet, path, nil)
	}
	c.w.ring(c.t, http.StatusOK, event("evt_by_hand", "cus_of_somebody"), c.w.secret, c.w.Now())
	c.verifiesItsToken()
	c.findsTheShop()
	total, pages := 0, 0
	for cursor := ""; ; pages++ {
		page := c.call(http.StatusOK, http.MethodGet, "/points/entries?limit=2"+cursor, nil)
		for _, e := range page.list("entries") {
			total += answer{json: e.(map[string]any)}.number("amount")
		}
		next := page.text("next_cursor")
		if next == "" {
			break
		}
		cursor = "&cursor=" + next
	}
	points := c.call(http.StatusOK, http.MethodGet, "/points", nil)
	c.expect(
		total == points.number("available") && pages > 1, "%d pages of history add up to the balance: %d, %s", pages,
		total, points.raw,
	)

	first := c.call(http.StatusOK, http.MethodGet, "/orders?limit=1", nil)
	second := c.call(http.StatusOK, http.MethodGet, "/orders?limit=100&cursor="+first.text("next_cursor"), nil)
	newest, rest := first.list("orders"), second.list("orders")
	c.expect(
		len(newest) == 1 && len(rest) == 1 && second.at("next_cursor") == nil,
		"two orders on two pages, and none for the page that Stripe did not make: %s %s", first.raw, second.raw,
	)
	oldest := answer{json: rest[0].(map[string]any)}
	c.expect(oldest.text("item") == "pack_100" && oldest.number("quantity") == 2, "newest first: %s", second.raw)
}
