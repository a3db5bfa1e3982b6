package sandbox_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// These tests prove that a person without JavaScript can see and do in the panel what the controls can. An action leads
// back to its page, which shows once what the action did. What strangers wrote stays text.

// panel returns a page of the panel. The test fails if there is no such page.
func (w *world) panel(path string) string {
	w.t.Helper()
	status, body, _ := w.browse("GET", w.url+path, nil)
	if status != 200 {
		w.t.Fatalf("%s answers %d", path, status)
	}
	return body
}

// press posts one of the panel's forms from a page and returns the page that it leads back to.
func (w *world) press(from, action string, form url.Values) string {
	w.t.Helper()
	request, err := http.NewRequest("POST", w.url+"/panel/"+action, strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Referer", w.url+from)
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		w.t.Fatal(err)
	}
	response.Body.Close()
	back := response.Header.Get("Location")
	if path, _, _ := strings.Cut(back, "?"); response.StatusCode != 303 || path != from {
		w.t.Fatalf("%s answers %d and leads to %s", action, response.StatusCode, back)
	}
	body := w.panel(back)
	if again := w.panel(back); strings.Contains(again, `role="status"`) || strings.Contains(again, `role="alert"`) {
		w.t.Fatal("what was done is said again")
	}
	return body
}

func requireText(t *testing.T, html string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(html, part) {
			_, shown, _ := strings.Cut(html, "<main")
			t.Fatalf("lacks %q:\n%s", part, shown)
		}
	}
}

func TestPanelForTheNewcomer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	html := w.panel("/")
	requireText(
		t, html, "Nothing has happened here yet", "curl -u sk_test_x: "+w.url+"/v1/checkout/sessions",
		`host: "127.0.0.1"`, "Mon 15 Jan 2024", "No event yet.", "behind real time", "To 1 Feb",
	)
	for _, link := range regexp.MustCompile(`<li><a href="(/[a-z/]*)"`).FindAllStringSubmatch(html, -1) {
		if page := w.panel(link[1]); !strings.Contains(page, `aria-current="page"`) {
			t.Errorf("%s is not marked in its navigation", link[1])
		}
	}
	if status, _, _ := w.browse("GET", w.url+"/panel/nothing", nil); status != 404 {
		t.Fatalf("a book that is not there answers %d", status)
	}
}

func TestPanelMovesTheClock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	requireText(
		t, w.press("/", "advance", url.Values{"seconds": {"86400"}}), "The clock was moved by 1 day.",
		"Tue 16 Jan 2024",
	)
	requireText(
		t, w.press("/panel/events", "advance", url.Values{"by": {"3"}, "unit": {"hours"}}), "moved by 3 hours.",
		"Tue 16 Jan 2024",
	)
	requireText(t, w.press("/", "advance", url.Values{"until": {"month"}}), "Thu 1 Feb 2024")
	for _, wrong := range []url.Values{
		{"seconds": {"-1"}}, {"by": {"9999999999"}, "unit": {"days"}}, {"by": {"x"}, "unit": {"days"}},
		{"by": {"1"}, "unit": {"years"}}, {},
	} {
		requireText(t, w.press("/", "advance", wrong), `role="alert"`, "advance_seconds must be", "Thu 1 Feb 2024")
	}
}

