package api_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// client is one user's app. It replaces its token whenever a response has one, and checks every response against the
// contract.
type client struct {
	t       testing.TB
	w       *world
	email   string
	token   string
	refresh string
}

// answer is a response.
type answer struct {
	status int
	header http.Header
	raw    []byte
	json   map[string]any // nil if there is no body
}

var emails atomic.Int64

// user returns a newly registered user.
func (w *world) user(t testing.TB) *client {
	t.Helper()
	c := &client{t: t, w: w, email: fmt.Sprintf("user%d@example.com", emails.Add(1))}
	c.call(
		http.StatusCreated, http.MethodPost, "/auth/register", map[string]any{"email": c.email, "password": password},
	)
	return c
}

// other returns a second device of the same user.
func (c *client) other() *client {
	return &client{t: c.t, w: c.w, email: c.email, token: c.token, refresh: c.refresh}
}

// callPatience is how long a client retries while Stripe does not reply in time, as on a busy machine.
const callPatience = 30 * time.Second

// call sends a request and fails the test if the status is not the wanted one. A request that can be repeated is
// repeated on 503, as clients do.
func (c *client) call(want int, method, path string, body any, header ...string) answer {
	c.t.Helper()
	a, err := c.do(method, path, body, header...)
	repeatable := method == http.MethodGet || slices.Contains(header, "Idempotency-Key")
	for began := time.Now(); err == nil && repeatable && want < 500 && a.status == http.StatusServiceUnavailable &&
		time.Since(began) < callPatience; {
		time.Sleep(100 * time.Millisecond)
		a, err = c.do(method, path, body, header...)
	}
	must(c.t, err)
	if a.status != want {
		c.t.Fatalf("%s %s: %d %s, want %d", method, path, a.status, a.raw, want)
	}
	return a
}

// do sends a request. body is nil, text to be sent as it is, or a value to be sent as JSON.
func (c *client) do(method, path string, body any, header ...string) (a answer, err error) {
	sent, err := encode(body)
	if err != nil {
		return a, err
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.w.url+path, strings.NewReader(sent))
	if err != nil {
		return a, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	req.Header.Set("Origin", shopURL) // as a web app's requests have
	for i := 0; i+1 < len(header); i += 2 {
		if header[i+1] == "-" {
			req.Header.Del(header[i])
		} else {
			req.Header.Add(header[i], header[i+1])
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	a = answer{status: resp.StatusCode, header: resp.Header}
	if a.raw, err = io.ReadAll(resp.Body); err != nil {
		return a, err
	}
	if strings.Contains(resp.Header.Get("Content-Type"), "json") && method != http.MethodHead {
		if err := json.Unmarshal(a.raw, &a.json); err != nil {
			return a, fmt.Errorf("%s %s answers no JSON: %w: %s", method, path, err, a.raw)
		}
	}
	operation, err := holdAgainstContract(req, sent, a)
	if err == nil {
		err = heldHeaders(req, a.header)
	}
	if err == nil && a.json != nil {
		err = heldTimes("", a.json)
	}
	if err != nil {
		return a, fmt.Errorf("%s %s with %.200q answered %d %.600s: %w", method, path, sent, a.status, a.raw, err)
	}
	if operation != "" && a.status < 300 {
		c.w.seen.Store(operation, true)
	}
	c.keep(a)
	return a, nil
}

func encode(body any) (string, error) {
	switch b := body.(type) {
	case nil:
		return "", nil
	case string:
		return b, nil
	}
	b, err := json.Marshal(body)
	return string(b), err
}

// keep follows the rule for clients: a token in a response replaces the one held.
func (c *client) keep(a answer) {
	if t, ok := a.json["token"].(string); ok {
		c.token = t
	}
	if r, ok := a.json["refresh_token"].(string); ok {
		c.refresh = r
	}
}

// at returns a member by its path, or nil if it is missing.
func (a answer) at(path string) any {
	var v any = a.json
	for name := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

func (a answer) text(path string) string { s, _ := a.at(path).(string); return s }
func (a answer) number(path string) int  { n, _ := a.at(path).(float64); return int(n) }
func (a answer) list(path string) []any  { l, _ := a.at(path).([]any); return l }

// claims returns the claims of the held token.
func (c *client) claims() answer {
	c.t.Helper()
	var a answer
	parts := strings.Split(c.token, ".")
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	must(c.t, err)
	must(c.t, json.Unmarshal(b, &a.json))
	return a
}

// expect fails the test unless the condition holds.
func (c *client) expect(ok bool, format string, args ...any) {
	c.t.Helper()
	if !ok {
		c.t.Fatalf("not so: "+format, args...)
	}
}

// pay pays an order on Stripe's page as a program would.
func (c *client) pay(made answer) {
	c.t.Helper()
	c.w.Ask(http.MethodPost, "/v1/payment_pages/"+made.text("session_id")+"/confirm", url.Values{
		"payment_method": {"pm_card_visa"}, "expected_amount": {strconv.Itoa(made.number("order.amount"))},
	})
}

// buy orders an item, pays, and returns to the success page.
func (c *client) buy(item string) answer {
	c.t.Helper()
	made := c.call(http.StatusCreated, http.MethodPost, "/checkout", map[string]any{"item": item})
	c.pay(made)
	var status answer
	// Each request waits a short time for Stripe, and no longer.
	for began := time.Now(); status.text("order.status") != "fulfilled" && time.Since(began) < callPatience; {
		status = c.call(http.StatusOK, http.MethodGet, "/checkout/"+made.text("order.id"), nil)
	}
	c.expect(status.text("order.status") == "fulfilled", "the order is fulfilled: %s", status.raw)
	return status
}

// spend spends points.
func (c *client) spend(want, amount int, header ...string) answer {
	c.t.Helper()
	return c.call(want, http.MethodPost, "/points/spend", map[string]any{"amount": amount}, header...)
}
