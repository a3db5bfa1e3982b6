// Package console is the admin console: one page for a support desk, which does with the API what an admin may do. It
// owns the page, its style and its modules, and nothing else: it is a client and knows the API by its contract alone.
//
// Invariants: page, style and modules are served from the API's own origin; nothing is loaded from anywhere else; there
// is no inline script, style or event handler; and the console decides nothing. The server checks the role of each
// request, so the page itself holds no secret and is open to everyone.
package console

import (
	"embed"

	"github.com/pointsync/pointsync/api/shop"
)

// HTML is the page, served at "/admin".
//
//go:embed console.html
var HTML []byte

// Files are what the page is made of beside HTML and what it shares with the shop.
//
//go:embed console.css *.js
var Files embed.FS

// shared are the files of the shop that the console uses too: the client, and what builds elements.
var shared = []string{"client.js", "failure.js", "page.js", "shop.css"}

// File returns a file of the page by its name, as it is served under "/console/".
func File(name string) ([]byte, error) {
	for _, s := range shared {
		if name == s {
			return shop.Files.ReadFile(name)
		}
	}
	return Files.ReadFile(name)
}

// Names returns the names of all files of the page.
func Names() ([]string, error) {
	own, err := Files.ReadDir(".")
	names := append([]string{}, shared...)
	for _, f := range own {
		names = append(names, f.Name())
	}
	return names, err
}
