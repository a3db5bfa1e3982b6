// Package sandboxtest drives a sandbox over HTTP for the tests of other packages. It knows only what is open to
// everyone: Stripe's API, and the controls with which a person moves the clock.
package sandboxtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Key opens any sandbox.
const Key = "sk_test_123"

// Ask sends a form to the sandbox at base and answers the object that comes back. Another status than 200 ends the
// test.
func Ask(t testing.TB, base, method, path string, form url.Values) map[string]any {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal(
		send(t, method, base+path, "application/x-www-form-urlencoded", form.Encode()), &object,
	); err != nil {
		t.Fatalf("stripe %s %s: %v", method, path, err)
	}
	return object
}

// Advance moves the sandbox's clock; what falls due on the way has happened when it returns.
func Advance(t testing.TB, base string, d time.Duration) {
	t.Helper()
	send(
		t, http.MethodPost, base+"/_sandbox/clock", "application/json",
		fmt.Sprintf(`{"advance_seconds":%d}`, int(d.Seconds())),
	)
}

// Flush waits until every webhook that is due was sent and answered.
func Flush(t testing.TB, base string) {
	t.Helper()
	send(t, http.MethodPost, base+"/_sandbox/webhooks/flush", "", "")
}

func send(t testing.TB, method, address, kind, body string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+Key)
	req.Header.Set("Content-Type", kind)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("stripe %s %s: %d %s", method, address, resp.StatusCode, answer)
	}
	return answer
}
