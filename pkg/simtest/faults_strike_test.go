package simtest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/audit"
	"github.com/pointsync/pointsync/pkg/billing"
)

// The series that tell how far a fault has come.
const (
	failedByEvent  = `pointsync_sync_duration_seconds_count{cause="event",outcome="failed"}`
	refusedHooks   = `pointsync_webhooks_total{outcome="refused"}`
	eventsApplied  = "pointsync_event_applied_seconds_count"
	clockOffset    = "pointsync_clock_offset_seconds"
	oldestPending  = "pointsync_events_oldest_pending_seconds"
	broughtByList  = "pointsync_backfill_events_total"
	transactions   = "pointsync_database_transaction_duration_seconds_count"
	overdueSyncs   = `pointsync_jobs_overdue_seconds{kind="sync"}`
	parkedAccounts = "pointsync_parked_accounts"
	longEnough     = 2 * time.Minute // for an alert about what waits
)

func (h *house) allIsWell() func() {
	h.ready()
	h.order(1)()
	h.await(eventsApplied)
	h.atRest()
	return func() {}
}

func (h *house) stripeDown() func() {
	pay := h.order(1)
	h.ready()
	h.toStripe.setTargets(nil)
	h.toStripe.cutAll()
	pay()
	h.await(failedByEvent)
	h.advance(longEnough)
	return func() {
		h.toStripe.setTargets([]string{strings.TrimPrefix(h.front.URL, "http://")})
		h.atRest()
	}
}

func (h *house) keyOfStripeRefused() func() { return h.refusing(http.StatusUnauthorized, "/") }
func (h *house) stripeLimit() func()        { return h.refusing(http.StatusTooManyRequests, "/") }
func (h *house) oneCustomerRefused() func() { return h.refusing(http.StatusBadRequest, "/v1/invoices") }

// refusing makes Stripe refuse requests until the event of a payment has waited for long.
func (h *house) refusing(status int, path string) func() {
	pay := h.order(1)
	h.ready()
	h.front.refuse(status, path)
	pay()
	h.await(failedByEvent)
	h.advance(longEnough)
	h.awaitThat("the event has waited for long, and the clocks agree again", func(s scrape) bool {
		return s[oldestPending] > 60 && s[clockOffset] < 10 && s[clockOffset] > -10
	})
	return func() { h.front.recover(); h.atRest() }
}

func (h *house) stripeSlow() func() {
	var pays []func()
	for n := range 2 * buyers {
		pays = append(pays, h.order(1+n/buyers)) // the same again would be the same page
	}
	h.ready()
	h.front.delay(1200 * time.Millisecond) // longer than the promise
	for _, pay := range pays {
		pay()
	}
	// Each payment has two events.
	h.awaitThat("twelve events are applied", func(s scrape) bool {
		return s[eventsApplied] >= h.before[eventsApplied]+12
	})
	return func() { h.front.recover(); h.atRest() }
}

// queueStuck keeps the workers from beginning a job, as a queue that someone paused does.
func (h *house) queueStuck() func() {
	pay := h.order(1)
	h.ready()
	h.sql(`CREATE FUNCTION stuck() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`)
	h.sql(`CREATE TRIGGER stuck BEFORE UPDATE ON river_job FOR EACH ROW
		WHEN (NEW.state = 'running' AND NEW.queue = 'default') EXECUTE FUNCTION stuck()`)
	pay()
	h.await(`pointsync_jobs{kind="sync",state="available"}`)
	h.advance(longEnough)
	// The queue's times are the machine's, which no one moves.
	h.sql(`UPDATE river_job SET scheduled_at = scheduled_at - interval '2 minutes' WHERE state = 'available'`)
	h.awaitThat("a job is overdue", func(s scrape) bool { return s[overdueSyncs] > 60 })
	return func() {
		h.sql(`DROP TRIGGER stuck ON river_job`)
		h.atRest()
		h.awaitThat("no job is overdue", func(s scrape) bool { return s[overdueSyncs] < 10 })
	}
}

func (h *house) sql(statement string) {
	h.t.Helper()
	_, err := h.db.SQL().ExecContext(h.ctx, statement)
	h.must(err)
}

func (h *house) clockOff() func() {
	h.ready()
	h.front.skew.Store(int64(time.Minute))
	h.order(1)
	h.awaitThat("the clock is off", func(s scrape) bool { return s[clockOffset] < -10 || s[clockOffset] > 10 })
	return func() {
		h.front.recover()
		h.order(1)
		h.awaitThat("the clocks agree", func(s scrape) bool { return s[clockOffset] < 10 })
	}
}

var (
	anyKey    = regexp.MustCompile(`psk_[0-9A-Za-z]{49}`)
	anyKeyID  = regexp.MustCompile(`key_\w+`)
	anyHookID = regexp.MustCompile(`whk_\w+`)
)

func (h *house) serviceKeyRevoked() func() {
	said, err := h.command("keys", "create", "--name", "worker", "--scope", "read")
	h.must(err)
	list, err := h.command("keys", "list")
	h.must(err)
	_, err = h.command("keys", "revoke", anyKeyID.FindString(list))
	h.must(err)
	h.ready()
	read := request{method: http.MethodGet, path: "/accounts?external_id=someone"}
	a, err := h.users[firstBuyer].send(read, anyKey.FindString(said))
	if err != nil || a.status != http.StatusUnauthorized {
		h.t.Fatalf("a revoked key: %s, %v", a, err)
	}
	return func() {}
}

