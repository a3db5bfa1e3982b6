package simtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// lowPoints is the threshold of the low-points event in the servers' settings.
const lowPoints = 100

// endpoint is one of the operator's endpoints, which receives all events. It refuses now and then, and keeps accepted
// events by id.
type endpoint struct {
	w        *world
	verifier *standardwebhooks.Webhook
	mu       sync.Mutex
	accepted map[string]string
}

// notice is the body of an outgoing event, as in docs/events.md.
type notice struct {
	Type string `json:"type"`
	Data struct {
		Account string                                `json:"account_id"`
		Version int64                                 `json:"version"`
		Points  struct{ Available, Held, Debt int64 } `json:"points"`
		Entry   *struct {
			ID, Kind string
			Amount   int64
		} `json:"entry"`
		Order *struct{ ID, Status string } `json:"order"`
		Plan  *struct {
			Plan, Status string
			Quantity     int64
			Ends         bool `json:"cancel_at_period_end"`
		} `json:"subscription"`
		Threshold *int64 `json:"threshold"`
	} `json:"data"`
}

var addedSecret = regexp.MustCompile(`whsec_[A-Za-z0-9+/=]+`)

// listen adds an endpoint for all types, as an operator does.
func (w *world) listen() {
	w.t.Helper()
	e := &endpoint{w: w, accepted: map[string]string{}}
	server := httptest.NewServer(http.HandlerFunc(e.receive))
	w.t.Cleanup(server.Close)
	said, err := w.command("webhooks", "add", server.URL)
	w.must(err)
	e.verifier, err = standardwebhooks.NewWebhook(addedSecret.FindString(said))
	w.must(err)
	w.endpoint = e
}

func (e *endpoint) receive(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // cut off: it will be sent again
	}
	id := r.Header.Get(standardwebhooks.HeaderWebhookID)
	if err := e.verifier.Verify(body, r.Header); err != nil {
		e.w.violate(nil, "the outgoing event %s is not signed as it should be: %v", id, err)
	}
	if rand.IntN(10) == 0 {
		rw.WriteHeader(http.StatusInternalServerError)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if before, again := e.accepted[id]; again && before != string(body) {
		e.w.violate(nil, "the outgoing event %s came twice, and differs: %s, then %s", id, before, body)
	}
	e.accepted[id] = string(body)
}

// toldAs maps each kind of entry that is reported to the type of its event.
var toldAs = map[billing.EntryKind]string{
	billing.EntryGrant: "points.granted", billing.EntrySpend: "points.spent", billing.EntryCapture: "points.spent",
	billing.EntryExpire:   "points.expired",
	billing.EntryClawback: "points.clawed_back", billing.EntryRestore: "points.restored",
	billing.EntryCorrection: "points.corrected",
}

// facts are a user's rows in the database at one moment, and the events that report them.
type facts struct {
	account billing.Account
	entries []billing.Entry
	orders  []billing.Order
	past    []past
	told    []notice
}

// facts reads them. It retries if the account changed in the meantime: its webhooks may be on their way.
func (w *world) facts(ctx context.Context, u *user) (f facts, err error) {
	id := billing.AccountID(u.account)
	for {
		if f.account, err = w.db.Account(ctx, id); err != nil {
			return f, err
		}
		if f.entries, err = w.entries(u); err != nil {
			return f, err
		}
		if f.orders, err = w.db.Orders(ctx, id, "", 1000); err != nil {
			return f, err
		}
		if f.past, err = u.history(ctx, u.account); err != nil {
			return f, err
		}
		if f.told, err = w.told(ctx, u); err != nil {
			return f, err
		}
		if after, err := w.db.Account(ctx, id); err != nil || after.Version == f.account.Version {
			return f, err
		}
	}
}

// checkTold compares the events about a user with the facts. Each movement of points and each fulfilled order is
// reported once. Events about points and about the subscription match the database. Events that count as delivered have
// arrived.
func (w *world) checkTold(ctx context.Context, u *user) error {
	f, err := w.facts(ctx, u)
	if err != nil {
		return err
	}
	u.checkMovements(f)
	u.checkOrdersTold(f)
	u.checkSubscriptionTold(f)
	u.checkStatesTold(f)
	return nil
}

