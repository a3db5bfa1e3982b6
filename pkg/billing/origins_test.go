package billing_test

import (
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
)

// Proves that only an origin that is listed is allowed, and that ":*" stands for the ports of one host and one scheme.
func TestOriginsAllow(t *testing.T) {
	t.Parallel()
	origins := billing.Origins{"https://app.example.com", "http://localhost:*", "http://[::1]:*"}
	for _, in := range []string{
		"https://app.example.com", "http://localhost:5173", "http://localhost:1", "http://localhost", "http://[::1]:80",
	} {
		if !origins.Allow(in) {
			t.Errorf("%q is refused", in)
		}
	}
	for _, out := range []string{
		"", "null", "*", "https://app.example.com:444", "http://app.example.com", "https://localhost:5173",
		"http://localhost:*", "http://localhost:", "http://localhost:5173/", "http://localhost:5173/paid",
		"http://localhost:x",
		"http://localhost.evil.example", "http://localhost:5173.evil.example", "http://evil.example:5173",
		"http://localhost@evil.example:80", "http://u@localhost:80", "http://127.0.0.1:5173", "http://[::2]:80",
		"http://LOCALHOST:80", "http://localhost:80#a", "http://localhost:80?a", "http://xlocalhost:80",
	} {
		if origins.Allow(out) {
			t.Errorf("%q is allowed", out)
		}
	}
}
