package api_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsync/pointsync/api"
	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/audit"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/checkout"
	"github.com/pointsync/pointsync/pkg/inbox"
	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/outbox"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/sandbox"
	"github.com/pointsync/pointsync/pkg/sandbox/sandboxtest"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
	"github.com/pointsync/pointsync/pkg/stripegw"
	"github.com/pointsync/pointsync/pkg/token"
)

const (
	stripeKey = sandboxtest.Key
	shopURL   = "https://shop.example"
	password  = "correct horse battery"
	lowPoints = 20
)

// world is the API, a local Stripe and a database of one test. All of them talk over HTTP, and both sides use the
// sandbox's time.
type world struct {
	t        testing.TB
	url      string // of the API
	stripe   string // of the sandbox itself, without the gate
	gate     *gate  // what the API uses as Stripe
	db       *store.DB
	inbox    *inbox.Inbox
	syncer   *reconcile.Syncer
	secret   string // of the webhook endpoint
	keys     token.Keys
	wire     func(leaving <-chan struct{}) http.Handler                   // makes another server on the same database
	wireWith func(leaving <-chan struct{}, log *slog.Logger) http.Handler // with a log
	offset   atomic.Int64                                                 // how far the sandbox's clock is from the machine's
	// The operations that were called with success.
	seen sync.Map
}

// eachWorld runs a suite on both databases.
func eachWorld(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	for _, dialect := range storetest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			f(t, newWorld(t, storetest.URL(t, dialect)))
		})
	}
}

// newWorld wires the packages as the program does. prepare does what the database needs before its first use.
func newWorld(t testing.TB, databaseURL string, prepare ...func(*store.DB)) *world {
	t.Helper()
	local, err := sandbox.New(sandbox.Options{})
	must(t, err)
	direct := httptest.NewServer(local.Handler())
	w := &world{t: t, stripe: direct.URL, gate: &gate{next: local.Handler()}}
	gated := httptest.NewServer(w.gate)
	t.Cleanup(func() { gated.Close(); direct.Close(); must(t, local.Close()) })

	w.db = storetest.OpenURL(t, databaseURL, w.now)
	for _, f := range prepare {
		f(w.db)
	}
	outbox.Attach(w.db, lowPoints)
	gateway, err := stripegw.New(
		stripegw.Options{Key: stripeKey, BaseURL: gated.URL, HTTPClient: gated.Client(), Now: w.now},
	)
	must(t, err)
	items := catalog.Default()
	_, err = gateway.EnsureCatalog(t.Context(), items)
	must(t, err)
	server := httptest.NewUnstartedServer(nil) // its address is known now, and its handler needs it
	w.url = "http://" + server.Listener.Addr().String()
	endpoint, err := gateway.EnsureEndpoint(t.Context(), w.url+"/webhook")
	must(t, err)
	w.secret = endpoint.Secret

	w.keys, err = token.ParseKeys(token.GenerateKey("test"))
	must(t, err)
	w.wireWith = func(leaving <-chan struct{}, log *slog.Logger) http.Handler {
		return w.wired(gateway, items, leaving, log)
	}
	w.wire = func(leaving <-chan struct{}) http.Handler { return w.wireWith(leaving, slog.New(slog.DiscardHandler)) }
	server.Config.Handler = w.wire(nil)
	server.Start()
	t.Cleanup(server.Close)
	return w
}

// wired makes the API's handler, with its jobs running.
func (w *world) wired(
	gateway *stripegw.Gateway, items *catalog.Catalog, leaving <-chan struct{}, log *slog.Logger,
) http.Handler {
	t := w.t
	syncer := reconcile.New(
		w.db, gateway, items, reconcile.Policy{PastDueGrace: 72 * time.Hour, RenewalGrace: 2 * time.Hour}, log,
	)
	topUps := checkout.NewTopUps(w.db, gateway, items, syncer, 10*time.Minute, log)
	runner, err := jobs.New(w.db, log)
	must(t, err)
	events := inbox.New(inbox.Options{
		DB: w.db, Stripe: gateway, Syncer: syncer, Jobs: runner, Secrets: []string{
			"whsec_being_rolled", w.secret,
		}, Log: log,
	})
	tokens := token.NewIssuer(w.keys, "pointsync", "pointsync", w.now)
	accounts, err := account.New(w.db, tokens, syncer)
	must(t, err)
	accounts.RegisterJobs(runner)
	ledger.RegisterJobs(runner, w.db)
	syncer.RegisterJobs(runner)
	audit.RegisterJobs(runner, w.db, syncer, log)
	outbox.NewCourier(w.db, true, time.Now, log).RegisterJobs(runner)
	topUps.RegisterJobs(runner)
	w.inbox, w.syncer = events, syncer
	must(t, runner.Start(t.Context()))
	t.Cleanup(func() { must(t, runner.Stop(context.Background())) })
	handler, err := api.New(api.Options{
		DB: w.db, Accounts: accounts, Checkout: checkout.New(
			w.db, gateway, items, syncer, checkout.Origins{shopURL},
		), TopUps: topUps, Inbox: events, Post: outbox.NewPost(w.db, true), LowPoints: lowPoints,
		Tokens:     tokens,
		Catalog:    items,
		Origins:    []string{shopURL},
		Shop:       true,
		SandboxURL: w.stripe,
		Leaving:    leaving,
		Log:        log,
	})
	must(t, err)
	return handler
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.offset.Load())) }

// advance moves the one clock. When it returns, whatever falls due at Stripe by then has happened.
func (w *world) advance(d time.Duration) {
	w.t.Helper()
	sandboxtest.Advance(w.t, w.stripe, d)
	w.offset.Add(int64(d))
}

// flush waits until every webhook was sent and got a response.
func (w *world) flush() { w.t.Helper(); sandboxtest.Flush(w.t, w.stripe) }

// ask sends a form directly to the sandbox, without the gate, as Stripe's own tools do.
func (w *world) ask(method, path string, form url.Values) map[string]any {
	w.t.Helper()
	return sandboxtest.Ask(w.t, w.stripe, method, path, form)
}

// silence makes Stripe forget our webhook endpoint: from now on only a sync brings us news.
func (w *world) silence() {
	w.t.Helper()
	for _, e := range w.ask(http.MethodGet, "/v1/webhook_endpoints", nil)["data"].([]any) {
		w.ask(http.MethodDelete, "/v1/webhook_endpoints/"+e.(map[string]any)["id"].(string), nil)
	}
}

// gate is between the API and the sandbox and fails, on request, as networks do.
type gate struct {
	next  http.Handler
	fault atomic.Pointer[fault]
}

type fault struct {
	hangs bool // never replies, instead of dropping the connection
	over  chan struct{}
}

func (g *gate) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	f := g.fault.Load()
	if f == nil {
		g.next.ServeHTTP(out, r)
		return
	}
	if f.hangs {
		_, _ = io.Copy(io.Discard, r.Body) // without this the server does not notice that the caller has left
		select {
		case <-r.Context().Done():
		case <-f.over: // a caught job must not delay the end of the test
		}
	}
	panic(http.ErrAbortHandler)
}

// goDown drops every request. fallSilent never replies to one. open ends both.
func (g *gate) goDown()     { g.set(&fault{over: make(chan struct{})}) }
func (g *gate) fallSilent() { g.set(&fault{hangs: true, over: make(chan struct{})}) }
func (g *gate) open()       { g.set(nil) }

func (g *gate) set(f *fault) {
	if before := g.fault.Swap(f); before != nil {
		close(before.over)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
