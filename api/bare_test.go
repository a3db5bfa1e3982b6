package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// TestBareServer proves what a server without the demo shop has: its front page leads to the documentation, which has
// no button that makes accounts, and browsers are told to use TLS alone if the setting says so. A server with the shop
// has the shop, the button, and no such header.
func TestBareServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.URL(t, store.SQLite))
	const button = "Sign in as a demo user"
	withShop := &client{t: t, w: w}
	shop := withShop.call(http.StatusOK, http.MethodGet, "/", nil)
	page := withShop.call(http.StatusOK, http.MethodGet, "/docs", nil)
	withShop.expect(
		strings.Contains(string(shop.raw), "/shop/shop.js") && strings.Contains(string(page.raw), button) &&
			page.header.Get("Strict-Transport-Security") == "",
		"with the shop: %v %s", page.header, page.raw,
	)

	w.bare, w.hsts = true, 31536000
	c := &client{t: t, w: w.beside(t)}
	led := c.call(http.StatusOK, http.MethodGet, "/", nil) // the client follows the redirect
	c.expect(
		strings.Contains(string(led.raw), "/openapi.yaml") && !strings.Contains(string(led.raw), button),
		"/ leads to the documentation alone: %s", led.raw,
	)
	for _, path := range []string{"/docs", "/healthz", "/points", "/nowhere", "/shop/shop.js"} {
		a, err := c.do(http.MethodGet, path, nil)
		must(t, err)
		got := a.header.Get("Strict-Transport-Security")
		c.expect(got == "max-age=31536000", "%s has %q", path, got)
	}
	for _, path := range []string{"/shop/shop.js", "/admin", "/console/console.js"} {
		c.call(http.StatusNotFound, http.MethodGet, path, nil)
	}
}
