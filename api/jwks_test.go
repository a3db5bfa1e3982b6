package api_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"net/http"
	"strings"

	"encoding/json"
)

// verifiesItsToken checks the token using only what the server publishes, as another service would.
func (c *client) verifiesItsToken() {
	c.t.Helper()
	decode := func(s string) []byte {
		b, err := base64.RawURLEncoding.Strict().DecodeString(s)
		must(c.t, err)
		return b
	}
	parts := strings.Split(c.token, ".")
	var header struct{ Alg, Kid, Typ string }
	must(c.t, json.Unmarshal(decode(parts[0]), &header))
	set := c.call(http.StatusOK, http.MethodGet, "/.well-known/jwks.json", nil)
	verified := false
	for _, k := range set.list("keys") {
		key := answer{json: k.(map[string]any)}
		c.expect(key.at("d") == nil, "the private key stays at home")
		if key.text("kid") == header.Kid {
			c.expect(
				key.text("kty") == "OKP" && key.text("crv") == "Ed25519" && key.text("alg") == header.Alg,
				"the key fits: %v", k,
			)
			verified = ed25519.Verify(decode(key.text("x")), []byte(parts[0]+"."+parts[1]), decode(parts[2]))
		}
	}
	c.expect(verified, "the published keys verify the token")
}
