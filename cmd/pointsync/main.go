// Command pointsync sells subscriptions and point packs through Stripe and lets users spend points. This package is the
// command line and the wiring; every rule lives below pkg.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// cli is the command line.
type cli struct {
	Dev         devCmd         `cmd:"" help:"Run everything on this machine: the API, a local Stripe, a demo shop. Needs nothing else."`
	Demo        demoCmd        `cmd:"" help:"Play the whole story against a server of its own and print each step."`
	Serve       serveCmd       `cmd:"" help:"Run the API, configured by the environment (docs/configuration.md)."`
	Sandbox     sandboxCmd     `cmd:"" help:"Run the local Stripe alone."`
	Migrate     migrateCmd     `cmd:"" help:"Bring the database's schema up to this program's version."`
	Stripe      stripeCmd      `cmd:"" help:"Set up, check and reconcile the Stripe account."`
	Events      eventsCmd      `cmd:"" help:"Look at Stripe's events as they were received, and replay them."`
	Keygen      keygenCmd      `cmd:"" help:"Make a signing key for POINTSYNC_SIGNING_KEYS."`
	Healthcheck healthcheckCmd `cmd:"" help:"Ask a running server whether it is ready; for containers."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	app := kong.Parse(&cli{}, kong.Name("pointsync"), kong.UsageOnError(),
		kong.Description("Subscriptions and points through Stripe, kept consistent."), kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Vars{"kid": time.Now().UTC().Format("20060102")})
	if err := app.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "pointsync:", err)
		os.Exit(1)
	}
}
