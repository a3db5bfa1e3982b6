// Package housetest wires the house for the tests of more than one room: the sandbox as Stripe, a gate before it, the
// clock of both sides, databases, gateways and syncers. It ends at the syncer. The tests of a higher room build their
// own room on top. Only tests import it.
package housetest

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/metric"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/sandbox"
	"github.com/pointsync/pointsync/pkg/sandbox/sandboxtest"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// Policy has the defaults of the program.
var Policy = reconcile.Policy{PastDueGrace: 72 * time.Hour, RenewalGrace: 2 * time.Hour}

// BasicYear is a plan that the default catalogue does not have: it is paid by the year and grants each month.
var BasicYear = billing.Plan{
	ID:            "basic_year",
	Name:          "Basic, by the year",
	Amount:        9000,
	Currency:      "usd",
	Interval:      "year",
	GrantInterval: "month",
	Points:        500,
}

// Options change what New returns. The zero value is right for most tests.
type Options struct {
	Catalog *catalog.Catalog // what the shop sells; nil for the default catalogue
	Now     func() time.Time // the clock of databases and gateways; nil for the sandbox's clock
	Retries bool             // a gateway tries a failed request again, as in production
	Metrics *metric.Metrics  // of all gateways and syncers; nil for none
}

// House is one local Stripe, and what its shop is set up with. It may have many replicas, on many databases. No webhook
// comes before a test makes an endpoint.
type House struct {
	Sandbox string            // the URL of the sandbox itself, past the gate
	Gate    *Gate             // what gateways take for Stripe
	Stripe  *stripegw.Gateway // the gateway that set up the catalogue

	// The catalogue and the policy of each syncer made from now on.
	Catalog *catalog.Catalog
	Policy  reconcile.Policy

	t       testing.TB
	options Options
	gated   *httptest.Server
	offset  *atomic.Int64 // of our clock from the machine's
}

// New starts a sandbox, and sets up the catalogue in it.
func New(t testing.TB, o Options) *House {
	t.Helper()
	local, err := sandbox.New(sandbox.Options{})
	must(t, err)
	h := &House{t: t, options: o, Gate: newGate(local.Handler()), Policy: Policy, offset: new(atomic.Int64)}
	direct := httptest.NewServer(local.Handler())
	h.gated = httptest.NewServer(h.Gate)
	h.Sandbox = direct.URL
	t.Cleanup(func() {
		h.Gate.Open() // Close waits for requests that hang
		h.gated.Close()
		direct.Close()
		must(t, local.Close())
	})
	h.Stripe = h.Gateway()
	items := catalog.Default()
	if o.Catalog != nil { // a copy, because a test may change it
		*items = *o.Catalog
		items.Plans, items.Packs = slices.Clone(items.Plans), slices.Clone(items.Packs)
	}
	h.Sell(items)
	return h
}

// In returns the same house for a subtest.
func (h *House) In(t testing.TB) *House {
	mine := *h
	mine.t = t
	return &mine
}

// Now returns the time of databases and gateways.
func (h *House) Now() time.Time {
	if h.options.Now != nil {
		return h.options.Now()
	}
	return time.Now().Add(time.Duration(h.offset.Load()))
}

// Advance moves the clock of the sandbox and ours. When it returns, everything that became due at Stripe in that time
// has happened.
func (h *House) Advance(d time.Duration) {
	h.t.Helper()
	sandboxtest.Advance(h.t, h.Sandbox, d)
	h.Skew(d)
}

// Skew moves our clock alone.
func (h *House) Skew(d time.Duration) { h.offset.Add(int64(d)) }

// Flush waits until every webhook that is due was sent and got a response.
func (h *House) Flush() { h.t.Helper(); sandboxtest.Flush(h.t, h.Sandbox) }

// Ask sends a form to the sandbox, past the gate, as Stripe's own tools do. It returns the object in the response.
func (h *House) Ask(method, path string, form url.Values) map[string]any {
	h.t.Helper()
	return sandboxtest.Ask(h.t, h.Sandbox, method, path, form)
}

// Control sends JSON to one of the sandbox's own pages, such as "settings".
func (h *House) Control(page, body string) {
	h.t.Helper()
	resp, err := http.Post(h.Sandbox+"/_sandbox/"+page, "application/json", strings.NewReader(body))
	must(h.t, err)
	must(h.t, resp.Body.Close())
	if resp.StatusCode != http.StatusOK {
		h.t.Fatalf("the sandbox answers %d to %s", resp.StatusCode, body)
	}
}

// Sell makes c the catalogue, and sets it up at Stripe.
func (h *House) Sell(c *catalog.Catalog) {
	h.t.Helper()
	_, err := h.Stripe.EnsureCatalog(h.t.Context(), c)
	must(h.t, err)
	h.Catalog = c
}

// Open opens a database that storetest made. Each replica opens its own.
func (h *House) Open(t testing.TB, databaseURL string) *store.DB {
	t.Helper()
	return storetest.OpenURL(t, databaseURL, h.Now)
}

// Gateway returns the gateway of another replica.
func (h *House) Gateway() *stripegw.Gateway {
	h.t.Helper()
	o := stripegw.Options{
		Key: sandboxtest.Key, BaseURL: h.gated.URL, HTTPClient: h.gated.Client(), Now: h.Now, MaxRetries: -1,
		Metrics: h.options.Metrics,
	}
	if h.options.Retries {
		o.MaxRetries = 0
	}
	g, err := stripegw.New(o)
	must(h.t, err)
	return g
}

// Syncer returns the syncer of a replica.
func (h *House) Syncer(db *store.DB, stripe *stripegw.Gateway, log *slog.Logger) *reconcile.Syncer {
	return reconcile.New(db, stripe, h.Catalog, h.Policy, h.options.Metrics, log)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
