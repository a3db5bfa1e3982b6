package sandbox_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/client"
	"github.com/stripe/stripe-go/v76/webhook"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// These tests prove that each fault strikes what it was set for and nothing else, and how Stripe's own SDK reacts to
// it.

// control sends JSON to one of the sandbox's own controls. The response must have this status.
func (w *world) control(want int, method, path, body string) map[string]any {
	w.t.Helper()
	status, answer, _ := w.raw(method, "/_sandbox/"+path, body, "Content-Type", "application/json")
	var out map[string]any
	if err := json.Unmarshal([]byte(answer), &out); err != nil || status != want {
		w.t.Fatalf("%s %s %s: want %d, got %d %s", method, path, body, want, status, answer)
	}
	return out
}

func (w *world) fault(body string) { w.t.Helper(); w.control(200, "POST", "faults", body) }

// sdk returns stripe-go as a backend sets it up: with retries, and with an HTTP client that has a timeout.
func (w *world) sdk(retries int64, patience time.Duration) *client.API {
	config := &stripe.BackendConfig{
		URL:               stripe.String(w.url),
		MaxNetworkRetries: stripe.Int64(retries),
		HTTPClient:        &http.Client{Timeout: patience},
		LeveledLogger:     &stripe.LeveledLogger{Level: stripe.LevelNull},
	}
	backend := stripe.GetBackendWithConfig(stripe.APIBackend, config)
	backend.(*stripe.BackendImplementation).SetNetworkRetriesSleep(false)
	api := &client.API{}
	api.Init("sk_test_sandbox", &stripe.Backends{API: backend})
	return api
}

func (w *world) customers() int {
	w.t.Helper()
	return len(w.object("GET", "/v1/customers", "limit=100")["data"].([]any))
}

const calm = time.Minute

func TestRateLimitIsNotRetried(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	w.fault(`{"kind":"api_rate_limit","endpoint":"POST /v1/customers"}`)
	_, err := w.sdk(2, calm).Customers.New(&stripe.CustomerParams{})
	var refused *stripe.Error
	if !errors.As(err, &refused) || refused.HTTPStatusCode != 429 || refused.Code != stripe.ErrorCodeRateLimit ||
		refused.RequestID == "" {
		t.Fatalf("the SDK says %v", err)
	}
	if w.customers() != 0 {
		t.Fatal("a call that was refused is executed")
	}
}

func TestFaultsThatTheSDKOutlives(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault    string
		patience time.Duration
	}{
		"LockTimeout":     {`{"kind":"api_lock_timeout","next":2}`, calm},
		"CutOff":          {`{"kind":"api_cut_off","next":2}`, calm},
		"Timeout":         {`{"kind":"api_timeout"}`, 300 * time.Millisecond},
		"TimeoutExecuted": {`{"kind":"api_timeout","executed":true}`, 300 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sandbox.Options{})
			w.fault(c.fault)
			made := must[*stripe.Customer](t)(
				w.sdk(2, c.patience).Customers.New(&stripe.CustomerParams{Email: stripe.String("a@b.test")}),
			)
			if made.Email != "a@b.test" || w.customers() != 1 {
				t.Fatalf("%d customers, %v", w.customers(), made.Email)
			}
		})
	}
}

func TestFaultsWithoutRetries(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault string
		left  int // customers that exist afterwards
	}{
		"Error":         {`{"kind":"api_error"}`, 0},
		"ErrorExecuted": {`{"kind":"api_error","executed":true}`, 1},
		"CutOff":        {`{"kind":"api_cut_off"}`, 1},
		"LockTimeout":   {`{"kind":"api_lock_timeout"}`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sandbox.Options{})
			w.fault(c.fault)
			if _, err := w.sdk(0, calm).Customers.New(&stripe.CustomerParams{}); err == nil {
				t.Fatal("nothing went wrong")
			}
			if n := w.customers(); n != c.left {
				t.Fatalf("%d customers", n)
			}
		})
	}
}

