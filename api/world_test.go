package api_test

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/pointsync/pointsync/api"
	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/audit"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/checkout"
	"github.com/pointsync/pointsync/pkg/housetest"
	"github.com/pointsync/pointsync/pkg/inbox"
	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/mail"
	"github.com/pointsync/pointsync/pkg/metric"
	"github.com/pointsync/pointsync/pkg/oidc"
	"github.com/pointsync/pointsync/pkg/outbox"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
	"github.com/pointsync/pointsync/pkg/token"
	"github.com/pointsync/pointsync/pkg/trace"
)

const (
	shopURL   = "https://shop.example"
	appURL    = "https://shop.example/account"
	password  = "correct horse battery"
	lowPoints = 20
)

// world is the API in a house with one database. All of them talk over HTTP, and both sides use the sandbox's time.
type world struct {
	*housetest.House
	t      testing.TB
	url    string // of the API
	stop   func() // ends the API's server
	db     *store.DB
	inbox  *inbox.Inbox
	syncer *reconcile.Syncer
	secret string // of the webhook endpoint
	keys   token.Keys
	counts *metric.Metrics // of all its servers
	tracer *trace.Tracer   // of servers that are made from now on; nil: no traces

	seen    sync.Map // the operations that were called with success
	signing string   // the key of tokens, as the setting has it

	// The settings of servers that are made from now on.
	keyRate      int  // of each service key; 0: the default
	public       bool // endpoints of the operator's must be on public addresses
	throttled    bool // attempts are limited by address: all clients of a test have one
	issuers      []oidc.Settings
	passwordsOff bool
	sender       mail.Sender // nil: they send no mail
	private      bool        // whether registering is private
	bare         bool        // they have no demo shop, as those of `serve`
	hsts         int64       // seconds
	opsApart     bool        // whether the operator's routes have another address

	ops http.Handler // of the last server that was made, if they do
}

// eachWorld runs a suite on both databases.
func eachWorld(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) { f(t, newWorld(t, storetest.URL(t, dialect))) })
}

// newWorld wires the packages as the program does. prepare does what the database needs before its first use.
func newWorld(t testing.TB, databaseURL string, prepare ...func(*store.DB)) *world {
	t.Helper()
	return newTracedWorld(t, databaseURL, nil, prepare...)
}

// newTracedWorld does the same as newWorld, with traces.
func newTracedWorld(t testing.TB, databaseURL string, tracer *trace.Tracer, prepare ...func(*store.DB)) *world {
	t.Helper()
	counts := metric.New("test")
	w := &world{House: housetest.New(t, housetest.Options{Retries: true, Metrics: counts}), t: t, counts: counts}
	w.tracer = tracer
	w.db = w.Open(t, databaseURL)
	w.db.CountIn(counts)
	for _, f := range prepare {
		f(w.db)
	}
	outbox.Attach(w.db, lowPoints)
	server := httptest.NewUnstartedServer(nil) // its address is known now, and its handler needs it
	w.url = "http://" + server.Listener.Addr().String()
	endpoint, err := w.Stripe.EnsureEndpoint(t.Context(), w.url+"/webhook")
	must(t, err)
	w.secret = endpoint.Secret
	w.signing = token.GenerateKey("test")
	w.keys, err = token.ParseKeys(w.signing)
	must(t, err)
	server.Config.Handler = w.wire(nil)
	server.Start()
	w.stop = server.Close
	t.Cleanup(w.stop)
	return w
}

// wire makes the handler of another server on the same database, with its jobs running.
func (w *world) wire(leaving <-chan struct{}) http.Handler {
	w.t.Helper()
	return w.wireWith(leaving, slog.New(slog.DiscardHandler))
}

// wireWith does the same as wire, with a log.
func (w *world) wireWith(leaving <-chan struct{}, log *slog.Logger) http.Handler {
	t := w.t
	t.Helper()
	syncer := w.Syncer(w.db, w.Stripe, log)
	topUps := checkout.NewTopUps(w.db, w.Stripe, w.Catalog, syncer, 10*time.Minute, log)
	runner, err := jobs.New(w.db, log)
	must(t, err)
	runner.TraceIn(w.tracer)
	events := inbox.New(inbox.Options{
		DB: w.db, Stripe: w.Stripe, Syncer: syncer, Jobs: runner, Secrets: []string{"whsec_being_rolled", w.secret},
		Metrics: w.counts, Log: log,
	})
	tokens := token.NewIssuer(w.keys, "pointsync", "pointsync", w.Now).WithFeatures(w.Catalog.Features)
	accounts, err := account.New(account.Options{
		DB: w.db, Tokens: tokens, Receipts: token.NewReceipts(tokens, "pointsync/receipts"), Syncer: syncer,
		Catalog: w.Catalog, KeyRate: cmp.Or(w.keyRate, 200), Unthrottled: !w.throttled,
		Issuers: oidc.New(w.issuers, time.Now), PasswordsOff: w.passwordsOff,
		Product: "Picture Mill", Sender: w.sender, LinkURL: appURL, Private: w.private, Metrics: w.counts,
		Log: log, Tracer: w.tracer,
	})
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
	handler, ops, err := api.New(api.Options{
		DB:         w.db,
		Accounts:   accounts,
		Checkout:   checkout.New(w.db, w.Stripe, w.Catalog, syncer, billing.Origins{shopURL}, log),
		TopUps:     topUps,
		Inbox:      events,
		Post:       outbox.NewPost(w.db, !w.public),
		LowPoints:  lowPoints,
		Tokens:     tokens,
		Catalog:    w.Catalog,
		Origins:    []string{shopURL},
		Shop:       !w.bare,
		Console:    !w.bare || w.opsApart,
		SandboxURL: w.Sandbox,
		Leaving:    leaving,
		Metrics:    w.counts,
		Jobs:       runner,
		Tracer:     w.tracer,

		HSTSSeconds: w.hsts,
		OpsApart:    w.opsApart,
		Log:         log,

		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
	})
	must(t, err)
	w.ops = ops
	return handler
}

// server starts another server on the world's database, with its present settings, and returns its address.
func (w *world) server(t testing.TB, leaving <-chan struct{}) string {
	t.Helper()
	s := httptest.NewServer(w.wire(leaving))
	t.Cleanup(s.Close)
	return s.URL
}

// beside starts another server, and returns the world as a client of it sees it.
func (w *world) beside(t testing.TB) *world {
	t.Helper()
	return &world{t: t, url: w.server(t, nil)}
}

// silence makes Stripe forget our webhook endpoint: from now on only a sync brings us news.
func (w *world) silence() {
	w.t.Helper()
	for _, e := range w.Ask(http.MethodGet, "/v1/webhook_endpoints", nil)["data"].([]any) {
		w.Ask(http.MethodDelete, "/v1/webhook_endpoints/"+e.(map[string]any)["id"].(string), nil)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
