package inbox_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves that many events of one account wait for one job, and that its one sync processes them all.
func TestEventsCollapse(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, _ := w.buyer()
		b, _ := w.buyer()
		for n := range 50 {
			w.ring(fmt.Sprint("evt_", n), a.CustomerID)
		}
		w.ring("evt_b", b.CustomerID)
		if n := w.count(unfinishedJobs); n != 2 {
			w.t.Errorf("%d jobs for the events of two accounts", n)
		}
		w.start(w.t)
		w.waitIdle()
		if n := w.Gate.Asked("GET /v1/subscriptions"); n != 2 {
			w.t.Errorf("%d fetches for two accounts", n)
		}
		if got := w.account(a.ID); got.Available != 100 || got.Sync.TicketIssued != 1 {
			w.t.Errorf("%d points after %d syncs", got.Available, got.Sync.TicketIssued)
		}
	})
}

// Proves that a job does not ask Stripe again if another sync has processed its events in the meantime, such as that of
// the page to which the buyer returned.
func TestJobAfterAnotherSync(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, _ := w.buyer()
		w.ring("evt_1", a.CustomerID)
		_, err := w.syncer.Sync(w.t.Context(), a.ID, billing.CauseOrder)
		must(w.t, err)
		w.start(w.t)
		storetest.WaitFor(w.t, "the event's job has run", func() bool { return w.count(eventJobs) == 0 })
		if got := w.account(a.ID); got.Available != 100 || got.Sync.TicketIssued != 1 ||
			w.Gate.Asked("GET /v1/subscriptions") != 1 {
			w.t.Errorf("%d points after %d syncs", got.Available, got.Sync.TicketIssued)
		}
	})
}

// Proves that an event that comes while a sync is under way gets another sync that begins after it. The current one may
// have read Stripe already.
func TestEventDuringSync(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a := w.draft()
		w.insert(a)
		held := w.Gate.Hold(string(a.CustomerID))
		w.start(w.t)
		w.ring("evt_1", a.CustomerID)
		held.Wait(w.t, 3) // the first sync has read subscriptions, invoices and charges
		w.Gate.Pass(string(a.CustomerID))
		o := w.sell(a, "pack_100")
		w.insertOrder(o)
		w.pay(o)
		w.ring("evt_2", a.CustomerID)
		w.wantStatus("evt_2", billing.InboxProcessed) // while the first is still held
		first, second := w.event("evt_1"), w.event("evt_2")
		if first.Ticket != 1 || second.Ticket != 2 || first.Status != billing.InboxProcessed {
			w.t.Errorf("the first: %+v\nthe second: %+v", first, second)
		}
		held.Release()
		w.waitIdle()
		if got := w.account(a.ID); got.Available != 100 || got.Sync.TicketApplied != 2 {
			w.t.Errorf("%d points, ticket %d applied", got.Available, got.Sync.TicketApplied)
		}
	})
}

// Proves that a sync processes only the events that were there when it began. It may have read Stripe before the change
// that a later event reports.
func TestEventAfterSyncBegan(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a := w.draft()
		w.insert(a)
		w.ring("evt_1", a.CustomerID)
		held := w.Gate.Hold(string(a.CustomerID))
		synced := make(chan error, 1)
		go func() {
			_, err := w.syncer.Sync(context.Background(), a.ID, billing.CauseEvent)
			synced <- err
		}()
		held.Wait(w.t, 3)
		w.ring("evt_2", a.CustomerID)
		held.Release()
		must(w.t, <-synced)
		w.Gate.Pass(string(a.CustomerID))
		if first, second := w.event("evt_1"), w.event("evt_2"); first.Status != billing.InboxProcessed ||
			second.Status != billing.InboxPending || second.Ticket != 0 {
			w.t.Errorf("the first: %+v\nthe second: %+v", first, second)
		}
		w.start(w.t)
		w.waitIdle()
		if e := w.event("evt_2"); e.Status != billing.InboxProcessed || e.Ticket != 2 {
			w.t.Errorf("%+v", e)
		}
	})
}

// Proves that a failing sync is noted on its events and retried until Stripe is back.
func TestStripeDown(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, _ := w.buyer()
		w.Gate.Refuse()
		w.start(w.t)
		w.ring("evt_1", a.CustomerID)
		w.ring("evt_2", a.CustomerID)
		// Only Stripe can say to whom it belongs.
		must(w.t, w.deliver(eventOf("evt_3", "refund.created", `{"object":"refund","id":"re_none"}`)))
		for _, id := range []string{"evt_1", "evt_3"} {
			storetest.WaitFor(w.t, "the failure is noted", func() bool { return w.event(id).Attempts > 0 })
			if e := w.event(id); e.Status != billing.InboxPending || e.LastError == "" || e.ProcessedAt != nil {
				w.t.Errorf("while Stripe is down: %+v", e)
			}
		}
		w.Gate.Open()
		w.waitIdle()
		for _, id := range []string{"evt_1", "evt_2"} {
			if e := w.event(id); e.Status != billing.InboxProcessed || e.LastError != "" {
				w.t.Errorf("when Stripe is back: %+v", e)
			}
		}
		if got := w.account(a.ID); got.Available != 100 {
			w.t.Errorf("%d points", got.Available)
		}
	})
}