func (h *house) endpointDown() func() {
	remove := h.endpoint(http.StatusBadGateway)
	h.give(h.users[firstBuyer], 1)
	h.advance(20 * time.Minute)
	h.await("pointsync_outgoing_events_oldest_pending_seconds")
	return remove
}

func (h *house) endpointGone() func() {
	remove := h.endpoint(http.StatusGone)
	h.give(h.users[firstBuyer+1], 1)
	h.await(`pointsync_outgoing_endpoints{state="disabled"}`)
	return remove
}

// endpoint adds an endpoint of ours that responds with a status, and returns what removes it.
func (h *house) endpoint(status int) (remove func()) {
	end := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(status)
	}))
	h.t.Cleanup(end.Close)
	said, err := h.command("webhooks", "add", end.URL)
	h.must(err)
	h.ready()
	return func() {
		_, err := h.command("webhooks", "remove", anyHookID.FindString(said))
		h.must(err)
	}
}

func (h *house) accountParked() func() {
	pay := h.orderOf(h.users[ofParked], 10)
	h.ready()
	pay()
	h.await(parkedAccounts)
	h.atRest()
	return func() {
		_, err := h.command("user", "unpark", h.users[ofParked].email, "--reason", "buys for a school")
		h.must(err)
		h.awaitThat("no one is parked", func(s scrape) bool { return s[parkedAccounts] == 0 })
	}
}

// walkFinds returns the fault that a walk over all accounts found something.
func walkFinds(kind billing.RunKind) func(*house) func() {
	return func(h *house) func() {
		h.ready()
		h.must(audit.Record(h.ctx, h.db, kind, h.now(), 6, 3))
		return func() { h.must(audit.Record(h.ctx, h.db, kind, h.now(), 6, 0)) }
	}
}

func (h *house) databaseSlow() func() {
	h.ready()
	for range 4000 {
		h.database.delayAnswer(500 * time.Millisecond)
	}
	for range 4 {
		h.users[firstBuyer].renew(h.users[firstBuyer].current())
	}
	h.database.restore()
	h.await(transactions)
	return h.atRest
}

func (h *house) databaseDown() func() {
	h.ready()
	h.database.setTargets(nil)
	h.database.cutAll()
	h.awaitThat("the database cannot be read", func(s scrape) bool {
		_, read := s["pointsync_events_pending"]
		return s != nil && !read
	})
	return func() { h.database.setTargets([]string{h.behind}); h.atRest() }
}

func (h *house) serverDown() func() {
	h.ready()
	h.servers[0].kill()
	return func() { h.must(h.servers[0].start()); h.atRest() }
}

func (h *house) strangersSend() func() {
	h.ready()
	for range 25 {
		req, err := http.NewRequestWithContext(
			h.ctx, http.MethodPost, "http://"+h.servers[0].addr+"/webhook", strings.NewReader("{}"),
		)
		h.must(err)
		req.Header.Set("Stripe-Signature", fmt.Sprintf("t=%d,v1=%064d", h.now().Unix(), 0))
		if status, _ := h.receive(req, callPatience); status != http.StatusBadRequest {
			h.t.Fatalf("a stranger's webhook gets %d", status)
		}
	}
	return func() {}
}

// planUnknown sells a subscription of an item that the catalogue does not have, at a price that gives no points.
func (h *house) planUnknown() func() {
	u := h.users[ofUnknownPlan]
	h.orderOf(u, 1) // makes the customer
	h.atRest()
	h.ready()
	price, _ := h.ask("POST", "/v1/prices", url.Values{
		"currency": {"eur"}, "unit_amount": {"2500"}, "recurring[interval]": {"month"},
		"product_data[name]": {"Gone"}, "metadata[" + billing.MetadataItem + "]": {"gone"},
	})
	_, status := h.ask("POST", "/v1/subscriptions", url.Values{
		"customer": {u.customerID()}, "items[0][price]": {price.text("id")}, "default_payment_method": {"pm_card_visa"},
	})
	if status != http.StatusOK {
		h.t.Fatalf("subscribing responds %d", status)
	}
	h.await(`pointsync_unknown_items_total{thing="invoice"}`)
	return h.atRest
}

func (h *house) webhooksLost() func() {
	pay := h.order(1)
	h.atRest()
	h.ready()
	h.control(h.ctx, "POST", "faults", map[string]any{"kind": "webhook_drop", "share": 1, "seed": 1})
	pay()
	_, err := h.command("events", "backfill")
	h.must(err)
	h.await(broughtByList)
	return func() { h.clearFaults(); h.atRest() }
}

// secretWrong is the last fault, because the server knows the new secret only after a restart.
func (h *house) secretWrong() func() {
	pay := h.order(1)
	h.atRest()
	h.ready()
	endpoints, err := h.all("/v1/webhook_endpoints", nil)
	h.must(err)
	roll := "webhook_endpoints/" + endpoints[0].text("id") + "/roll"
	h.control(h.ctx, "POST", roll, map[string]any{"expires_in_seconds": 0})
	pay()
	h.await(refusedHooks)
	_, err = h.command("events", "backfill")
	h.must(err)
	h.await(broughtByList)
	return func() {}
}
