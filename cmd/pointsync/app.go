package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pointsync/pointsync/api"
	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/audit"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/checkout"
	"github.com/pointsync/pointsync/pkg/config"
	"github.com/pointsync/pointsync/pkg/inbox"
	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/mail"
	"github.com/pointsync/pointsync/pkg/metric"
	"github.com/pointsync/pointsync/pkg/oidc"
	"github.com/pointsync/pointsync/pkg/outbox"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/stripegw"
	"github.com/pointsync/pointsync/pkg/token"
	"github.com/pointsync/pointsync/pkg/trace"
)

// shutdownPatience is how long running requests and jobs may take to finish.
const shutdownPatience = 10 * time.Second

// parts holds what an app is made of.
type parts struct {
	config     config.Config
	catalog    *catalog.Catalog
	issuers    []oidc.Settings // whose ID tokens log people in
	now        func() time.Time
	log        *slog.Logger
	tracer     *trace.Tracer // nil: no traces
	migrate    bool          // migrate the schema instead of refusing an old one
	shop       bool          // serve the demo shop
	sandboxURL string        // that the shop links to
	mails      *mail.Folder  // takes all mail, and is shown; nil: the mail server of the configuration, if there is one
}

// app is the wired server.
type app struct {
	db       *store.DB
	stripe   *stripegw.Gateway
	syncer   *reconcile.Syncer
	jobs     *jobs.Runner
	inbox    *inbox.Inbox
	accounts *account.Service
	handler  http.Handler
	ops      http.Handler  // the operator's routes, if they have an address of their own
	opsAt    net.Listener  // that address, which run closes
	delay    time.Duration // between the end of readiness and the end of listening
	leaving  chan struct{} // closed when the server is about to stop
	unlinked bool          // Stripe has not yet said whether the database belongs to its account
	log      *slog.Logger
	tracer   *trace.Tracer // which run closes
}

// newApp wires the packages, from the bottom up.
func newApp(ctx context.Context, p parts) (_ *app, err error) {
	c := p.config
	keys, err := token.ParseKeys(c.SigningKeys.Reveal())
	if err != nil {
		return nil, fmt.Errorf("POINTSYNC_SIGNING_KEYS: %w", err)
	}
	sender, err := senderOf(p)
	if err != nil {
		return nil, err
	}
	a := &app{log: p.log, tracer: p.tracer, delay: c.ShutdownDelay, leaving: make(chan struct{})}
	a.db, err = openStore(ctx, c, p.now, p.migrate)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			a.db.Close()
		}
	}()
	counts := metric.New(versionOf(version, debug.ReadBuildInfo))
	a.db.CountIn(counts)
	a.db.LogSecurity(p.log)
	if a.stripe, err = newGateway(c, p.now, counts, p.log); err != nil {
		return nil, err
	}
	a.syncer = reconcile.New(a.db, a.stripe, p.catalog, policyOf(c), counts, p.log)
	sales := checkout.New(a.db, a.stripe, p.catalog, a.syncer, c.AllowedOrigins, p.log)
	topUps := checkout.NewTopUps(a.db, a.stripe, p.catalog, a.syncer, c.TopUpCoolOff, p.log)
	if a.jobs, err = jobs.New(a.db, p.log); err != nil {
		return nil, err
	}
	a.jobs.TraceIn(p.tracer)
	a.inbox = a.newInbox(c, counts)
	tokens := token.NewIssuer(keys, c.Issuer, c.Audience, p.now).WithFeatures(p.catalog.Features)
	if a.accounts, err = a.newAccounts(p, tokens, sender, counts); err != nil {
		return nil, err
	}
	outbox.NewCourier(a.db, c.LocalWebhooks, time.Now, p.log).RegisterJobs(a.jobs)
	ledger.RegisterJobs(a.jobs, a.db)
	a.syncer.RegisterJobs(a.jobs)
	audit.RegisterJobs(a.jobs, a.db, a.syncer, p.log)
	a.accounts.RegisterJobs(a.jobs)
	sales.RegisterJobs(a.jobs)
	topUps.RegisterJobs(a.jobs)
	a.handler, a.ops, err = api.New(api.Options{
		DB: a.db, Accounts: a.accounts, Checkout: sales, TopUps: topUps,
		Inbox: a.inbox, Post: outbox.NewPost(a.db, c.LocalWebhooks), LowPoints: billing.Points(c.LowPoints),
		Tokens: tokens, Catalog: p.catalog, Origins: c.AllowedOrigins, TrustedProxies: c.Proxies(),
		HSTSSeconds: c.HSTSSeconds,

		OpsApart:   c.OpsAddr != "",
		Shop:       p.shop,
		Console:    c.Console == "on",
		SandboxURL: p.sandboxURL,
		Mails:      p.mails,
		Leaving:    a.leaving,
		Metrics:    counts,
		Tracer:     p.tracer,
		Jobs:       a.jobs,
		Log:        p.log,
	})
	return a, err
}

