package simtest

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// The users of TestFaultsFireTheirAlert. All others buy whatever is bought.
const (
	ofUnknownPlan = iota
	ofParked
	firstBuyer
	buyers = 3
)

// eventsWait begins what explain says of events that wait.
const eventsWait = "events wait, the oldest since"

// faults are what goes wrong, one after the other, with the alert that it fires and what `pointsync explain` then says
// of the customer who paid last. Each function brings its fault about, and returns how to end it.
var faults = []struct {
	name, alert string
	strike      func(h *house) (heal func())
	explained   string
}{
	{"all is well", "", (*house).allIsWell, ""},
	{"Stripe down", "PointsyncStripeDown", (*house).stripeDown, eventsWait},
	{"Stripe refuses the key", "PointsyncStripeKeyRefused", (*house).keyOfStripeRefused, eventsWait},
	{"Stripe's limit is reached", "PointsyncStripeLimit", (*house).stripeLimit, eventsWait},
	{"Stripe refuses one customer", "PointsyncEventsWait", (*house).oneCustomerRefused, "Refused by the test."},
	{"Stripe slow", "PointsyncPointsLate", (*house).stripeSlow, ""},
	{"queue stuck", "PointsyncQueueStuck", (*house).queueStuck, ""},
	{"clock off", "PointsyncClockOff", (*house).clockOff, ""},
	{"service key revoked", "PointsyncServiceKeyRefused", (*house).serviceKeyRevoked, ""},
	{"endpoint of ours down", "PointsyncOutgoingEventsWait", (*house).endpointDown, ""},
	{"endpoint of ours gone", "PointsyncEndpointDisabled", (*house).endpointGone, ""},
	{"account parked", "PointsyncAccountsParked", (*house).accountParked, "→ its grants wait for a person since"},
	{"audit found something", "PointsyncAuditFinding", walkFinds(billing.RunAudit), ""},
	{"drift found", "PointsyncDriftFinding", walkFinds(billing.RunDrift), ""},
	{"database slow", "PointsyncDatabaseSlow", (*house).databaseSlow, ""},
	{"database down", "PointsyncDatabaseDown", (*house).databaseDown, ""},
	{"server down", "PointsyncDown", (*house).serverDown, ""},
	{"strangers' webhooks", "PointsyncWebhooksRefused", (*house).strangersSend, ""},
	{"plan gone from the catalogue", "PointsyncPlanUnknown", (*house).planUnknown, "neither its price nor"},
	{"webhooks lost", "PointsyncWebhooksMissing", (*house).webhooksLost, ""},
	{"webhook secret wrong", "PointsyncWebhookSecretWrong", (*house).secretWrong, ""},
}

// TestFaultsFireTheirAlert proves that each fault fires the alert that names it, and no other: a real server on
// PostgreSQL, with the fault really brought about, its metrics before and after, and Prometheus's own evaluation of the
// rules in docs/operations. The audit's and the comparison's findings are recorded, because both look twice with 12
// seconds between. It leaves out how long a condition must hold (`for`).
func TestFaultsFireTheirAlert(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var r ruleTest
	r.begin(t, "1m")
	tried := map[string]bool{}
	for _, f := range faults {
		h.fault = f.name
		h.before = nil
		heal := f.strike(h)
		r.beforeAndAfter(f.name, f.alert, h.before, h.servers[0].scrape(t.Context()))
		if f.explained != "" {
			h.explains(f.explained)
		}
		heal()
		tried[f.alert] = true
	}
	r.run(t)
	for _, alert := range alertsOf(t) {
		// TestLateForDays is its proof.
		if !tried[alert] && alert != "PointsyncPointsLateForDays" {
			t.Errorf("no fault fires %s", alert)
		}
	}
}

// house is a world whose parts can each fail.
type house struct {
	*world
	front  *front
	behind string // PostgreSQL's address
	fault  string // what is being tried
	before scrape
	turn   int
	payer  *user // who ordered last
}