func TestPanelActs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	id, customer := w.subscribed(w.price(1900, "month"), "pm_card_visa")
	page := "/panel/object/" + id
	requireText(
		t, w.panel(page), "Pay next", "Fail next", "Cancel now", "jo@shop.test", "Events about it",
		"customer.subscription.created", `<a href="/panel/object/`+customer+`">`,
	)
	requireText(t, w.press(page, "failed", url.Values{"object": {id}}), "The next invoice is not paid:", "past due")
	requireText(t, w.press(page, "paid", url.Values{"object": {id}}), "The next invoice is paid:", "active")
	charge := w.object("GET", "/v1/charges", "limit=1")["data"].([]any)[0].(map[string]any)["id"].(string)
	paid := "/panel/object/" + charge
	requireText(
		t, w.press(paid, "refund", url.Values{"object": {charge}, "amount": {"400"}}), "The payment is refunded:",
		"partly refunded", "$4.00",
	)
	requireText(t, w.press(paid, "refund", url.Values{"object": {charge}, "amount": {"lots"}}), `role="alert"`)
	requireText(
		t, w.press(paid, "dispute", url.Values{"object": {charge}}), "The payment is disputed:", "needs response",
	)
	requireText(t, w.panel("/"), "Waiting for you", "Win", "Lose")
	dispute := w.object("GET", "/v1/disputes", "")["data"].([]any)[0].(map[string]any)["id"].(string)
	requireText(
		t, w.press("/panel/disputes", "won", url.Values{"object": {dispute}}), "decided for the merchant", "won",
	)
	requireText(t, w.press(page, "cancel", url.Values{"object": {id}}), "The subscription is canceled.", "canceled")
	requireText(t, w.press(page, "cancel", url.Values{"object": {"../prices"}}), `role="alert"`)
	session := w.checkout("payment", w.price(500, ""), "")
	requireText(t, w.panel("/panel/checkout"), `href="`+session["url"].(string)+`"`, "Payment page")
	requireText(
		t, w.press("/panel/checkout", "expire", url.Values{"object": {session["id"].(string)}}), "has expired",
		"expired",
	)
	status, _, portal := w.browse("POST", w.url+"/panel/portal", url.Values{"object": {customer}})
	if status != 303 || !strings.HasPrefix(portal, w.url+"/p/session/") {
		t.Fatalf("the portal is %d %s", status, portal)
	}
	if status, _, _ := w.browse("POST", w.url+"/panel/fly", nil); status != 404 {
		t.Fatalf("an unknown action answers %d", status)
	}
}

func TestPanelAuthenticates(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	wait := func() string {
		return w.object(
			"POST", "/v1/payment_intents",
			"amount=700&currency=usd&payment_method=pm_card_authenticationRequired&confirm=true&return_url=https://shop.test",
		)["id"].(string)
	}
	first, second := wait(), wait()
	requireText(t, w.panel("/"), "Waiting for you", "requires action", "Accept 3-D Secure")
	requireText(t, w.press("/", "accepted", url.Values{"object": {first}}), "The payer confirmed.")
	requireText(t, w.press("/", "refused", url.Values{"object": {second}}), "The payer refused.")
	if html := w.panel("/"); strings.Contains(html, "Waiting for you") {
		t.Fatal("something waits still")
	}
	if status := w.object("GET", "/v1/payment_intents/"+first, "")["status"]; status != "succeeded" {
		t.Fatalf("the first is %v", status)
	}
}

func TestPanelWebhooks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{Start: time.Now()})
	r := w.receiver("*", func(n int) int { return map[bool]int{true: 503, false: 200}[n == 1] })
	endpoint := r.endpoint["id"].(string)
	w.object("POST", "/v1/customers", "")
	w.flush()
	event := w.events()[0]["id"].(string)
	requireText(t, w.panel("/panel/events"), "customer.created", "to be tried again")
	requireText(t, w.panel("/panel/object/"+event), "no. 1", "503", "failed")
	requireText(
		t, w.press("/panel/deliveries", "resend", url.Values{"object": {event}, "endpoint": {endpoint}}),
		"The event is sent again.",
	)
	w.flush()
	requireText(t, w.panel("/panel/object/"+event), "delivered", "200")
	rolled := w.press("/panel/endpoints", "roll", url.Values{"object": {endpoint}, "expires_in_seconds": {"86400"}})
	requireText(t, rolled, "has a new secret", "<code>whsec_", "1 old secret valid")
	requireText(t, w.press("/panel/endpoints", "disable", url.Values{"object": {endpoint}}), "disabled", "Enable")
	requireText(t, w.press("/panel/endpoints", "enable", url.Values{"object": {endpoint}}), "enabled", "Disable")
	requireText(
		t,
		w.press(
			"/panel/endpoints", "endpoint",
			url.Values{"url": {"http://127.0.0.1:1/x"}, "events": {"invoice.paid charge.failed"}},
		),
		"The endpoint is added:", "<code>whsec_", "2 types",
	)
	requireText(
		t, w.press("/panel/endpoints", "endpoint", url.Values{"url": {"nowhere"}, "events": {"*"}}), "Invalid URL",
	)
}

func TestPanelFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	set := func(form url.Values) string { return w.press("/panel/faults", "fault", form) }
	requireText(t, set(
		url.Values{
			"kind": {"api_error"}, "often": {"next"}, "amount": {"2"}, "pattern": {"POST /v1/customers"},
			"executed": {"true"},
		},
	),
		"The fault is set.", "the next 2", "POST /v1/customers", "work is done", "0 of 0")
	requireText(t, set(
		url.Values{
			"kind": {"webhook_delay"}, "often": {"share"}, "amount": {"20"}, "pattern": {"invoice.*"}, "delay": {"90"},
			"seed": {"7"},
		},
	),
		"20 % of them", "invoice.*", "1 minute 30 seconds late", "seed 7")
	requireText(
		t, set(url.Values{"kind": {"api_error"}, "often": {"share"}, "amount": {"NaN"}}), `role="alert"`,
		"Give either next",
	)
	requireText(
		t, set(url.Values{"kind": {"api_error"}, "often": {"next"}, "amount": {"1"}, "delay": {"5"}}),
		"delay_seconds belongs to",
	)
	if status, _, _ := w.raw("POST", "/v1/customers", ""); status != 500 {
		t.Fatalf("the fault does not strike: %d", status)
	}
	requireText(t, w.panel("/panel/faults"), "1 of 1")
	faults := w.object("GET", "/_sandbox/faults", "")["data"].([]any)
	requireText(
		t, w.press("/panel/faults", "clear", url.Values{"object": {faults[0].(map[string]any)["id"].(string)}}),
		"The fault is cleared.", "20 % of them",
	)
	requireText(t, w.press("/panel/faults", "clear", nil), "All faults are cleared.", "No fault is set")
}

func TestPanelFinds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	ada := w.object("POST", "/v1/customers", "email=ada@example.com&name=Ada+Lovelace")["id"].(string)
	evil := w.object(
		"POST", "/v1/customers", "email="+url.QueryEscape(`"><script>alert(1)</script>@x.test`),
	)["id"].(string)
	if status, _, target := w.browse(
		"GET", w.url+"/panel/search?q=+"+ada+"+", nil,
	); status != 303 || target != "/panel/object/"+ada {
		t.Fatalf("by id: %d %s", status, target)
	}
	requireText(t, w.panel("/panel/search?q=LOVE"), "ada@example.com", ada)
	requireText(t, w.panel("/panel/search?q=nobody"), "Nothing has this id")
	for _, path := range []string{
		"/panel/customers", "/panel/object/" + evil, "/panel/search?q=" + url.QueryEscape("<script>alert(1)</script>"),
	} {
		if html := w.panel(path); strings.Contains(html, "<script>alert") {
			t.Fatalf("%s runs what a stranger wrote", path)
		}
	}
	if status, _, _ := w.browse("GET", w.url+"/panel/object/cus_x", nil); status != 404 {
		t.Fatalf("a thing that is not there answers %d", status)
	}
}

// A list is cut to 25 rows. Every row is on exactly one of its pages.
func TestPanelPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	for range 60 {
		w.object("POST", "/v1/customers", "")
	}
	seen, path := map[string]bool{}, "/panel/customers"
	for _, want := range []int{25, 25, 10} {
		html := w.panel(path)
		rows := regexp.MustCompile(`data-row="(cus_[^"]+)"`).FindAllStringSubmatch(html, -1)
		if len(rows) != want {
			t.Fatalf("%s has %d rows, want %d", path, len(rows), want)
		}
		for _, row := range rows {
			seen[row[1]] = true
		}
		path = ""
		if older := regexp.MustCompile(`href="([^"]+)" rel="next"`).FindStringSubmatch(html); older != nil {
			path = older[1]
		}
	}
	if len(seen) != 60 || path != "" {
		t.Fatalf("%d customers on three pages, and then %q", len(seen), path)
	}
}
