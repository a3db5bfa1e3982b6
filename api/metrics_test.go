package api_test

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/audit"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// TestRunMetrics proves that the metrics show the results of the last walks over all accounts and when they ended.
func TestRunMetrics(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		c := &client{t: t, w: w}
		must(t, audit.Record(t.Context(), w.db, billing.RunDrift, w.Now(), 10, 3))
		page := string(c.call(http.StatusOK, http.MethodGet, "/metrics", nil).raw)
		for _, want := range []string{
			"\npointsync_drift_findings 3\n", "\npointsync_drift_last_run_timestamp_seconds 1",
			"\npointsync_audit_violations 0\n", "\npointsync_parked_accounts 0\n",
		} {
			c.expect(strings.Contains(page, want), "the metrics have %q: %s", want, page)
		}
	})
}

// TestWebhookEndpoints proves that the metrics show how many of the operator's endpoints are disabled or paused, and
// that the list of endpoints says so too. A pause that is over is not shown.
func TestWebhookEndpoints(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		past, soon := time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
		for n, hook := range []billing.Webhook{
			{}, {PausedUntil: &past}, {PausedUntil: &soon}, {DisabledAt: &past, DisabledWhy: "it responded 410 Gone"},
			{PausedUntil: &soon, DisabledAt: &past, DisabledWhy: "it responded 410 Gone"},
		} {
			hook.ID, hook.URL = billing.NewWebhookID(w.Now().Add(time.Duration(n)*time.Second)), "https://example.com/"
			must(t, w.db.InTx(t.Context(), func(tx *store.Tx) error {
				_, err := tx.InsertWebhook(t.Context(), hook, 16)
				return err
			}))
		}
		admin := w.admin(t)
		for state, want := range map[string]float64{"active": 2, "paused": 1, "disabled": 2} {
			admin.counts(want, `pointsync_outgoing_endpoints{state="`+state+`"}`)
		}
		paused := 0
		list := admin.call(http.StatusOK, http.MethodGet, "/admin/webhooks", nil)
		for _, hook := range list.list("webhooks") {
			if hook.(map[string]any)["paused_until"] != nil {
				paused++
			}
		}
		admin.expect(paused == 2, "%d are paused: %s", paused, list.raw)
	})
}

// TestBackfillMetrics proves that the metrics show how many events no webhook had brought, and when the last walk over
// Stripe's list ended.
func TestBackfillMetrics(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		c := w.user(t)
		w.silence()
		c.pay(c.call(http.StatusCreated, http.MethodPost, "/checkout", map[string]any{"item": "pack_100"}))
		page := string(c.call(http.StatusOK, http.MethodGet, "/metrics", nil).raw)
		c.expect(
			strings.Contains(
				page, "\npointsync_backfill_events_total 0\n",
			) && !strings.Contains(page, "\npointsync_backfill_last_look"),
			"before the first look: %s", page,
		)
		for range 2 { // the second walk finds nothing more
			before := w.Now().Unix()
			_, err := w.inbox.Backfill(t.Context(), 100)
			must(t, err)
			page = string(c.call(http.StatusOK, http.MethodGet, "/metrics", nil).raw)
			c.expect(
				strings.Contains(page, "\npointsync_backfill_events_total 2\n"),
				"the page's event and the payment's: %s", page,
			)
			value := regexp.MustCompile(
				`\npointsync_backfill_last_look_timestamp_seconds (.+)\n`,
			).FindStringSubmatch(page)
			c.expect(len(value) == 2, "when it was: %s", page)
			ended, err := strconv.ParseFloat(value[1], 64)
			c.expect(err == nil && int64(ended) >= before && int64(ended) <= w.Now().Unix(), "it ended at %s", value[1])
			w.Advance(time.Hour)
		}
	})
}

// TestMetricsAreBounded proves that callers cannot make new time series. Whatever methods, addresses and hosts they
// invent, a request counts under an existing value.
func TestMetricsAreBounded(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		c := &client{t: t, w: w}
		odd := func(n int) {
			name := strconv.Itoa(n)
			for _, r := range []struct{ method, path string }{
				{"ZZ" + name, "/points"}, {"ZZ" + name, "/nothing"}, {"get" + name, "/docs/" + name}, {
					http.MethodGet, "/nothing" + name,
				}, {http.MethodGet, "/problems/" + name},
				{http.MethodGet, "/shop/" + name}, {http.MethodGet, "/checkout/" + name}, {
					http.MethodDelete, "/checkout/" + name,
				}, {"propfind", "/docs/" + name},
			} {
				req, err := http.NewRequestWithContext(t.Context(), r.method, w.url+r.path, nil)
				must(t, err)
				req.Host = "host" + name + ".example"
				resp, err := http.DefaultClient.Do(req)
				must(t, err)
				must(t, resp.Body.Close())
			}
		}
		count := func() int {
			page := string(c.call(http.StatusOK, http.MethodGet, "/metrics", nil).raw)
			c.expect(
				strings.Contains(page, `method="OTHER"`) && !strings.Contains(page, "ZZ"),
				"methods that nobody knows are one: %s", page,
			)
			return strings.Count(page, "\npointsync_http_")
		}
		odd(0)
		count() // the scrape itself is a request, and has a time series from here on
		before := count()
		for n := range 50 {
			odd(n + 1)
		}
		if after := count(); after != before {
			t.Errorf("%d lines of requests became %d", before, after)
		}
	})
}
