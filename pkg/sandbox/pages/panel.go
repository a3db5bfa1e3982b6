package pages

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"io"
)

//go:embed panel.css
var panelStyle string

//go:embed panel.js
var panelScript string

var panelPage = parseWith("panel", style+panelStyle)

// Panel writes a page of the control panel. All its forms post to /panel/ and an action. The names of the fields are in
// templates/panel.html.
func Panel(w io.Writer, v PanelView) error { return draw(w, panelPage, v) }

// PanelPolicy returns the Content-Security-Policy of the panel. It allows the panel's own style and its one script,
// each known by its hash, and requests to its own server.
func PanelPolicy() string {
	return "default-src 'none'; style-src " + hashed(style+panelStyle) + "; script-src " + hashed(panelScript) +
		"; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}

// hashed returns the hash by which a policy names a text.
func hashed(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
