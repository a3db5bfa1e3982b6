// Package api owns the product's HTTP: routes, middleware, JSON responses and problems (the bodies of errors). The
// contract is openapi.yaml. The server interface and the types are generated from it. Every request is checked against
// it before it reaches a handler.
//
// A handler decodes the request, makes one call to a package below, and converts the result to a response. The package
// refuses to know SQL and Stripe's library. It decides nothing about money. It passes on what a token says, and the
// packages below use that only as a hint.
package api

import (
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/checkout"
	"github.com/pointsync/pointsync/pkg/inbox"
	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/mail"
	"github.com/pointsync/pointsync/pkg/metric"
	"github.com/pointsync/pointsync/pkg/outbox"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/token"
	"github.com/pointsync/pointsync/pkg/trace"
)

// Options are the services that the API serves, and its settings.
type Options struct {
	DB        *store.DB
	Accounts  *account.Service
	Checkout  *checkout.Service
	TopUps    *checkout.TopUps
	Inbox     *inbox.Inbox
	Post      *outbox.Post
	Tokens    *token.Issuer
	Catalog   *catalog.Catalog
	LowPoints billing.Points  // the number of points that counts as low unless the customer sets another
	Origins   billing.Origins // that browsers may call from
	// TrustedProxies are the networks of the proxies in front of the server. Their X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	HSTSSeconds    int64        // how long browsers ask this host by TLS alone; 0: they are not told to
	Shop           bool         // serve the demo shop at /, and a button on /docs that makes an account
	SandboxURL     string       // that the shop links to, or "" for none
	Console        bool         // serve the admin console at /admin
	Mails          *mail.Folder // shown at /mails to everyone; nil: no such page
	// OpsApart says that the operator's routes have an address of their own: the metrics, the profiles and all below
	// /admin.
	OpsApart bool
	// Leaving is closed when the server is about to stop. The server is then not ready, and closes connections and
	// streams. Nil means never.
	Leaving <-chan struct{}
	Log     *slog.Logger

	Metrics *metric.Metrics // what this process counts itself; nil: nothing
	Jobs    *jobs.Runner    // whose kinds of job the metrics name, and whose failures admins see
	Tracer  *trace.Tracer   // of requests; nil: no traces
}

// server implements the generated interface.
type server struct {
	db       *store.DB
	accounts *account.Service
	checkout *checkout.Service
	topUps   *checkout.TopUps
	inbox    *inbox.Inbox
	post     *outbox.Post
	tokens   *token.Issuer
	catalog  *catalog.Catalog
	jobs     *jobs.Runner
	leaving  <-chan struct{}

	lowPoints billing.Points
}

var _ StrictServerInterface = (*server)(nil)

// New returns the API: what the public address serves, and what the operator's address serves. Unless OpsApart is set,
// the first serves everything except profiles, and the second is nil.
func New(o Options) (public, ops http.Handler, err error) {
	contract, err := loadContract()
	if err != nil {
		return nil, nil, err
	}
	metrics := prometheus.NewRegistry()
	s := &server{
		db:        o.DB,
		accounts:  o.Accounts,
		checkout:  o.Checkout,
		topUps:    o.TopUps,
		inbox:     o.Inbox,
		post:      o.Post,
		tokens:    o.Tokens,
		catalog:   o.Catalog,
		jobs:      o.Jobs,
		lowPoints: o.LowPoints,
		leaving:   o.Leaving,
	}
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = addressFrom(o.TrustedProxies)
	e.Binder = strictBinder{}
	e.HTTPErrorHandler = s.problemHandler(o.Log)
	outermost(e, o, contract, metrics)
	// No request reaches a handler without valid credentials where they are needed, or if the contract does not allow
	// it.
	e.Use(
		authenticate(o.Accounts, o.Tokens, contract), recognizeCommon, loggedIn(o.Accounts), adminsOnly(o.Accounts),
		contract.permitted(o.Metrics), contract.validate,
	)
	RegisterHandlers(e, NewStrictHandler(s, nil))
	e.POST(webhookPath, s.receiveWebhook)
	e.GET("/session/stream", s.streamSession)
	if err := servePages(e, o, metrics); err != nil {
		return nil, nil, err
	}
	if !o.OpsApart {
		return headAsGet(e), nil, nil
	}
	servePprof(e)
	return servedAt(publicAddress, headAsGet(e)), servedAt(opsAddress, headAsGet(e)), nil
}

// The limits of the listening side: a slow or silent peer must not keep a connection.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 32 << 10
)

// NewHTTPServer wraps a handler in a server with limits on everything that comes from outside.
func NewHTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes, ErrorLog: slog.NewLogLogger(
			log.Handler(), slog.LevelDebug,
		),
	}
}
