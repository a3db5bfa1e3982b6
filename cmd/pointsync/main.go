// Command pointsync sells subscriptions and point packs through Stripe and lets users spend points. This package owns
// the command line and the wiring. It knows no rule of the business: every rule is in a package under pkg.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
	_ "time/tzdata" // for TZ in the image, which has no time zones

	"github.com/alecthomas/kong"
)

// cli is the command line.
type cli struct {
	Dev         devCmd         `cmd:"" help:"Run everything on this machine: the API, a local Stripe, a demo shop. Needs nothing else."`
	Demo        demoCmd        `cmd:"" help:"Play the whole story against a fresh server and print each step."`
	Serve       serveCmd       `cmd:"" help:"Run the API, configured by the environment (docs/configuration.md)."`
	Sandbox     sandboxCmd     `cmd:"" help:"Run the local Stripe alone."`
	Migrate     migrateCmd     `cmd:"" help:"Update the database's schema to this program's version."`
	Backup      backupCmd      `cmd:"" help:"Copy a SQLite database to a file while servers use it."`
	Stripe      stripeCmd      `cmd:"" help:"Set up, check and reconcile the Stripe account."`
	Import      importCmd      `cmd:"" help:"Take over the subscribers that another system has at Stripe. Says what it would do, until --yes."`
	Audit       auditCmd       `cmd:"" help:"Check the database against the rules that always hold. Exits with 1 if one is broken, with 2 if the check did not finish."`
	Explain     explainCmd     `cmd:"" help:"Print an account's history: events, syncs, orders and points, in order."`
	User        userCmd        `cmd:"" help:"Look after an account: its role, its parked grants, and whether it is open, disabled or deleted."`
	Events      eventsCmd      `cmd:"" help:"Look at Stripe's events as they were received, and replay them."`
	Webhooks    webhooksCmd    `cmd:"" help:"Manage the endpoints that receive events about points, orders and subscriptions."`
	Keys        keysCmd        `cmd:"" help:"Make, list and revoke the keys that services of your own act with."`
	Keygen      keygenCmd      `cmd:"" help:"Make a signing key for POINTSYNC_SIGNING_KEYS."`
	Healthcheck healthcheckCmd `cmd:"" help:"Check that a running server is ready; for containers."`
	Completion  completionCmd  `cmd:"" help:"Print the script that completes commands in bash, zsh or fish."`
	Version     versionCmd     `cmd:"" help:"Print the version of this program."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	parser, err := newParser(ctx)
	if err != nil {
		panic(err) // a mistake in a tag
	}
	args := os.Args[1:]
	if len(args) == 0 {
		args = []string{"--help"}
	}
	app, err := parser.Parse(args)
	if err != nil {
		parser.Stdout = parser.Stderr // a program that reads the output must not take the usage for it
		parser.FatalIfErrorf(err)
	}
	if err := app.Run(); err != nil {
		fmt.Fprintln(os.Stderr, paint(os.Stderr, red, "pointsync:"), err)
		os.Exit(exitCode(err))
	}
}

// newParser returns the parser of the command line.
func newParser(ctx context.Context) (*kong.Kong, error) {
	return kong.New(&cli{}, kong.Name("pointsync"), kong.ShortUsageOnError(),
		kong.Description(
			"Subscriptions and points through Stripe, kept consistent.",
		), kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Vars{"kid": time.Now().UTC().Format("20060102")})
}

// ending is an error with its own exit code, for commands whose exit code is their result.
type ending struct {
	code int
	error
}

// Unwrap returns the error without its exit code.
func (e ending) Unwrap() error { return e.error }

// exitCode returns 1 for a command that failed, unless the error has its own code.
func exitCode(err error) int {
	var e ending
	if errors.As(err, &e) {
		return e.code
	}
	return 1
}
