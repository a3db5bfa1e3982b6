package api_test

import (
	"errors"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/audit"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
)

// scrape returns the metrics of the client's server.
func (c *client) scrape() string {
	c.t.Helper()
	return string(c.call(http.StatusOK, http.MethodGet, "/metrics", nil).raw)
}

// series returns the value of a series, and 0 if there is none.
func (c *client) series(name string) float64 {
	c.t.Helper()
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(c.scrape())
	if found == nil {
		return 0
	}
	value, err := strconv.ParseFloat(found[1], 64)
	must(c.t, err)
	return value
}

// counts fails the test if a series does not come to have the value: some of them are counted just after the response.
func (c *client) counts(want float64, name string) {
	c.t.Helper()
	c.waitFor(name+" is "+strconv.FormatFloat(want, 'f', -1, 64), func() bool { return c.series(name) >= want })
	c.expect(c.series(name) == want, "%s is %v, want %v", name, c.series(name), want)
}

// TestStoryIsCounted proves that what happens moves counters by the expected numbers: a purchase that a webhook
// reports and an open stream is told of, spends that go through, are repeated, are refused and are done while Stripe is
// down, a hold, a refund, refused signatures and a failed login. Then the page of metrics lists what the server has.
// Top-ups and ID tokens are counted in TestSavedCard, the story and TestFirebaseTokenLogsIn.
func TestStoryIsCounted(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		w.buysAndIsToldIt(t)
		w.spendsAndIsCounted(t)
		w.knocksInVain(t)
		c := &client{t: t, w: w}
		c.counts(0, "pointsync_events_pending")
		c.counts(0, "pointsync_events_oldest_pending_seconds")
		_, err := w.inbox.Backfill(t.Context(), 100)
		must(t, err)
		for _, kind := range []billing.RunKind{billing.RunAudit, billing.RunDrift} {
			must(t, audit.Record(t.Context(), w.db, kind, w.Now(), 1, 0))
		}
		heldAgainstPage(t, c.scrape())
	})
}

// TestOnlyWhatIsCommittedIsCounted proves that a grant that is rolled back is not counted, and one that is committed
// is.
func TestOnlyWhatIsCommittedIsCounted(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		c := w.user(t)
		grant := func(end error) error {
			return w.db.InTx(t.Context(), func(tx *store.Tx) error {
				a, err := tx.LockAccount(t.Context(), billing.AccountID(c.claims().text("sub")))
				must(t, err)
				_, _, err = ledger.Grant(t.Context(), tx, a, billing.Grant{Key: "g", Source: "admin", Amount: 7})
				must(t, err)
				return end
			})
		}
		undone := errors.New("undone")
		if err := grant(undone); !errors.Is(err, undone) {
			t.Fatalf("%v, want %v", err, undone)
		}
		c.counts(0, `pointsync_entries_total{kind="grant"}`)
		c.counts(0, `pointsync_entry_points_total{kind="grant"}`)
		must(t, grant(nil))
		c.counts(1, `pointsync_entries_total{kind="grant"}`)
		c.counts(7, `pointsync_entry_points_total{kind="grant"}`)
	})
}