func newHouse(t *testing.T) *house {
	t.Helper()
	databaseURL := storetest.URL(t, store.Postgres)
	h := &house{world: newShop(t, size{seed: 1, users: firstBuyer + buyers}, store.Postgres, databaseURL)}
	h.front = newFront(t, h.stripe, h.now)
	h.toStripe = newWire(t, strings.TrimPrefix(h.front.URL, "http://"))
	u, err := url.Parse(databaseURL)
	h.must(err)
	h.behind = u.Host
	h.database = newWire(t, u.Host)
	u.Host = h.database.addr()
	h.open(u.String(), 1, "POINTSYNC_CLOCK_URL="+h.front.URL+"/_sandbox/clock",
		"POINTSYNC_BACKFILL_INTERVAL=24h", fmt.Sprintf("POINTSYNC_PARK_POINTS=%d", parkPoints))
	for _, u := range h.users {
		u.register()
	}
	return h
}

// parkPoints is more than a buyer buys, and less than the one who is to be parked does.
const parkPoints = 900

// ready takes the metrics before the fault.
func (h *house) ready() { h.before = h.servers[0].scrape(h.ctx) }

// await waits until a series has grown since the fault began.
func (h *house) await(series string) {
	h.awaitThat(series+" grows", func(s scrape) bool { return s != nil && s[series] > h.before[series] })
}

// awaitThat waits until the metrics are as wanted.
func (h *house) awaitThat(what string, ok func(scrape) bool) {
	h.t.Helper()
	for try, deadline := 0, time.Now().Add(*agreement); !ok(h.servers[0].scrape(h.ctx)); try++ {
		if time.Now().After(deadline) {
			said := h.servers[0].said.String()
			h.t.Fatalf("%s: waited %s until %s; the server said:\n%s", h.fault, *agreement, what, said)
		}
		pause(h.ctx, try)
	}
}

// atRest waits until nothing waits any more.
func (h *house) atRest() {
	h.t.Helper()
	h.must(h.deliverAll())
	h.awaitThat("nothing waits", func(s scrape) bool {
		pending, read := s["pointsync_events_pending"]
		return read && pending == 0
	})
}

// order lets a user order a pack, and pays for nothing yet. Those who buy take turns.
func (h *house) order(quantity int) func() {
	h.t.Helper()
	h.turn++
	return h.orderOf(h.users[firstBuyer+h.turn%buyers], quantity)
}

// explains fails the test unless the first lines of the payer's story name the cause.
func (h *house) explains(cause string) {
	h.t.Helper()
	said, err := h.command("explain", h.payer.email)
	h.must(err)
	if head, _, _ := strings.Cut(said, "\n\n"); !strings.Contains(head, cause) {
		h.t.Errorf("%s: explain does not begin with %q:\n%s", h.fault, cause, said)
	}
}

// orderOf returns how to pay for what the user orders.
func (h *house) orderOf(u *user, quantity int) (pay func()) {
	h.t.Helper()
	h.payer = u
	made, ok := u.orderWithin(finishPatience, map[string]any{"item": "small", "quantity": quantity})
	if !ok {
		h.t.Fatalf("%s: nothing can be ordered", h.fault)
	}
	return func() {
		h.t.Helper()
		page := "/v1/payment_pages/" + made.session + "/confirm"
		said, status := h.ask("POST", page, url.Values{"payment_method": {"pm_card_visa"}})
		if status != http.StatusOK {
			h.t.Fatalf("%s: paying at %s responds %d: %v", h.fault, page, status, said)
		}
	}
}

// alertsOf returns the names of the alerts of the rules.
func alertsOf(t *testing.T) (names []string) {
	t.Helper()
	rules, err := os.ReadFile(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^ +- alert: (\w+)$`).FindAllSubmatch(rules, -1) {
		names = append(names, string(m[1]))
	}
	return names
}
