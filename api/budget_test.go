package api_test

import (
	"net/http"
	"strconv"
	"testing"
)

// TestTooManyRequests proves that requests that ask Stripe are refused as documented once the account's budget for them
// is used up. The refusal states when the next one is possible. Requests that do not ask Stripe continue.
func TestTooManyRequests(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		c := w.user(t)
		c.call(http.StatusCreated, http.MethodPost, "/checkout", map[string]any{"item": "pack_100"})
		refused := 0
		for range 30 { // the budget is 10, and grows by one every 10 s
			a, err := c.do(http.MethodPost, "/portal", map[string]any{})
			must(t, err)
			if a.status == http.StatusCreated {
				continue
			}
			refused++
			wait, err := strconv.Atoi(a.header.Get("Retry-After"))
			c.expect(
				a.status == http.StatusTooManyRequests && a.text("type") == "/problems/too-many-requests",
				"it is refused as documented: %s", a.raw,
			)
			c.expect(err == nil && wait >= 1 && wait <= 10, "come again in %q", a.header.Get("Retry-After"))
		}
		c.expect(refused > 0, "some are refused")
		c.call(http.StatusOK, http.MethodGet, "/points", nil)
		c.call(http.StatusCreated, http.MethodPost, "/checkout", map[string]any{"item": "pack_100"})
	})
}