// told returns the events about a user in the order in which they happened. Events that were delivered long ago are no
// longer stored, so it takes those from the endpoint itself.
func (w *world) told(ctx context.Context, u *user) ([]notice, error) {
	accepted := w.endpoint.acceptedOf(u)
	rows, err := w.db.SQL().QueryContext(
		ctx, `SELECT id, body, status FROM deliveries WHERE account_id = $1`, u.account,
	)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	bodies := maps.Clone(accepted)
	for rows.Next() {
		var id, body, status string
		if err := rows.Scan(&id, &body, &status); err != nil {
			return nil, err
		}
		bodies[id] = body
		came, known := accepted[id]
		switch {
		case known && came != body:
			w.violate(u, "the outgoing event %s is %s and %s came", id, body, came)
		case !known && status == "delivered" && !w.endpoint.knows(id):
			w.violate(u, "the outgoing event %s counts as delivered and never came", id)
		case status == "failed":
			w.violate(u, "the outgoing event %s was given up", id)
		}
	}
	all := make([]notice, 0, len(bodies))
	for _, id := range slices.Sorted(maps.Keys(bodies)) {
		var n notice
		if err := json.Unmarshal([]byte(bodies[id]), &n); err != nil {
			return nil, fmt.Errorf("%s: %w", bodies[id], err)
		}
		all = append(all, n)
	}
	return all, rows.Err()
}

func (e *endpoint) acceptedOf(u *user) map[string]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	found := map[string]string{}
	for id, body := range e.accepted {
		if strings.Contains(body, u.account) {
			found[id] = body
		}
	}
	return found
}

func (e *endpoint) knows(id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, known := e.accepted[id]
	return known
}

// checkMovements compares the entries with the events about them.
func (u *user) checkMovements(f facts) {
	by := map[string]notice{}
	for _, n := range f.told {
		if n.Data.Entry == nil {
			continue
		}
		if _, twice := by[n.Data.Entry.ID]; twice {
			u.w.violate(u, "the entry %s is told twice", n.Data.Entry.ID)
		}
		by[n.Data.Entry.ID] = n
	}
	for _, e := range f.entries {
		n, known := by[string(e.ID)]
		delete(by, string(e.ID))
		want := toldAs[e.Kind]
		switch {
		case e.Amount == 0:
			want = ""
		case want != "" && known && n.Data.Entry.Amount != int64(e.Amount):
			u.w.violate(u, "the %s of %d points is told as one of %d", e.Kind, e.Amount, n.Data.Entry.Amount)
		}
		if n.Type != want {
			u.w.violate(u, "the %s %s of %d points is told as %q, not %q", e.Kind, e.ID, e.Amount, n.Type, want)
		}
	}
	for id := range by {
		u.w.violate(u, "the entry %s is told and is not there", id)
	}
}

func (u *user) checkOrdersTold(f facts) {
	fulfilled := map[string]int{}
	for _, n := range f.told {
		if n.Type == "order.fulfilled" {
			fulfilled[n.Data.Order.ID]++
		}
	}
	for _, o := range f.orders {
		times := fulfilled[string(o.ID)]
		delete(fulfilled, string(o.ID))
		// It may have been refunded before anyone looked.
		was := o.Status == billing.OrderFulfilled || o.Status == billing.OrderRefunded
		if times > 1 || times == 1 && !was || times == 0 && o.Status == billing.OrderFulfilled {
			u.w.violate(u, "the order %s is %s and is told to be fulfilled %d times", o.ID, o.Status, times)
		}
	}
	for id := range fulfilled {
		u.w.violate(u, "the order %s is told to be fulfilled and is not there", id)
	}
}

// checkSubscriptionTold compares the newest event about the subscription with the subscription.
func (u *user) checkSubscriptionTold(f facts) {
	var last notice
	for _, n := range f.told {
		if n.Type == "subscription.changed" && n.Data.Version > last.Data.Version {
			last = n
		}
	}
	if said, is := last.Data.Plan, f.account.Subscription; (said == nil) != (is == nil) ||
		is != nil && (said.Plan != is.Plan || said.Status != string(is.Status) || said.Quantity != is.Quantity ||
			said.Ends != is.CancelAtPeriodEnd) {
		u.w.violate(u, "the subscription is %+v and was told to be %+v", is, said)
	}
}

// checkStatesTold compares the points in events with those that the row had. If the row's whole past is known, it also
// compares each time that points ran low with the events about it.
func (u *user) checkStatesTold(f facts) {
	all := f.past
	type state struct{ version, available, held, debt int64 }
	was, low := map[state]bool{}, []int64{}
	for _, p := range all {
		was[state{p.version, p.points, p.held, p.debt}] = true
	}
	for _, n := range f.told {
		if d := n.Data; !was[state{d.Version, d.Points.Available, d.Points.Held, d.Points.Debt}] {
			u.w.violate(u, "an outgoing event states what the database never was: %+v", n)
		}
		if n.Type == "points.low" {
			low = append(low, n.Data.Version)
		}
	}
	if u.w.dialect != store.Postgres {
		return // its past includes states in the middle of a transaction
	}
	var fell []int64
	for n := 1; n < len(all); n++ {
		if all[n-1].points >= lowPoints && all[n].points < lowPoints {
			fell = append(fell, all[n].version)
		}
	}
	if !slices.Equal(low, fell) {
		u.w.violate(u, "points fell below %d at the versions %v and that was told at %v", lowPoints, fell, low)
	}
}
