package api_test

import (
	"net/http"
	"strings"

	"github.com/pointsync/pointsync/api/console"
	"github.com/pointsync/pointsync/api/shop"
)

// findsTheShop opens the demo shop's page and all its files. It also checks that internal files are not served.
func (c *client) findsTheShop() {
	c.t.Helper()
	kinds := map[string]string{"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8"}
	names, err := shop.Files.ReadDir(".")
	must(c.t, err)
	for _, n := range names {
		_, ending, _ := strings.Cut(n.Name(), ".")
		a := c.call(http.StatusOK, http.MethodGet, "/shop/"+n.Name(), nil)
		c.expect(a.header.Get("Content-Type") == kinds[ending] && a.header.Get(
			"Content-Security-Policy",
		) == shop.Policy && len(a.raw) > 0,
			"%s is sent as what it is, under the policy: %v", n.Name(), a.header)
	}
	page := string(c.call(http.StatusOK, http.MethodGet, "/", nil).raw)
	c.expect(
		strings.Contains(page, `"/shop/shop.js"`) && strings.Contains(page, `"/shop/shop.css"`),
		"the page loads them from there",
	)
	c.findsTheConsole(kinds)
	for _, path := range []string{
		"/console/", "/console/console.go", "/console/shop.js",
		"/shop/", "/shop/none.js", "/shop/shop.go", "/shop/..%2Fshop.js", "/shop.js",
	} {
		c.call(http.StatusNotFound, http.MethodGet, path, nil)
	}
}

// findsTheConsole opens the admin console's page, which needs no login, and all its files.
func (c *client) findsTheConsole(kinds map[string]string) {
	c.t.Helper()
	names, err := console.Names()
	must(c.t, err)
	for _, name := range names {
		_, ending, _ := strings.Cut(name, ".")
		a := c.call(http.StatusOK, http.MethodGet, "/console/"+name, nil)
		c.expect(
			a.header.Get("Content-Type") == kinds[ending] && len(a.raw) > 0 &&
				a.header.Get("Content-Security-Policy") == shop.Policy,
			"%s is sent as what it is, under the policy: %v", name, a.header,
		)
	}
	page := c.other().call(http.StatusOK, http.MethodGet, "/admin", nil)
	c.expect(
		strings.Contains(string(page.raw), `"/console/console.js"`) &&
			page.header.Get("Content-Security-Policy") == shop.Policy &&
			page.header.Get("Cross-Origin-Opener-Policy") == "same-origin",
		"the page loads them from there: %v", page.header,
	)
}