// newAccounts makes the service of accounts from the packages below it.
func (a *app) newAccounts(
	p parts, tokens *token.Issuer, sender mail.Sender, counts *metric.Metrics,
) (*account.Service, error) {
	c := p.config
	return account.New(account.Options{
		DB: a.db, Tokens: tokens, Receipts: token.NewReceipts(tokens, c.ReceiptsFor()), Syncer: a.syncer,
		Catalog: p.catalog, KeyRate: c.KeyRate, Unthrottled: c.Unthrottled,
		// Issuers date their tokens by the real time.
		Issuers: oidc.New(p.issuers, time.Now), PasswordsOff: c.PasswordLogin == "off",
		Product: c.ProductName, Sender: sender, LinkURL: c.LinkURL, Private: c.PrivateRegistration(), Log: p.log,
		Metrics: counts, Tracer: p.tracer,
	})
}

// senderOf returns what sends mail, or nil if nothing does.
func senderOf(p parts) (mail.Sender, error) {
	switch {
	case p.mails != nil:
		return p.mails, nil
	case p.config.SMTP == "":
		return nil, nil
	}
	sender, err := mail.NewSMTP(p.config.SMTP.Reveal(), p.config.MailFrom)
	if err != nil {
		return nil, fmt.Errorf("POINTSYNC_SMTP_URL or POINTSYNC_MAIL_FROM %w", err)
	}
	return sender, nil
}

// policyOf returns what the operator decides about syncs.
func policyOf(c config.Config) reconcile.Policy {
	return reconcile.Policy{
		PastDueGrace: c.PastDueGrace,
		RenewalGrace: c.RenewalGrace,
		ParkGrants:   c.ParkGrants,
		ParkPoints:   billing.Points(c.ParkPoints),
	}
}

// openStore opens the database, and migrates its schema or checks that it fits.
func openStore(ctx context.Context, c config.Config, now func() time.Time, migrate bool) (*store.DB, error) {
	db, err := store.Open(
		ctx, store.Options{URL: c.DatabaseURL.Reveal(), Now: now, MaxConns: c.MaxConns, AllowUnsafe: c.AllowUnsafe},
	)
	if err != nil {
		return nil, err
	}
	outbox.Attach(db, billing.Points(c.LowPoints))
	fit := db.CheckMigrated
	if migrate {
		fit = db.Migrate
	}
	if err := fit(ctx); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

func (a *app) newInbox(c config.Config, counts *metric.Metrics) *inbox.Inbox {
	return inbox.New(inbox.Options{
		DB:               a.db,
		Stripe:           a.stripe,
		Syncer:           a.syncer,
		Jobs:             a.jobs,
		Secrets:          reveal(c.WebhookSecrets),
		Livemode:         c.Live(),
		Metrics:          counts,
		Log:              a.log,
		BackfillInterval: c.Backfill,
	})
}

func newGateway(
	c config.Config, now func() time.Time, counts *metric.Metrics, log *slog.Logger,
) (*stripegw.Gateway, error) {
	return stripegw.New(stripegw.Options{
		Key: c.StripeKey.Reveal(), BaseURL: c.StripeAPIBase, Logger: log, Now: now, Metrics: counts,
	})
}

func reveal(secrets []config.Secret) []string {
	plain := make([]string, len(secrets))
	for i, s := range secrets {
		plain[i] = s.Reveal()
	}
	return plain
}

// run serves until ctx ends and the delay is over, then lets running requests and jobs finish.
func (a *app) run(ctx context.Context, l net.Listener) error {
	if err := a.jobs.Start(ctx); err != nil {
		return err
	}
	listening, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	if a.unlinked {
		go a.linkLater(ctx, end)
	}
	defer context.AfterFunc(ctx, func() {
		a.log.Info("stopping", "why", context.Cause(ctx).Error(), "delay", a.delay.String())
		close(a.leaving)
		time.AfterFunc(a.delay, stop)
	})()
	err := a.serveAll(listening, l, end)
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownPatience)
	defer cancel()
	err = errors.Join(err, refusedLater(ctx), a.jobs.Stop(patience), a.db.Close())
	a.closeTraces(patience)
	if err == nil {
		a.log.Info("stopped: running requests and jobs have finished")
	}
	return err
}

// closeTraces exports the last traces. If their receiver does not reply, that is no failure of the server.
func (a *app) closeTraces(ctx context.Context) {
	if err := a.tracer.Close(ctx); err != nil {
		a.log.Warn("the last traces could not be exported", "error", err)
	}
}

// serveAll serves both addresses until ctx ends. If one fails, it calls end, so that the other one stops as after a
// signal.
func (a *app) serveAll(ctx context.Context, l net.Listener, end func(why error)) error {
	if a.opsAt == nil {
		return serveHTTP(ctx, l, a.handler, a.log)
	}
	var both errgroup.Group
	serve := func(l net.Listener, h http.Handler) {
		both.Go(func() error {
			err := serveHTTP(ctx, l, h, a.log)
			if err != nil {
				end(err)
			}
			return err
		})
	}
	serve(l, a.handler)
	serve(a.opsAt, a.ops)
	return both.Wait()
}

// serveHTTP serves a handler until ctx ends, then stops accepting connections and waits for running requests.
func serveHTTP(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	server := api.NewHTTPServer(h, log)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownPatience)
	defer cancel()
	if err := server.Shutdown(patience); err != nil {
		return server.Close()
	}
	return nil
}
