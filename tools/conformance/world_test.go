package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// world is a sandbox over HTTP. All its responses and webhooks are recorded.
type world struct {
	t   *testing.T
	url string

	mu      sync.Mutex // guards the following fields
	answers []exchange
	hooks   [][]byte
}

// exchange is a request and its response.
type exchange struct {
	method, path string
	status       int
	body         []byte
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t}
	box, err := sandbox.New(sandbox.Options{Start: time.Date(2024, 1, 15, 12, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(w.recorded(box.Handler()))
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // a body that was cut short does not parse, which fails the test
		w.mu.Lock()
		defer w.mu.Unlock()
		w.hooks = append(w.hooks, body)
	}))
	t.Cleanup(func() {
		server.Close()
		if err := box.Close(); err != nil {
			t.Error(err)
		}
		receiver.Close()
	})
	w.url = server.URL
	w.ask(
		"POST", "/v1/webhook_endpoints", "enabled_events[]=*&api_version=2023-10-16&url="+url.QueryEscape(receiver.URL),
	)
	return w
}

// recorded records every response of the API as the client got it.
func (w *world) recorded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		kept := httptest.NewRecorder()
		next.ServeHTTP(kept, r)
		if strings.HasPrefix(r.URL.Path, "/v1/") {
			w.mu.Lock()
			w.answers = append(w.answers, exchange{r.Method, r.URL.Path, kept.Code, bytes.Clone(kept.Body.Bytes())})
			w.mu.Unlock()
		}
		for name, values := range kept.Header() {
			out.Header()[name] = values
		}
		out.WriteHeader(kept.Code)
		out.Write(kept.Body.Bytes()) // if this fails, the client has left
	})
}

// send sends a form and returns status and body.
func (w *world) send(method, path, form string) (int, []byte) {
	w.t.Helper()
	status, body, err := send(w.url, method, path, form)
	if err != nil {
		w.t.Fatal(err)
	}
	return status, body
}

func send(base, method, path, form string) (int, []byte, error) {
	target, kind := base+path, "application/x-www-form-urlencoded"
	var content io.Reader
	switch {
	case strings.HasPrefix(form, "{"):
		content, kind = strings.NewReader(form), "application/json"
	case method == "GET" && form != "":
		target += "?" + form
	case method != "GET":
		content = strings.NewReader(form)
	}
	request, err := http.NewRequest(method, target, content)
	if err != nil {
		return 0, nil, fmt.Errorf("make the request %s %s: %w", method, path, err)
	}
	request.Header.Set("Authorization", "Bearer sk_test_sandbox")
	request.Header.Set("Content-Type", kind)
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return 0, nil, fmt.Errorf("send %s %s: %w", method, path, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, nil, fmt.Errorf("read the answer to %s %s: %w", method, path, err)
	}
	return response.StatusCode, body, nil
}

// ask sends a request that must succeed and returns its object.
func (w *world) ask(method, path, form string) node {
	w.t.Helper()
	status, body := w.send(method, path, form)
	var out node
	if err := json.Unmarshal(body, &out); status != http.StatusOK || err != nil {
		w.t.Fatalf("%s %s %s: %d %s", method, path, form, status, body)
	}
	return out
}

// refused sends a request that must get this status.
func (w *world) refused(want int, method, path, form string) {
	w.t.Helper()
	if status, body := w.send(method, path, form); status != want {
		w.t.Fatalf("%s %s %s: want %d, got %d %s", method, path, form, want, status, body)
	}
}

func (w *world) advance(d time.Duration) {
	w.t.Helper()
	w.ask("POST", "/_sandbox/clock", fmt.Sprintf(`{"advance_seconds":%d}`, int64(d.Seconds())))
}

// price makes a product with a price. If interval is "", it is sold once.
func (w *world) price(amount int, interval string) string {
	w.t.Helper()
	form := fmt.Sprintf(
		"currency=usd&unit_amount=%d&product_data[name]=Thing&lookup_key=key_%d%s", amount, amount, interval,
	)
	if interval != "" {
		form += "&recurring[interval]=" + interval
	}
	return w.ask("POST", "/v1/prices", form)["id"].(string)
}

// session opens a checkout session for one unit of a price.
func (w *world) session(mode, price, more string) string {
	w.t.Helper()
	return w.ask("POST", "/v1/checkout/sessions", "mode="+mode+
		"&success_url=https://shop.test/ok&cancel_url=https://shop.test/no&line_items[0][price]="+price+
		"&line_items[0][quantity]=1&client_reference_id=u1&metadata[order]=o1"+more)["id"].(string)
}

// bought pays a session as a program would.
func (w *world) bought(session, card string) node {
	w.t.Helper()
	return w.ask("POST", "/v1/payment_pages/"+session+"/confirm", "payment_method="+card)
}

// subscribed makes a customer with a subscription bought on the payment page.
func (w *world) subscribed(price, more string) (subscription, customer string) {
	w.t.Helper()
	customer = w.ask(
		"POST", "/v1/customers", "email=jo@shop.test&name=Jo&metadata[u]=1&address[city]=Paris",
	)["id"].(string)
	paid := w.bought(
		w.session("subscription", price, "&customer="+customer+"&subscription_data[metadata][u]=1"+more),
		"pm_card_visa",
	)
	return paid["subscription"].(string), customer
}

// switchCard gives a subscription another card.
func (w *world) switchCard(customer, subscription, card string) {
	w.t.Helper()
	method := w.ask("POST", "/v1/payment_methods/"+card+"/attach", "customer="+customer)["id"].(string)
	w.ask("POST", "/v1/subscriptions/"+subscription, "default_payment_method="+method)
}
