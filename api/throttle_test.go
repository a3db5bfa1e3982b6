package api_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"
)

// TestThrottle proves that wrong passwords from one address are refused as documented after a few, before another
// address is concerned, and that the address is the one that a trusted proxy reports.
func TestThrottle(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		c := w.user(t)
		w.throttled = true
		c.w = &world{url: w.server(t, nil), House: w.House}
		login := func(address, password string) answer {
			a, err := c.do(
				http.MethodPost, "/auth/login", map[string]any{"email": c.email, "password": password},
				"X-Forwarded-For", "192.0.2.1, "+address,
			)
			must(t, err)
			return a
		}
		var a answer
		for tried := 0; ; tried++ { // after the fifth, each needs a pause, which doubles
			if a = login("203.0.113.1", "not the password"); a.status != http.StatusUnauthorized {
				c.expect(tried >= 5, "%d were let through", tried)
				break
			}
			c.expect(tried < 15, "%d were let through", tried)
		}
		wait, err := strconv.Atoi(a.header.Get("Retry-After"))
		c.expect(
			a.status == http.StatusTooManyRequests && a.text("type") == "/problems/too-many-requests" && err == nil &&
				wait >= 1,
			"refused: %d %s, again after %q", a.status, a.raw, a.header.Get("Retry-After"),
		)
		c.expect(login("203.0.113.2", password).status == http.StatusOK, "another address is not concerned")
		w.Skew(time.Duration(wait+1) * time.Second)
		c.expect(login("203.0.113.1", password).status == http.StatusOK, "after the pause")
	})
}
