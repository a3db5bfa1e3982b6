package sandbox_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/client"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// world is a sandbox over HTTP, as a backend sees it: the official SDK, raw requests, and a webhook receiver.
type world struct {
	t       *testing.T
	url     string
	sandbox *sandbox.Sandbox
	stripe  *client.API
	seen    []map[string]any // filled by events, oldest first
	listed  map[string]bool  // the ids of seen
}

func newWorld(t *testing.T, opts sandbox.Options) *world {
	t.Helper()
	if opts.Start.IsZero() {
		opts.Start = time.Date(2024, 1, 15, 12, 0, 0, 0, time.UTC)
	}
	s, err := sandbox.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler())
	verify := s.Witness()
	t.Cleanup(func() {
		server.Close()
		if err := verify(); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	config := &stripe.BackendConfig{
		URL:               stripe.String(server.URL),
		MaxNetworkRetries: stripe.Int64(0),
		LeveledLogger:     &stripe.LeveledLogger{Level: stripe.LevelNull},
	}
	api := &client.API{}
	api.Init("sk_test_sandbox", &stripe.Backends{API: stripe.GetBackendWithConfig(stripe.APIBackend, config)})
	return &world{t: t, url: server.URL, sandbox: s, stripe: api}
}

// started runs a sandbox that keeps its state in a folder, until stop is called. The next sandbox in that folder
// continues from there.
func started(t *testing.T, dir string) (w *world, stop func()) {
	t.Helper()
	s, err := sandbox.New(sandbox.Options{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler())
	return &world{t: t, url: server.URL, sandbox: s}, func() {
		server.Close()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// must returns the SDK's result, or fails the test.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// raw sends a form and returns the status, the body and the headers.
func (w *world) raw(method, path, form string, header ...string) (int, string, http.Header) {
	w.t.Helper()
	target := w.url + path
	var body io.Reader
	if method == "GET" && form != "" {
		target += "?" + form
	} else {
		body = strings.NewReader(form)
	}
	request, err := http.NewRequest(method, target, body)
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer sk_test_sandbox")
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return response.StatusCode, string(content), response.Header
}

// object sends a request that must succeed and returns its object.
func (w *world) object(method, path, form string) map[string]any {
	w.t.Helper()
	status, body, _ := w.raw(method, path, form)
	if status != 200 {
		w.t.Fatalf("%s %s %s: %d %s", method, path, form, status, body)
	}
	var out map[string]any
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		w.t.Fatal(err)
	}
	return out
}

// refusal sends a request that must fail and returns the error's code, parameter and message.
func (w *world) refusal(method, path, form string) (status int, code, param, message string) {
	w.t.Helper()
	status, body, _ := w.raw(method, path, form)
	var out struct {
		Error struct{ Type, Code, Param, Message string }
	}
	if err := json.Unmarshal([]byte(body), &out); err != nil || out.Error.Type == "" {
		w.t.Fatalf("%s %s %s is no Stripe error: %d %s", method, path, form, status, body)
	}
	return status, out.Error.Code, out.Error.Param, out.Error.Message
}

// advance moves the clock in short steps, so that events sees every event before it is forgotten.
func (w *world) advance(d time.Duration) {
	w.t.Helper()
	for step := min(d, 28*day); d > 0; d, step = d-step, min(d-step, 28*day) {
		if d > day {
			w.events()
		}
		w.leap(step)
	}
}

// leap moves the clock in one step.
func (w *world) leap(d time.Duration) {
	w.t.Helper()
	body, err := json.Marshal(map[string]int64{"advance_seconds": int64(d.Seconds())})
	if err != nil {
		w.t.Fatal(err)
	}
	response, err := http.Post(w.url+"/_sandbox/clock", "application/json", strings.NewReader(string(body)))
	if err != nil {
		w.t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != 200 {
		w.t.Fatalf("the clock did not move: %d", response.StatusCode)
	}
}

func (w *world) flush() {
	w.t.Helper()
	response, err := http.Post(w.url+"/_sandbox/webhooks/flush", "", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != 200 {
		w.t.Fatalf("the webhooks were not flushed: %d", response.StatusCode)
	}
}

// price makes a product with a price. With interval "" it sells once.
func (w *world) price(amount int64, interval string) string {
	w.t.Helper()
	form := url.Values{"currency": {"usd"}, "unit_amount": {itoa(amount)}, "product_data[name]": {"Thing"}}
	if interval != "" {
		form.Set("recurring[interval]", interval)
	}
	return w.object("POST", "/v1/prices", form.Encode())["id"].(string)
}

// checkout makes a session for one unit of a price.
func (w *world) checkout(mode, price, more string) map[string]any {
	w.t.Helper()
	return w.object("POST", "/v1/checkout/sessions", "mode="+mode+
		"&success_url=https://shop.test/ok?s={CHECKOUT_SESSION_ID}&cancel_url=https://shop.test/no"+
		"&line_items[0][price]="+price+"&line_items[0][quantity]=1"+more)
}

// subscribed makes a customer with a live subscription that was bought on the payment page.
func (w *world) subscribed(price, card string) (subscription, customer string) {
	w.t.Helper()
	customer = w.object("POST", "/v1/customers", "email=jo@shop.test")["id"].(string)
	session := w.checkout("subscription", price, "&customer="+customer)["id"].(string)
	paid := w.object("POST", "/v1/payment_pages/"+session+"/confirm", "payment_method="+card)
	return paid["subscription"].(string), customer
}

// events returns all events so far, oldest first, including those that the sandbox has forgotten since.
func (w *world) events() []map[string]any {
	w.t.Helper()
	var fresh []map[string]any
	after := ""
	for {
		page := w.object("GET", "/v1/events", "limit=100"+after)
		for _, each := range page["data"].([]any) {
			if event := each.(map[string]any); !w.listed[event["id"].(string)] {
				fresh = append(fresh, event)
			}
		}
		if page["has_more"] != true {
			break
		}
		data := page["data"].([]any)
		after = "&starting_after=" + data[len(data)-1].(map[string]any)["id"].(string)
	}
	slices.Reverse(fresh)
	if w.listed == nil {
		w.listed = map[string]bool{}
	}
	for _, each := range fresh {
		w.listed[each["id"].(string)] = true
	}
	w.seen = append(w.seen, fresh...)
	return slices.Clone(w.seen)
}

// lessBalance removes the events that say that money became available. They come two days after every payment.
func lessBalance(events []map[string]any) []map[string]any {
	return slices.DeleteFunc(
		slices.Clone(events), func(e map[string]any) bool { return e["type"] == "balance.available" },
	)
}

func types(events []map[string]any) []string {
	var names []string
	for _, each := range events {
		names = append(names, each["type"].(string))
	}
	return names
}

// receiver is a backend's webhook endpoint. It keeps what it receives, and answer decides the status of its response.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	got      []delivered
	answer   func(n int) int
	endpoint map[string]any
}

type delivered struct {
	body      []byte
	signature string
}

func (w *world) receiver(events string, answer func(n int) int) *receiver {
	w.t.Helper()
	r := &receiver{answer: answer}
	r.Server = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		r.mu.Lock()
		r.got = append(r.got, delivered{body, request.Header.Get("Stripe-Signature")})
		n := len(r.got)
		r.mu.Unlock()
		out.WriteHeader(r.answer(n))
	}))
	w.t.Cleanup(r.Close)
	r.endpoint = w.object(
		"POST", "/v1/webhook_endpoints",
		"api_version=2023-10-16&enabled_events[]="+events+"&url="+url.QueryEscape(r.URL),
	)
	return r
}

func (r *receiver) all() []delivered {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

func itoa(n int64) string { return strings.TrimSpace(string(must2(json.Marshal(n)))) }

func must2[T any](v T, _ error) T { return v }

func requireOrder(t *testing.T, got []string, want ...string) {
	t.Helper()
	at := 0
	for _, each := range got {
		if at < len(want) && each == want[at] {
			at++
		}
	}
	if at < len(want) {
		t.Fatalf("after %d of %v the next is missing in order:\n%s", at, want, strings.Join(got, "\n"))
	}
}