func (w *world) buysAndIsToldIt(t *testing.T) {
	c := w.user(t)
	stream := c.follow(t, w.url, "")
	stream.next()
	c.pay(c.call(http.StatusCreated, http.MethodPost, "/checkout", map[string]any{"item": "pack_100"}))
	stream.until(100)
	w.Flush()
	c.counts(2, `pointsync_webhooks_total{outcome="stored"}`) // the page's event and the payment's
	c.counts(2, "pointsync_event_received_seconds_count")
	c.counts(2, "pointsync_event_applied_seconds_count")
	byWebhook := c.series(`pointsync_sync_duration_seconds_count{cause="event",outcome="applied"}`)
	c.expect(byWebhook >= 1, "%v syncs by webhook", byWebhook)
	c.waitFor("an event is told", func() bool { return c.series("pointsync_event_told_seconds_count") >= 1 })
	told, sum := c.series("pointsync_event_told_seconds_count"), c.series("pointsync_event_told_seconds_sum")
	c.expect(told <= 2 && sum > 0 && sum < 60*told, "%v events were told after %v s in all", told, sum)
	c.counts(1, `pointsync_entries_total{kind="grant"}`)
	c.counts(100, `pointsync_entry_points_total{kind="grant"}`)
	const checkout = `pointsync_stripe_request_duration_seconds_count{operation="POST /v1/checkout/sessions",status="2xx"}`
	c.counts(1, checkout)

	w.Gate.Drop()
	c.spend(http.StatusOK, 1) // outside the window: Stripe should have been asked
	w.Gate.Open()
	c.counts(1, `pointsync_spends_total{outcome="stale"}`)
	c.counts(1, `pointsync_sync_duration_seconds_count{cause="spend",outcome="failed"}`)

	paid := w.Ask(http.MethodGet, "/v1/charges", nil)["data"].([]any)[0].(map[string]any)
	w.Ask(http.MethodPost, "/v1/refunds", url.Values{"charge": {paid["id"].(string)}})
	c.counts(1, `pointsync_entries_total{kind="clawback"}`)
	c.counts(100, `pointsync_entry_points_total{kind="clawback"}`)
	w.Flush()
}

// spendsAndIsCounted is the story of a user to whom nothing was ever sold, so Stripe is not asked.
func (w *world) spendsAndIsCounted(t *testing.T) {
	c := w.user(t)
	c.given(t, 50)
	c.spend(http.StatusOK, 20, "Idempotency-Key", "a")
	c.spend(http.StatusOK, 20, "Idempotency-Key", "a")
	c.spend(http.StatusPaymentRequired, 31)
	c.spend(http.StatusUnprocessableEntity, 21, "Idempotency-Key", "a")
	for outcome, want := range map[string]float64{
		"ok": 1, "replayed": 1, "refused": 1, "rejected": 1, "stale": 1, "capped": 0, "unavailable": 0, "failed": 0,
	} {
		c.counts(want, `pointsync_spends_total{outcome="`+outcome+`"}`)
	}
	c.counts(4, `pointsync_syncs_skipped_total{cause="spend",reason="no_customer"}`)
	held := c.hold(http.StatusCreated, 10)
	c.call(http.StatusOK, http.MethodPost, "/points/holds/"+held.text("hold.id")+"/capture", map[string]any{})
	c.hold(http.StatusPaymentRequired, 21)
	c.counts(1, `pointsync_holds_total{operation="hold",outcome="ok"}`)
	c.counts(1, `pointsync_holds_total{operation="hold",outcome="refused"}`)
	c.counts(1, `pointsync_holds_total{operation="capture",outcome="ok"}`)
	c.counts(2, `pointsync_entries_total{kind="spend"}`) // with the stale one
	c.counts(10, `pointsync_entry_points_total{kind="hold"}`)
}

// knocksInVain is the story of those who are refused.
func (w *world) knocksInVain(t *testing.T) {
	c := w.user(t)
	w.ring(t, http.StatusBadRequest, event("evt_1", "cus_x"), "whsec_of_somebody_else", w.Now())
	w.ring(t, http.StatusOK, event("evt_1", "cus_x"), w.secret, w.Now())
	w.ring(t, http.StatusOK, event("evt_1", "cus_x"), w.secret, w.Now())
	c.counts(1, `pointsync_webhooks_total{outcome="refused"}`)
	c.counts(1, `pointsync_webhooks_total{outcome="ignored"}`)
	c.counts(1, `pointsync_webhooks_total{outcome="duplicate"}`)
	c.counts(0, `pointsync_webhooks_total{outcome="failed"}`)
	for _, email := range []string{c.email, "nobody@example.com"} {
		wrong := map[string]any{"email": email, "password": "not the password"}
		c.call(http.StatusUnauthorized, http.MethodPost, "/auth/login", wrong)
	}
	c.call(http.StatusUnauthorized, http.MethodPost, "/auth/refresh", map[string]any{"refresh_token": "psr_unknown"})
	c.counts(2, `pointsync_login_failures_total{method="password",reason="wrong"}`)
	c.token = "psk_of_nobody"
	c.call(http.StatusUnauthorized, http.MethodGet, "/accounts?external_id=x", nil)
	c.counts(1, `pointsync_service_key_refusals_total{reason="unknown"}`)
	c.counts(1, `pointsync_login_failures_total{method="refresh_token",reason="wrong"}`)
}

