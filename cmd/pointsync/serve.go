package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/config"
	"github.com/pointsync/pointsync/pkg/oidc"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/token"
	"github.com/pointsync/pointsync/pkg/trace"
)

type serveCmd struct{}

// Run serves with the configuration of the environment.
func (serveCmd) Run(ctx context.Context) error {
	c, err := config.Load(config.Database, config.Stripe, config.Server)
	if err != nil {
		return err
	}
	log := newLogger(c)
	if c.Unthrottled {
		log.Warn("POINTSYNC_UNTHROTTLED is set: anyone may try any number of passwords")
	}
	items, err := catalog.Load(c.Catalog)
	if err != nil {
		return fmt.Errorf("POINTSYNC_CATALOG: %w", err)
	}
	var issuers []oidc.Settings
	if c.Issuers != "" {
		if issuers, err = oidc.Load(c.Issuers); err != nil {
			return fmt.Errorf("POINTSYNC_ISSUERS: %w", err)
		}
	}
	now, err := clockOf(ctx, c, log)
	if err != nil {
		return err
	}
	tracer, err := trace.FromEnvironment(ctx, versionOf(version, debug.ReadBuildInfo), log)
	if err != nil {
		return err
	}
	a, err := newApp(ctx, parts{config: c, catalog: items, issuers: issuers, now: now, log: log, tracer: tracer})
	if err != nil {
		return err
	}
	if err := a.link(ctx); err != nil {
		a.db.Close()
		return err
	}
	l, err := a.listen(c)
	if err != nil {
		a.db.Close()
		return err
	}
	go warnOfStripe(ctx, a, items, log)
	says := []any{"addr", l.Addr().String(), "database", a.db.Dialect(), "live", c.Live()}
	if a.opsAt != nil {
		says = append(says, "ops_addr", a.opsAt.Addr().String())
	}
	log.Info("serving", says...)
	return a.run(ctx, l)
}

// listen takes the public address, and the operator's if there is one.
func (a *app) listen(c config.Config) (net.Listener, error) {
	l, err := net.Listen("tcp", c.Addr)
	if err != nil {
		return nil, fmt.Errorf("POINTSYNC_ADDR: %w", err)
	}
	if c.OpsAddr == "" {
		return l, nil
	}
	if a.opsAt, err = net.Listen("tcp", c.OpsAddr); err != nil {
		return nil, errors.Join(fmt.Errorf("POINTSYNC_OPS_ADDR: %w", err), l.Close())
	}
	return l, nil
}

// warnOfStripe logs at start what `pointsync stripe check` would report. It stops nothing, because Stripe may be
// unreachable at this moment.
func warnOfStripe(ctx context.Context, a *app, items *catalog.Catalog, log *slog.Logger) {
	findings, err := a.stripe.Check(ctx, items, "", a.db.Now())
	if err != nil {
		log.Warn("Stripe could not be checked", "error", err)
	}
	for _, f := range findings {
		if !f.OK {
			log.Warn("Stripe is not ready: "+f.What, "fix", f.Fix)
		}
	}
}

func newLogger(c config.Config) *slog.Logger {
	return slog.New(trace.Logs(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: c.LogLevel})))
}

type migrateCmd struct {
	Status bool `help:"Print what would be done, and change nothing. Exits with 1 if the schema is older than this program."`

	listing
}

// Run migrates the database.
func (m migrateCmd) Run(ctx context.Context) error {
	c, err := config.Load(config.Database)
	if err != nil {
		return err
	}
	if m.Status {
		return m.printStatus(ctx, c)
	}
	if m.JSON {
		return errors.New("--json is for --status")
	}
	db, err := openStore(ctx, c, time.Now, true)
	if err != nil {
		return err
	}
	fmt.Println("The schema is up to date.")
	return db.Close()
}

// printStatus prints each migration of this program, and when it was done.
func (m migrateCmd) printStatus(ctx context.Context, c config.Config) error {
	db, err := store.Open(ctx, store.Options{
		URL: c.DatabaseURL.Reveal(), Now: time.Now, MaxConns: c.MaxConns, AllowUnsafe: c.AllowUnsafe,
	})
	if err != nil {
		return err
	}
	defer db.Close()
	all, err := db.Migrations(ctx)
	if err != nil {
		return err
	}
	t, pending := table{columns: []string{"version", "name", "applied_at"}}, 0
	for _, s := range all {
		t.add(s.Version, s.Name, timeCell(s.AppliedAt, "pending"))
		if s.AppliedAt == nil {
			pending++
		}
	}
	if err := t.print(os.Stdout, m.JSON); err != nil || pending == 0 {
		return err
	}
	return ending{1, fmt.Errorf("%d migrations are pending: run pointsync migrate", pending)}
}

type keygenCmd struct {
	Kid string `arg:"" optional:"" help:"The key's name, for rotation." default:"${kid}"`
}

// Run prints a new signing key.
func (k keygenCmd) Run() error {
	key := token.GenerateKey(k.Kid)
	if _, err := token.ParseKeys(key); err != nil {
		return err
	}
	fmt.Println(key)
	return nil
}

type healthcheckCmd struct {
	URL string `help:"Which address to ask. The default is /readyz of the server that POINTSYNC_ADDR describes."`
}

// Run asks a server whether it is ready.
func (h healthcheckCmd) Run(ctx context.Context) error {
	if h.URL == "" {
		c, err := config.Load()
		if err != nil {
			return err
		}
		if h.URL, err = c.LocalURL("/readyz"); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.URL, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", h.URL, resp.Status)
	}
	return nil
}
