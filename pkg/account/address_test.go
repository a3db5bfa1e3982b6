package account

import "testing"

// TestAddress proves which addresses count as one. All addresses of an IPv6 network do, and so do the two spellings of
// an IPv4 address.
func TestAddress(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"203.0.113.9":                  "203.0.113.9",
		"::ffff:203.0.113.9":           "203.0.113.9",
		"2001:db8:1:2::1":              "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff:ffff:0:ab1": "2001:db8:1:2::/64",
		"2001:DB8:1:3::1":              "2001:db8:1:3::/64",
		"fe80::1%eth0":                 "fe80::/64",
		"::1":                          "::/64",
		"":                             "",
		"203.0.113":                    "",
		"203.0.113.9:1234":             "",
		"unknown":                      "",
	} {
		if got := addressOf(WithAddress(t.Context(), address)); got != want {
			t.Errorf("%q counts as %q, want %q", address, got, want)
		}
	}
}
