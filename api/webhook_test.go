package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const nowhere = "whk_01jd0000000000000000000000"

// post is a request to an endpoint of the operator's.
type post struct {
	header http.Header
	raw    []byte
}

// endpoint makes an endpoint of the operator's that passes on what it receives.
func endpoint(t testing.TB) (url string, came chan post) {
	t.Helper()
	came = make(chan post, 100)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body) // a request that was cut off is sent again
		came <- post{r.Header, raw}
	}))
	t.Cleanup(server.Close)
	return server.URL, came
}

// next waits for the next request, and checks it against the secret and the contract.
func (c *client) next(came chan post, secret string) answer {
	c.t.Helper()
	select {
	case p := <-came:
		verifier, err := standardwebhooks.NewWebhook(secret)
		must(c.t, err)
		must(c.t, verifier.Verify(p.raw, p.header))
		a := answer{header: p.header, raw: p.raw}
		must(c.t, json.Unmarshal(p.raw, &a.json))
		s, err := openSpec()
		must(c.t, err)
		if err := s.doc.Components.Schemas["OutgoingEvent"].Value.VisitJSON(map[string]any(a.json)); err != nil {
			c.t.Errorf("%s is not what the contract says: %v", p.raw, err)
		}
		must(c.t, heldTimes("", a.json))
		return a
	case <-time.After(30 * time.Second):
		c.t.Fatal("nothing came")
	}
	return answer{}
}

// comesToSay polls a page until it contains a text.
func (c *client) comesToSay(path, text string) {
	c.t.Helper()
	deadline, look := time.After(30*time.Second), time.NewTicker(20*time.Millisecond)
	defer look.Stop()
	for {
		a := c.call(http.StatusOK, http.MethodGet, path, nil)
		if strings.Contains(string(a.raw), text) {
			return
		}
		select {
		case <-look.C:
		case <-deadline:
			c.t.Fatalf("%s never says %q: %s", path, text, a.raw)
		}
	}
}

// wantsToBeTold proves how an operator's endpoint is made, gets events, is tested, rolled and removed, and how a
// customer sets the low-points threshold.
func (c *client) wantsToBeTold() {
	c.t.Helper()
	admin := c.w.admin(c.t)
	url, came := endpoint(c.t)
	before := c.call(http.StatusOK, http.MethodGet, "/points/threshold", nil)
	c.expect(
		before.at("points") == nil && before.number("default") == lowPoints, "the operator's threshold: %s", before.raw,
	)
	available := c.call(http.StatusOK, http.MethodGet, "/points", nil).number("available")
	own := c.call(http.StatusOK, http.MethodPut, "/points/threshold", map[string]any{"points": available})
	c.expect(own.number("points") == available, "the customer's own: %s", own.raw)

	made := admin.call(
		http.StatusCreated, http.MethodPost, "/admin/webhooks",
		map[string]any{"url": url, "types": []string{"points.low", "points.spent"}},
	)
	path, secret := "/admin/webhooks/"+made.text("webhook.id"), made.text("secret")
	c.spend(http.StatusOK, 1)
	spent, low := c.next(came, secret), c.next(came, secret)
	c.expect(
		spent.text("type") == "points.spent" && spent.number("data.entry.amount") == -1 &&
			spent.number("data.points.available") == available-1,
		"told of the spend: %s", spent.raw,
	)
	c.expect(
		low.text("type") == "points.low" && low.number("data.threshold") == available &&
			low.number("data.version") == spent.number("data.version"),
		"and of few points: %s", low.raw,
	)
	c.spend(http.StatusOK, 1)
	c.expect(c.next(came, secret).text("type") == "points.spent", "of few points once")
	c.call(http.StatusOK, http.MethodPut, "/points/threshold", map[string]any{"points": nil})

	tested := admin.call(http.StatusAccepted, http.MethodPost, path+"/test", nil)
	c.expect(tested.text("status") == "pending", "a test: %s", tested.raw)
	c.expect(c.next(came, secret).text("type") == "webhook.test", "the test came")
	rolled := admin.call(http.StatusOK, http.MethodPost, path+"/roll", nil)
	admin.call(http.StatusAccepted, http.MethodPost, path+"/test", nil)
	c.next(came, rolled.text("secret"))
	admin.call(http.StatusAccepted, http.MethodPost, path+"/deliveries/"+tested.text("event_id")+"/resend", nil)
	c.expect(
		c.next(came, secret).header.Get("webhook-id") == tested.text("event_id"),
		"sent again under its id, and the old secret signs too",
	)
	c.expect(rolled.number("webhook.secrets") == 2, "both sign: %s", rolled.raw)
	c.comesToSay("/metrics", "pointsync_outgoing_events_pending 0\n")
	many := admin.call(
		http.StatusAccepted, http.MethodPost, path+"/resend",
		map[string]any{"statuses": []string{"delivered"}, "types": []string{"points.low"}},
	)
	c.expect(
		many.number("resent") == 1 && many.at("next_cursor") == nil &&
			c.next(came, secret).header.Get("webhook-id") == low.header.Get("webhook-id"),
		"all of a type are sent again: %s", many.raw,
	)

	list := admin.call(http.StatusOK, http.MethodGet, "/admin/webhooks", nil)
	c.expect(
		len(list.list("webhooks")) == 1 && !strings.Contains(string(list.raw), "whsec_"),
		"no secret is shown again: %s", list.raw,
	)
	first := admin.call(http.StatusOK, http.MethodGet, path+"/deliveries?limit=2", nil)
	rest := admin.call(http.StatusOK, http.MethodGet, path+"/deliveries?cursor="+first.text("next_cursor"), nil)
	c.expect(
		len(first.list("deliveries")) == 2 && len(rest.list("deliveries")) == 3 && rest.at("next_cursor") == nil,
		"five on two pages: %s %s", first.raw, rest.raw,
	)
	c.comesToSay("/metrics", "pointsync_outgoing_endpoints{state=\"active\"} 1\n")
	failed := admin.call(http.StatusOK, http.MethodGet, path+"/deliveries?status=failed", nil)
	c.expect(len(failed.list("deliveries")) == 0, "none failed: %s", failed.raw)
	changed := admin.call(
		http.StatusOK, http.MethodPut, path, map[string]any{"url": url + "/else", "types": []string{}},
	)
	c.expect(changed.at("types") == nil && changed.text("url") == url+"/else", "changed: %s", changed.raw)
	// the last one is counted after it arrived
	c.comesToSay("/metrics", "pointsync_outgoing_events_delivered_total 7\n")
	c.comesToSay("/metrics", "pointsync_outgoing_events_pending 0\n")
	admin.comesToSay(
		"/admin/accounts/"+c.claims().text("sub")+"/timeline", "points.low to "+made.text("webhook.id")+": delivered",
	)
	admin.call(http.StatusNoContent, http.MethodDelete, path, nil)
	admin.call(http.StatusNotFound, http.MethodDelete, path, nil)
	deeds, err := c.w.db.WebhookActions(c.t.Context(), 10)
	must(c.t, err)
	var did []string
	for _, d := range deeds {
		c.expect(
			string(d.AdminID) == admin.claims().text("sub") && d.Subject == made.text("webhook.id"),
			"who did what to which: %+v", d,
		)
		did = append(did, string(d.Action))
	}
	c.expect(
		slices.Equal(did, []string{
			"webhook.remove", "webhook.change", "webhook.resend", "webhook.roll", "webhook.add",
		}),
		"what the admin did is noted, latest first: %q", did,
	)
}