// After a 500 the SDK retries a read. It does not retry a write: Stripe would return the same 500 for the same key.
func TestErrorIsRetriedForReadsOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	id := w.object("POST", "/v1/customers", "")["id"].(string)
	w.fault(`{"kind":"api_error","next":3}`)
	api := w.sdk(2, calm)
	if _, err := api.Customers.Get(id, nil); err == nil {
		t.Fatal("three errors are more than two retries")
	}
	w.fault(`{"kind":"api_error","next":2}`)
	must[*stripe.Customer](t)(api.Customers.Get(id, nil))
	w.fault(`{"kind":"api_error","endpoint":"POST /v1/customers"}`)
	if _, err := api.Customers.New(&stripe.CustomerParams{}); err == nil {
		t.Fatal("the SDK tries a write again")
	}
}

// A share strikes about that share of the calls, the same calls for the same seed, and only at its endpoint.
func TestShareOfCalls(t *testing.T) {
	t.Parallel()
	struck := func(seed string) string {
		w := newWorld(t, sandbox.Options{})
		w.fault(`{"kind":"api_error","endpoint":"GET /v1/customers/*","share":0.3,"seed":` + seed + `}`)
		var pattern strings.Builder
		for range 200 {
			status, _, _ := w.raw("GET", "/v1/customers/cus_x", "")
			pattern.WriteString(map[int]string{500: "x", 404: "."}[status])
		}
		if status, _, _ := w.raw("GET", "/v1/customers", ""); status != 200 {
			t.Errorf("another endpoint answers %d", status)
		}
		return pattern.String()
	}
	first := struck("7")
	if n := strings.Count(first, "x"); len(first) != 200 || n < 35 || n > 85 {
		t.Fatalf("of 200 calls %d are struck: %s", n, first)
	}
	if first != struck("7") || first == struck("8") {
		t.Fatal("the seed does not decide")
	}
}

func TestFaultsAreListedAndCleared(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	w.fault(`{"kind":"api_error","next":3}`)
	w.fault(`{"kind":"webhook_delay","events":"invoice.*"}`)
	w.raw("GET", "/v1/customers", "")
	data := w.control(200, "GET", "faults", "")["data"].([]any)
	first := data[0].(map[string]any)
	if len(data) != 2 || first["struck"] != float64(1) || first["next"] != float64(3) ||
		data[1].(map[string]any)["delay_seconds"] != float64(60) {
		t.Fatalf("they are %v", data)
	}
	w.control(200, "DELETE", "faults/"+first["id"].(string), "")
	if status, _, _ := w.raw("GET", "/v1/customers", ""); status != 200 {
		t.Fatalf("a cleared fault strikes: %d", status)
	}
	if w.control(200, "DELETE", "faults", "")["cleared"] != float64(1) || len(
		w.control(200, "GET", "faults", "")["data"].([]any),
	) != 0 {
		t.Fatal("not all are cleared")
	}
	for _, wrong := range []string{`{`, `{}`, `{"kind":"api_error","how":1}`, `{"kind":"none"}`, `{"kind":"api_error","next":1,"share":0.5}`, `{"kind":"api_error","share":2}`,
		`{"kind":"api_error","events":"a"}`, `{"kind":"webhook_drop","endpoint":"/v1/"}`,
		`{"kind":"api_error","endpoint":"/v1/["}`, `{"kind":"webhook_drop","executed":true}`,
		`{"kind":"webhook_drop","delay_seconds":5}`, `{"kind":"api_error","id":"x"}`, `{"kind":"api_error","next":-1}`} {
		if said := w.control(400, "POST", "faults", wrong)["error"]; said == "" {
			t.Errorf("%s is refused without a word", wrong)
		}
	}
	w.control(404, "DELETE", "faults/none", "")
}

// sentTypes returns the types of the events that arrived, in order.
func (r *receiver) sentTypes(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, each := range r.all() {
		var event struct{ Type string }
		if err := json.Unmarshal(each.body, &event); err != nil {
			t.Fatal(err)
		}
		names = append(names, event.Type)
	}
	return names
}

func TestWebhookFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		faults []string
		want   string // the events that arrive for a customer, a product and a price
		later  string // those that arrive a minute later
	}{
		"Drop": {[]string{`{"kind":"webhook_drop","events":"product.*"}`}, "customer price", ""},
		"Duplicate": {
			[]string{`{"kind":"webhook_duplicate","events":"product.created"}`}, "customer product product price", "",
		},
		"Delay":   {[]string{`{"kind":"webhook_delay","events":"customer.*"}`}, "product price", "customer"},
		"Reorder": {[]string{`{"kind":"webhook_reorder"}`}, "product customer price", ""},
		"ReorderTwo": {[]string{
			`{"kind":"webhook_reorder","events":"customer.*"}`, `{"kind":"webhook_reorder","events":"product.*"}`,
		},
			"price product customer", ""},
		"ReorderLast": {[]string{`{"kind":"webhook_reorder","events":"price.*"}`}, "customer product", "price"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sandbox.Options{})
			r := w.receiver("*", always(200))
			for _, each := range c.faults {
				w.fault(each)
			}
			w.object("POST", "/v1/customers", "")
			product := w.object("POST", "/v1/products", "name=x")["id"].(string)
			w.object("POST", "/v1/prices", "currency=usd&unit_amount=5&product="+product)
			w.flush()
			arrived := func() string { return strings.ReplaceAll(strings.Join(r.sentTypes(t), " "), ".created", "") }
			if got := arrived(); got != c.want {
				t.Fatalf("arrived: %s", got)
			}
			w.advance(time.Minute)
			w.flush()
			if got := arrived(); got != strings.TrimSpace(c.want+" "+c.later) {
				t.Fatalf("a minute later: %s", got)
			}
			for _, each := range w.events() {
				if each["pending_webhooks"] != float64(0) {
					t.Fatalf("%v still waits", each["type"])
				}
			}
		})
	}
}

// An event in the newer version's shape lacks the fields that version removed. The API still returns the pinned
// version.
func TestBasilEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{Start: time.Now()})
	r := w.receiver("*", always(200))
	w.fault(`{"kind":"webhook_basil","share":1}`)
	id, _ := w.subscribed(w.price(1900, "month"), "pm_card_visa")
	w.flush()
	seen := map[string]map[string]any{}
	for _, each := range r.all() {
		if _, err := webhook.ConstructEvent(
			each.body, each.signature, r.endpoint["secret"].(string),
		); err == nil || !strings.Contains(err.Error(), "2025-03-31.basil") {
			t.Fatalf("the SDK does not notice the version: %v", err)
		}
		event := must[stripe.Event](t)(
			webhook.ConstructEventWithOptions(
				each.body, each.signature, r.endpoint["secret"].(string),
				webhook.ConstructEventOptions{IgnoreAPIVersionMismatch: true},
			),
		)
		seen[string(event.Type)] = event.Data.Object
	}
	sub, paid := seen["customer.subscription.updated"], seen["invoice.paid"]
	item := sub["items"].(map[string]any)["data"].([]any)[0].(map[string]any)
	if _, old := sub["current_period_end"]; old || item["current_period_end"] == nil {
		t.Fatalf("the periods did not move to the items: %v", sub)
	}
	for _, name := range []string{"subscription", "payment_intent", "charge", "paid"} {
		if _, old := paid[name]; old {
			t.Errorf("an invoice still has %s", name)
		}
	}
	if parent := paid["parent"].(map[string]any)["subscription_details"].(map[string]any); parent["subscription"] != id {
		t.Fatalf("the invoice's parent is %v", parent)
	}
	line := paid["lines"].(map[string]any)["data"].([]any)[0].(map[string]any)
	if line["price"] != nil || line["pricing"] == nil {
		t.Fatalf("a line is %v", line)
	}
	kept := w.events()
	at := slices.IndexFunc(kept, func(e map[string]any) bool { return e["type"] == "invoice.paid" })
	if kept[at]["api_version"] != "2023-10-16" ||
		kept[at]["data"].(map[string]any)["object"].(map[string]any)["paid"] != true ||
		w.subscription(id)["current_period_end"] == nil {
		t.Fatal("the API's own shape changed")
	}
}

// Faults are part of the state: they continue after a restart.
func TestFaultsSurviveRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := newWorld(t, sandbox.Options{DataDir: dir})
	w.fault(`{"kind":"api_rate_limit"}`)
	if err := w.sandbox.Close(); err != nil {
		t.Fatal(err)
	}
	again := newWorld(t, sandbox.Options{DataDir: dir})
	if status, _, _ := again.raw("GET", "/v1/customers", ""); status != 429 {
		t.Fatalf("after a restart: %d", status)
	}
}