// Proves that the syncs of the last thirty days are kept and older ones deleted.
func TestForgetsSyncs(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, _ := w.buyer()
		for range 2 {
			_, err := w.syncer.Sync(context.Background(), a.ID, billing.CauseEvent)
			must(w.t, err)
			w.Advance(20 * 24 * time.Hour)
		}
		must(w.t, w.syncer.ForgetSyncs(context.Background()))
		if n := w.count("SELECT count(*) FROM syncs"); n != 1 {
			w.t.Errorf("%d syncs are remembered, want that of 20 days ago alone", n)
		}
	})
}

// Proves that an event that does not name its customer is resolved by asking Stripe. It is ignored if the customer is
// not ours or Stripe does not know the object.
func TestResolve(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, o := w.buyer()
		disputes := map[string]string{"/v1/disputes/du_1": string(a.CustomerID), "/v1/disputes/du_2": "cus_foreign"}
		w.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
			customer, ok := disputes[r.URL.Path]
			if !ok {
				w.Gate.Stripe.ServeHTTP(out, r)
				return
			}
			fmt.Fprintf(
				out, `{"id":"du","object":"dispute","charge":{"id":"ch","object":"charge","customer":%q}}`, customer,
			)
		})
		w.start(w.t)
		for id, object := range map[string]string{
			"evt_refund":  fmt.Sprintf(`{"object":"refund","id":%q}`, w.refund(o)),
			"evt_dispute": `{"object":"dispute","id":"du_1"}`,
			"evt_foreign": `{"object":"dispute","id":"du_2"}`,
			"evt_unknown": `{"object":"refund","id":"re_none"}`,
		} {
			must(w.t, w.deliver(eventOf(id, "an.event", object)))
		}
		w.waitIdle()
		for _, id := range []string{"evt_refund", "evt_dispute"} {
			if e := w.event(id); e.Status != billing.InboxProcessed || e.AccountID != a.ID {
				w.t.Errorf("%+v", e)
			}
		}
		for _, id := range []string{"evt_foreign", "evt_unknown"} {
			if e := w.event(id); e.Status != billing.InboxIgnored || e.AccountID != "" || e.Reason == "" {
				w.t.Errorf("%+v", e)
			}
		}
		if got := w.account(a.ID); got.Available != 0 {
			w.t.Errorf("%d points are left of a purchase that was refunded", got.Available)
		}
	})
}

// Proves that a refund's event waits while Stripe refuses to show the refund (403, a key without the permission), with
// the reason on it. It is processed once Stripe shows the refund, and not ignored for good. The pack's money was
// refunded, so its 100 points are gone.
func TestResolveRefused(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, o := w.buyer()
		refund := w.refund(o)
		refused := make(chan struct{}, 1)
		w.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/v1/refunds/"+refund {
				w.Gate.Stripe.ServeHTTP(out, r)
				return
			}
			out.WriteHeader(http.StatusForbidden)
			fmt.Fprint(
				out,
				`{"error":{"type":"invalid_request_error","message":"The provided key does not have the required permissions."}}`,
			)
			select {
			case refused <- struct{}{}:
			default:
			}
		})
		w.start(w.t)
		must(
			w.t,
			w.deliver(eventOf("evt_refused", "refund.created", fmt.Sprintf(`{"object":"refund","id":%q}`, refund))),
		)
		storetest.Next(w.t, refused)
		if e := w.event("evt_refused"); e.Status != billing.InboxPending || e.AccountID != "" {
			w.t.Errorf("refused: %+v", e)
		}
		w.Gate.Open()
		w.waitIdle()
		if e := w.event("evt_refused"); e.Status != billing.InboxProcessed || e.AccountID != a.ID {
			w.t.Errorf("shown: %+v", e)
		}
		if got := w.account(a.ID); got.Available != 0 {
			w.t.Errorf("%d points are left of a purchase that was refunded", got.Available)
		}
	})
}

// Proves that the operator can replay any event: one that was processed, and one whose customer became ours only later.
// An event that concerns no one, or does not exist, is refused.
func TestReplay(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a := w.draft()
		w.ring("evt_1", a.CustomerID)
		if e := w.event("evt_1"); e.Status != billing.InboxIgnored {
			w.t.Errorf("%+v", e)
		}
		if err := w.inbox.Replay(w.t.Context(), "evt_1", "", "test"); billing.CodeOf(err) != billing.EConflict {
			w.t.Errorf("an event of a customer that is not ours: %v", err)
		}
		if err := w.inbox.Replay(w.t.Context(), "evt_none", "", "test"); billing.CodeOf(err) != billing.ENotFound {
			w.t.Errorf("no such event: %v", err)
		}
		w.insert(a)
		w.start(w.t)
		for ticket := range int64(2) {
			must(w.t, w.inbox.Replay(w.t.Context(), "evt_1", "", "test"))
			w.waitIdle()
			if e := w.event("evt_1"); e.Status != billing.InboxProcessed || e.Ticket != ticket+1 ||
				e.AccountID != a.ID || e.Reason != "" {
				w.t.Errorf("replay %d: %+v", ticket+1, e)
			}
		}
	})
}