// TestWebhookRefusals proves that requests about endpoints and thresholds are checked against the contract.
func TestWebhookRefusals(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		c, admin := w.user(t), w.admin(t)
		gone := "/admin/webhooks/" + nowhere
		types := make([]string, 51)
		for i := range types {
			types[i] = "points.low"
		}
		for _, r := range []refusal{
			{"no address", http.MethodPost, "/admin/webhooks", `{}`, nil, 400, "validation", "/url"},
			{
				"address that is none", http.MethodPost, "/admin/webhooks", `{"url":"example.com"}`, nil, 400,
				"validation", "/url",
			},
			{
				"password in it", http.MethodPost, "/admin/webhooks", `{"url":"https://u:p@example.com"}`, nil, 400,
				"validation", "/url",
			},
			{
				"another scheme", http.MethodPost, "/admin/webhooks", `{"url":"ftp://example.com"}`, nil, 400,
				"validation", "/url",
			},
			{
				"NUL in it", http.MethodPost, "/admin/webhooks", `{"url":"https://example.com/\u0000"}`, nil, 400,
				"validation", "/url",
			},
			{
				"too long", http.MethodPost, "/admin/webhooks",
				map[string]any{"url": "https://example.com/" + strings.Repeat("x", 2000)}, nil, 400, "validation",
				"/url",
			},
			{
				"unknown type", http.MethodPost, "/admin/webhooks",
				`{"url":"https://example.com","types":["points.lost"]}`, nil, 400, "validation", "/types/0",
			},
			{
				"a test as type", http.MethodPost, "/admin/webhooks",
				`{"url":"https://example.com","types":["webhook.test"]}`, nil, 400, "validation", "/types/0",
			},
			{
				"too many types", http.MethodPost, "/admin/webhooks",
				map[string]any{"url": "https://example.com", "types": types}, nil, 400, "validation", "/types",
			},
			{
				"a secret of one's own", http.MethodPost, "/admin/webhooks",
				`{"url":"https://example.com","secret":"whsec_x"}`, nil, 400, "validation", "",
			},
			{"change of nothing", http.MethodPut, gone, `{"url":"https://example.com"}`, nil, 404, "not-found", ""},
			{"change to nothing", http.MethodPut, gone, `{"url":""}`, nil, 400, "validation", "/url"},
			{"id that is none", http.MethodDelete, "/admin/webhooks/1", nil, nil, 400, "validation", "webhook_id"},
			{"gone", http.MethodDelete, gone, nil, nil, 404, "not-found", ""},
			{"roll", http.MethodPost, gone + "/roll", nil, nil, 404, "not-found", ""},
			{"test", http.MethodPost, gone + "/test", nil, nil, 404, "not-found", ""},
			{"deliveries", http.MethodGet, gone + "/deliveries", nil, nil, 404, "not-found", ""},
			{
				"deliveries of no status", http.MethodGet, gone + "/deliveries?status=lost", nil, nil, 400,
				"validation", "status",
			},
			{
				"cursor", http.MethodGet, gone + "/deliveries?cursor=ent_01jd0000000000000000000000", nil, nil, 400,
				"validation", "cursor",
			},
			{
				"resend", http.MethodPost, gone + "/deliveries/msg_01jd0000000000000000000000/resend", nil, nil, 404,
				"not-found", "",
			},
			{
				"resend of an id that is none", http.MethodPost, gone + "/deliveries/evt_1/resend", nil, nil, 400,
				"validation", "event_id",
			},
			{"resend of many", http.MethodPost, gone + "/resend", `{}`, nil, 404, "not-found", ""},
			{
				"resend of what waits", http.MethodPost, gone + "/resend", `{"statuses":["pending"]}`, nil, 400,
				"validation", "/statuses/0",
			},
			{
				"resend of a test", http.MethodPost, gone + "/resend", `{"types":["webhook.test"]}`, nil, 400,
				"validation", "/types/0",
			},
			{
				"resend from later on", http.MethodPost, gone + "/resend",
				`{"from":"2026-01-02T00:00:00Z","to":"2026-01-01T00:00:00Z"}`, nil, 400, "validation", "/to",
			},
			{
				"resend after no event", http.MethodPost, gone + "/resend", `{"cursor":"1"}`, nil, 400, "validation",
				"/cursor",
			},
			{"no threshold", http.MethodPut, "/points/threshold", `{}`, nil, 400, "validation", "/points"},
			{
				"a negative threshold", http.MethodPut, "/points/threshold", `{"points":-1}`, nil, 400, "validation",
				"/points",
			},
			{
				"too high a threshold", http.MethodPut, "/points/threshold", `{"points":8796093022209}`, nil, 400,
				"validation", "/points",
			},
			{
				"half a threshold", http.MethodPut, "/points/threshold", `{"points":0.5}`, nil, 400, "validation",
				"/points",
			},
			{
				"threshold in words", http.MethodPut, "/points/threshold", `{"points":"few"}`, nil, 400, "validation",
				"/points",
			},
		} {
			t.Run(r.name, func(t *testing.T) { r.holds(t, admin.other()) })
		}
		// An endpoint that exists, so that an admin would get another response.
		made := admin.call(
			http.StatusCreated, http.MethodPost, "/admin/webhooks", map[string]any{"url": "https://example.com/0"},
		)
		path := "/admin/webhooks/" + made.text("webhook.id")
		tested := admin.call(http.StatusAccepted, http.MethodPost, path+"/test", nil).text("event_id")
		for _, r := range []refusal{
			{"list", http.MethodGet, "/admin/webhooks", nil, nil, 404, "not-found", ""},
			{"add", http.MethodPost, "/admin/webhooks", `{"url":"https://example.com"}`, nil, 404, "not-found", ""},
			{"change", http.MethodPut, path, `{"url":"https://example.com/mine"}`, nil, 404, "not-found", ""},
			{"remove", http.MethodDelete, path, nil, nil, 404, "not-found", ""},
			{"roll", http.MethodPost, path + "/roll", nil, nil, 404, "not-found", ""},
			{"test", http.MethodPost, path + "/test", nil, nil, 404, "not-found", ""},
			{"look", http.MethodGet, path + "/deliveries", nil, nil, 404, "not-found", ""},
			{"resend of many", http.MethodPost, path + "/resend", `{}`, nil, 404, "not-found", ""},
			{"resend", http.MethodPost, path + "/deliveries/" + tested + "/resend", nil, nil, 404, "not-found", ""},
		} {
			t.Run("stranger "+r.name, func(t *testing.T) { r.holds(t, c.other()) })
		}
		kept := admin.call(http.StatusOK, http.MethodGet, "/admin/webhooks", nil)
		admin.expect(
			len(kept.list("webhooks")) == 1 && strings.Contains(string(kept.raw), "https://example.com/0"),
			"a stranger changed something: %s", kept.raw,
		)
		(&client{t: t, w: w}).call(http.StatusUnauthorized, http.MethodPut, "/points/threshold", `{"points":1}`)
		for n := range 15 {
			admin.call(
				http.StatusCreated, http.MethodPost, "/admin/webhooks",
				map[string]any{"url": fmt.Sprintf("https://example.com/%d", n+1)},
			)
		}
		full := admin.call(
			http.StatusConflict, http.MethodPost, "/admin/webhooks", map[string]any{"url": "https://example.com"},
		)
		admin.expect(full.text("type") == "/problems/conflict", "as many as there may be: %s", full.raw)
	})
}
