package api_test

import (
	"net/http"
	"testing"
	"time"
)

// hold sets points aside.
func (c *client) hold(want, amount int, header ...string) answer {
	c.t.Helper()
	return c.call(want, http.MethodPost, "/points/holds", map[string]any{"amount": amount}, header...)
}

// holdsPoints holds and captures until 40 of the points are gone, inside the window.
func (c *client) holdsPoints() {
	c.t.Helper()
	before := c.call(http.StatusOK, http.MethodGet, "/points", nil).number("available")
	c.w.Gate.Drop() // inside the window Stripe is not asked
	made := c.hold(http.StatusCreated, 100, "Idempotency-Key", "hold-1")
	c.expect(made.text("hold.status") == "active" && made.at("stale") == false && made.number("points.held") == 100 &&
		made.number("points.available") == before-100 &&
		c.claims().number("points") == before-100, "set aside: %s", made.raw)
	again := c.hold(http.StatusCreated, 100, "Idempotency-Key", "hold-1")
	c.expect(again.text("hold.id") == made.text("hold.id") && again.header.Get("Idempotent-Replayed") == "true" &&
		again.number("points.held") == 100 &&
		again.text("token") != made.text("token"), "one key is one hold, with a fresh token: %s", again.raw)
	c.hold(http.StatusUnprocessableEntity, 99, "Idempotency-Key", "hold-1")
	c.spend(http.StatusUnprocessableEntity, 100, "Idempotency-Key", "hold-1")

	path := "/points/holds/" + made.text("hold.id")
	c.call(
		http.StatusBadRequest, http.MethodPost, path+"/capture", map[string]any{"amount": 101}, "Idempotency-Key",
		"capture-1",
	)
	for n := range 2 {
		captured := c.call(
			http.StatusOK, http.MethodPost, path+"/capture", map[string]any{"amount": 40}, "Idempotency-Key",
			"capture-1",
		)
		c.expect(captured.text("hold.status") == "captured" && captured.number("hold.captured") == 40 &&
			captured.number("points.held") == 0 &&
			captured.number("points.available") == before-40 &&
			(captured.header.Get("Idempotent-Replayed") == "true") == (n == 1),
			"a part is spent once, the rest is back: %s", captured.raw)
	}
	ended := c.call(http.StatusConflict, http.MethodPost, path+"/capture", map[string]any{})
	c.expect(ended.text("type") == "/problems/conflict", "a hold ends once: %s", ended.raw)
	c.call(http.StatusConflict, http.MethodPost, path+"/release", nil)

	other := "/points/holds/" + c.hold(http.StatusCreated, 30).text("hold.id")
	c.expect(
		c.call(
			http.StatusOK, http.MethodPost, other+"/release", nil, "Idempotency-Key", "release-1",
		).number("points.available") == before-40,
		"all is back",
	)
	replay := c.call(http.StatusOK, http.MethodPost, other+"/release", nil, "Idempotency-Key", "release-1")
	c.expect(
		replay.header.Get("Idempotent-Replayed") == "true" && replay.text("hold.status") == "released",
		"released once: %s", replay.raw,
	)
	c.w.Gate.Open()

	refused := c.hold(http.StatusPaymentRequired, 5000, "Idempotency-Key", "hold-2")
	c.expect(refused.text("type") == "/problems/insufficient-points" &&
		refused.number("points.available") == before-40 &&
		refused.text("token") == c.token, "a refusal carries points and token: %s", refused.raw)
	c.holdsExpire(before - 40)
	for _, method := range []string{"", "/capture", "/release"} {
		c.w.strangerFinds(c.t, path, method)
	}
}

// holdsExpire proves that a hold expires by itself. It uses the key that a refusal left unused.
func (c *client) holdsExpire(available int) {
	c.t.Helper()
	short := c.call(http.StatusCreated, http.MethodPost, "/points/holds", map[string]any{
		"amount": 30, "ttl_seconds": 60, "description": "one film", "metadata": map[string]any{"job": "42"},
	}, "Idempotency-Key", "hold-2")
	c.w.Advance(time.Minute)
	hold := c.call(http.StatusOK, http.MethodGet, "/points/holds/"+short.text("hold.id"), nil)
	c.expect(
		hold.text("status") == "expired" && hold.text("metadata.job") == "42" && hold.text("description") == "one film",
		"its time is over: %s", hold.raw,
	)
	points := c.call(http.StatusOK, http.MethodGet, "/points", nil)
	c.expect(
		points.number("available") == available && points.number("held") == 0, "its points are back: %s", points.raw,
	)
	c.call(http.StatusConflict, http.MethodPost, "/points/holds/"+short.text("hold.id")+"/capture", map[string]any{})
	first := c.call(http.StatusOK, http.MethodGet, "/points/holds?limit=1", nil)
	rest := c.call(http.StatusOK, http.MethodGet, "/points/holds?cursor="+first.text("next_cursor"), nil)
	c.expect(
		len(first.list("holds")) == 1 && len(rest.list("holds")) == 2 && rest.at("next_cursor") == nil,
		"three holds on two pages: %s %s", first.raw, rest.raw,
	)
	newest := answer{json: first.list("holds")[0].(map[string]any)}
	c.expect(newest.text("id") == short.text("hold.id"), "newest first: %s", first.raw)
}

// strangerFinds requires that a stranger cannot find someone else's hold.
func (w *world) strangerFinds(t testing.TB, path, below string) {
	t.Helper()
	stranger := w.user(t)
	switch below {
	case "":
		stranger.call(http.StatusNotFound, http.MethodGet, path, nil)
	case "/capture":
		stranger.call(http.StatusNotFound, http.MethodPost, path+below, map[string]any{})
	default:
		stranger.call(http.StatusNotFound, http.MethodPost, path+below, nil)
	}
}

// TestHoldAsksStripe proves that a hold asks Stripe just as a spend does: inside the token's window once before it is
// refused, and outside the window first. If Stripe does not reply, the database alone decides as far as it can.
func TestHoldAsksStripe(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		w.silence()
		c := w.user(t)
		c.buy("pro_monthly")
		c.w.Advance(time.Minute) // restores what the purchase used of the budget for asking Stripe
		c.pay(c.call(http.StatusCreated, http.MethodPost, "/checkout", map[string]any{"item": "pack_1000"}))
		held := c.hold(http.StatusCreated, 2200) // the customer never returned from the payment page
		c.expect(
			held.number("points.available") == 0 && held.number("points.held") == 2200,
			"the purchase was seen before a refusal: %s", held.raw,
		)
		c.call(http.StatusOK, http.MethodPost, "/points/holds/"+held.text("hold.id")+"/release", nil)

		until := c.claims().number("subscription.until")
		// A renewal is charged an hour after the period moved.
		w.Advance(time.Unix(int64(until), 0).Sub(w.Now()) + 90*time.Minute)
		c.call(http.StatusOK, http.MethodPost, "/auth/refresh", map[string]any{"refresh_token": c.refresh})
		w.Gate.Drop()
		stale := c.hold(http.StatusCreated, 1)
		c.expect(stale.at("stale") == true, "decided by what the database knows: %s", stale.raw)
		c.hold(http.StatusServiceUnavailable, 5000)
		w.Gate.Open()
		w.Advance(time.Minute)
		c.hold(http.StatusCreated, 10)
		c.expect(c.claims().number("subscription.until") > until, "Stripe was asked first")
		c.spend(http.StatusOK, 2190) // the old period's held points are not available
	})
}