// Proves that a replay is recorded with who asked for it and why, in one transaction: where it cannot be recorded, the
// event stays as it is. A replay without a reason is refused.
func TestReplayIsRecorded(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, o := w.buyer()
		w.ring("evt_1", a.CustomerID)
		must(
			w.t,
			w.deliver(eventOf("evt_2", "refund.created", fmt.Sprintf(`{"object":"refund","id":%q}`, w.refund(o)))),
		)
		w.exec("UPDATE inbox_events SET status = 'ignored', reason = 'a test' WHERE id = 'evt_1'")
		replay := func(id billing.StripeEventID, why string) error {
			return w.inbox.Replay(w.t.Context(), id, "acc_admin", why)
		}
		if err := replay("evt_1", " "); billing.CodeOf(err) != billing.EInvalid {
			w.t.Errorf("without a reason: %v", err)
		}
		w.exec("ALTER TABLE system_actions RENAME TO out_of_reach")
		if err := replay("evt_1", "lost"); err == nil || w.event("evt_1").Status != billing.InboxIgnored {
			w.t.Errorf("what cannot be recorded is done: %v", err)
		}
		w.exec("ALTER TABLE out_of_reach RENAME TO system_actions")
		must(w.t, replay("evt_1", "lost"))
		must(w.t, replay("evt_2", "no account is known"))
		actions, err := w.db.AdminActions(w.t.Context(), "", "", 10)
		must(w.t, err)
		var got []string
		for _, did := range actions {
			who := fmt.Sprintf("%s %s %s of %q", did.AdminID, did.Action, did.Subject, did.AccountID)
			got = append(got, who+": "+did.Reason)
		}
		want := []string{
			`acc_admin replay evt_2 of "": no account is known`,
			fmt.Sprintf("acc_admin replay evt_1 of %q: lost", a.ID),
		}
		if !slices.Equal(got, want) {
			w.t.Errorf("recorded are %q, want %q", got, want)
		}
	})
}

// Proves what a replay asks of Stripe: the state of the event's account at once, or first whose the event is, if it
// names no customer.
func TestReplayRoutes(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, o := w.buyer()
		w.ring("evt_1", a.CustomerID)
		must(
			w.t,
			w.deliver(eventOf("evt_2", "refund.created", fmt.Sprintf(`{"object":"refund","id":%q}`, w.refund(o)))),
		)
		for id, kind := range map[string]string{"evt_1": "sync", "evt_2": "resolve"} {
			w.exec("DELETE FROM river_job")
			must(w.t, w.inbox.Replay(w.t.Context(), billing.StripeEventID(id), "", "test"))
			if all, n := w.count(eventJobs), w.count(
				"SELECT count(*) FROM river_job WHERE kind = '"+kind+"'",
			); all != 1 || n != 1 {
				w.t.Errorf("%s: %d jobs, %d of them a %s", id, all, n, kind)
			}
		}
	})
}

// refund refunds a purchase and returns the refund's id.
func (w *world) refund(o billing.Order) string {
	w.t.Helper()
	paid := w.Ask(http.MethodGet, "/v1/checkout/sessions/"+string(o.CheckoutID), nil)
	return w.Ask(
		http.MethodPost, "/v1/refunds", url.Values{"payment_intent": {paid["payment_intent"].(string)}},
	)["id"].(string)
}

// Proves that a failure is noted and retried whatever Stripe's message contains: a NUL, broken UTF-8, or a letter that
// a cut would split. The queue stores a job's errors as JSON, and PostgreSQL refuses a NUL there too. Then the job
// would stay running forever.
func TestAnyFailureIsNoted(t *testing.T) {
	t.Parallel()
	for name, words := range map[string]string{
		"NUL": `no \u0000 go`, "two bytes": strings.Repeat("ä", 5000),
		"two bytes, odd": "x" + strings.Repeat("ä", 5000),
		"four bytes":     strings.Repeat("😀", 3000), "broken": "no \xff go", "half a pair": `no \ud83d go`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachWorld(t, func(w *world) {
				a, _ := w.buyer()
				w.Gate.Intercept(func(out http.ResponseWriter, _ *http.Request) {
					out.WriteHeader(http.StatusBadRequest)
					fmt.Fprintf(out, `{"error":{"type":"invalid_request_error","message":"%s"}}`, words)
				})
				w.start(w.t)
				w.ring("evt_odd", a.CustomerID)
				storetest.WaitFor(w.t, "the failure is noted", func() bool { return w.event("evt_odd").Attempts > 0 })
				storetest.WaitFor(w.t, "the job waits for its next attempt", func() bool {
					return w.count(
						"SELECT count(*) FROM river_job WHERE kind = 'sync' AND attempt > 0 AND state <> 'running'",
					) == 1
				})
				w.Gate.Open()
				w.wantStatus("evt_odd", billing.InboxProcessed)
			})
		})
	}
}
