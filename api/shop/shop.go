// Package shop is the demo shop: one page that does with the API what a frontend team's own page would do. It owns the
// page, its style and its modules, and nothing else: it is a client and knows the API by its contract alone.
//
// Invariants: page, style and modules are served from the API's own origin; nothing is loaded from anywhere else; there
// is no inline script, style or event handler, so Policy can be strict; and the shop never decides anything about money
// or points, it only shows answers.
package shop

import (
	"bytes"
	"embed"
	"html"
)

// HTML is the page, served at "/". Page makes it point to another sandbox.
//
//go:embed shop.html
var HTML []byte

// Files are what the page is made of beside HTML: its style and its modules, served under "/shop/" by their names. One
// of them, client.js, is the TypeScript client: `make shop-client` writes it, and `make client` fails if it is not
// current.
//
//go:embed shop.css *.js
var Files embed.FS

// SandboxURL is where the page looks for the sandbox as it stands.
const SandboxURL = "http://127.0.0.1:12111/"

// Policy is the Content-Security-Policy that the page lives with.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// Page is HTML with the link to the sandbox at sandboxURL. With "" that link and the one to the mails are gone: only a
// server with a sandbox has pages for them.
func Page(sandboxURL string) []byte {
	address := []byte(`id="sandbox" href="` + SandboxURL + `"`)
	if sandboxURL == "" {
		link := []byte(`<a id="sandbox" href="` + SandboxURL + `">Sandbox</a> <a href="/mails">Mails</a>`)
		return bytes.Replace(HTML, link, nil, 1)
	}
	return bytes.Replace(HTML, address, []byte(`id="sandbox" href="`+html.EscapeString(sandboxURL)+`"`), 1)
}
