package sandbox_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// This test proves that a page of another site cannot use a person's browser to drive the controls or read the panel.
// Tools and the API are not affected.
func TestGuard(t *testing.T) {
	t.Parallel()
	s, err := sandbox.New(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	handler := s.Handler()
	for name, c := range map[string]struct {
		method, url string
		header      [2]string
		want        int
	}{
		"Tool": {"POST", "http://127.0.0.1:12111/_sandbox/clock", [2]string{}, 200},
		"OwnPage": {
			"POST", "http://127.0.0.1:12111/_sandbox/clock", [2]string{"Origin", "http://127.0.0.1:12111"}, 200,
		},
		"OwnPageToday": {
			"POST", "http://localhost:12111/_sandbox/clock", [2]string{"Sec-Fetch-Site", "same-origin"}, 200,
		},
		"OtherSite": {
			"POST", "http://127.0.0.1:12111/_sandbox/clock", [2]string{"Sec-Fetch-Site", "cross-site"}, 403,
		},
		"OtherPort": {
			"POST", "http://127.0.0.1:12111/_sandbox/clock", [2]string{"Sec-Fetch-Site", "same-site"}, 403,
		},
		"OtherOrigin": {
			"POST", "http://127.0.0.1:12111/_sandbox/clock", [2]string{"Origin", "https://evil.example"}, 403,
		},
		"OtherSiteClears": {
			"DELETE", "http://127.0.0.1:12111/_sandbox/faults", [2]string{"Origin", "https://evil.example"}, 403,
		},
		"OtherSiteForm": {
			"POST", "http://127.0.0.1:12111/panel/advance", [2]string{"Origin", "https://evil.example"}, 403,
		},
		"LinkToPanel":     {"GET", "http://127.0.0.1:12111/", [2]string{"Sec-Fetch-Site", "cross-site"}, 200},
		"Rebound":         {"POST", "http://evil.example:12111/_sandbox/clock", [2]string{}, 403},
		"ReboundRead":     {"GET", "http://evil.example:12111/", [2]string{}, 403},
		"ReboundStream":   {"GET", "http://evil.example/_sandbox/stream", [2]string{}, 403},
		"Compose":         {"POST", "http://sandbox:12111/_sandbox/clock", [2]string{}, 200},
		"HostOfContainer": {"POST", "http://host.docker.internal:12111/_sandbox/clock", [2]string{}, 200},
		"IPv6":            {"POST", "http://[::1]:12111/_sandbox/clock", [2]string{}, 200},
		"BareIPv6":        {"POST", "http://[::1]/_sandbox/clock", [2]string{}, 200},
		"API":             {"GET", "http://stripe.example/v1/customers", [2]string{}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := strings.NewReader("")
			if c.method == "POST" {
				body = strings.NewReader(`{"advance_seconds":1}`)
			}
			request := httptest.NewRequest(c.method, c.url, body)
			request.Header.Set("Authorization", "Bearer sk_test_x")
			if c.header[0] != "" {
				request.Header.Set(c.header[0], c.header[1])
			}
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, request)
			if answer.Code != c.want {
				t.Fatalf("%d %s, want %s", answer.Code, answer.Body, http.StatusText(c.want))
			}
		})
	}
}