var (
	pageRow   = regexp.MustCompile("(?m)^\\| `(pointsync_\\w+)` \\| (\\w+) \\| ([^|]*)\\| ([^|]*)\\| ([^|]+)\\| ([^|]*)\\|$")
	quoted    = regexp.MustCompile("`([^`]+)`")
	typeLine  = regexp.MustCompile(`(?m)^# TYPE (pointsync_\w+) (\w+)$`)
	sample    = regexp.MustCompile(`(?m)^(pointsync_\w+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? \S+$`)
	labelPair = regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`)
)

// heldAgainstPage fails the test unless docs/operations/metrics.md lists each series of a scrape, with its type and its
// labels, and no other series. Where the page lists the values of a label, the scrape has no others.
func heldAgainstPage(t *testing.T, scraped string) {
	t.Helper()
	raw, err := os.ReadFile("../docs/operations/metrics.md")
	must(t, err)
	series, sets, _ := strings.Cut(string(raw), "## Values of labels")
	listed, served := map[string]string{}, map[string]string{}
	for _, row := range pageRow.FindAllStringSubmatch(series, -1) {
		var labels []string
		for _, l := range quoted.FindAllStringSubmatch(row[3], -1) {
			labels = append(labels, l[1])
		}
		slices.Sort(labels)
		listed[row[1]] = row[2] + " " + strings.Join(labels, ",")
	}
	types := map[string]string{}
	for _, m := range typeLine.FindAllStringSubmatch(scraped, -1) {
		types[m[1]] = m[2]
	}
	for _, m := range sample.FindAllStringSubmatch(scraped, -1) {
		name := m[1]
		if types[name] == "" { // the end of the name is a part of it
			name = strings.Fields(strings.Split(m[0], "{")[0])[0]
		}
		var labels []string
		for _, l := range labelPair.FindAllStringSubmatch(m[2], -1) {
			if l[1] == "le" {
				continue
			}
			labels = append(labels, l[1])
			if set := valuesOn(sets, name, l[1]); len(set) > 0 && !slices.Contains(set, l[2]) {
				t.Errorf("%s has %s=%q, and the page lists only %q", name, l[1], l[2], set)
			}
		}
		slices.Sort(labels)
		served[name] = types[name] + " " + strings.Join(labels, ",")
	}
	for name, want := range served {
		if listed[name] != want {
			t.Errorf("the server has %s, %s; the page has %q", name, want, listed[name])
		}
	}
	for name, is := range listed {
		if served[name] == "" {
			t.Errorf("the page has %s, %s; the server does not", name, is)
		}
	}
	if len(listed) < 35 {
		t.Errorf("only %d series are found on the page", len(listed))
	}
}

var setRow = regexp.MustCompile(`(?m)^\| (.+) \| (.+) \| (.+) \|$`)

// valuesOn returns the values that the page lists for a label of a series, or nil if it lists none.
func valuesOn(sets, name, label string) (values []string) {
	for _, row := range setRow.FindAllStringSubmatch(sets, -1) {
		if !strings.Contains(row[1], "`"+label+"`") || !strings.Contains(row[2], "`"+name+"`") {
			continue
		}
		for _, v := range quoted.FindAllStringSubmatch(row[3], -1) {
			values = append(values, v[1])
		}
	}
	return values
}
