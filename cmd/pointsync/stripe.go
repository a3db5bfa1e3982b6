package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/config"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

type stripeCmd struct {
	Setup     stripeSetupCmd     `cmd:"" help:"Create or update products, prices and the webhook endpoint from the catalogue. Safe to repeat."`
	Check     stripeCheckCmd     `cmd:"" help:"Check that Stripe is set up for this server, and print how to fix what is not."`
	Adopt     stripeAdoptCmd     `cmd:"" help:"Make a price of another system one of a plan, so that its subscribers are ours. Says what it would do, until --yes."`
	Unlink    stripeUnlinkCmd    `cmd:"" help:"Unlink the database from its Stripe account, so that it can belong to another. Points and history stay."`
	Recover   stripeRecoverCmd   `cmd:"" help:"After a restore: bring back what Stripe sold since the backup."`
	Reconcile stripeReconcileCmd `cmd:"" help:"Compare accounts with Stripe and repair what differs. Exits with 1 if a difference is left, with 2 if an account could not be compared."`
}

type stripeSetupCmd struct {
	WebhookURL string `help:"Register this endpoint too, e.g. https://api.example.com/webhook, and print its secret, once."`
}

// Run sets up Stripe.
func (s stripeSetupCmd) Run(ctx context.Context) error {
	gateway, items, _, err := stripeAndCatalog(ctx)
	if err != nil {
		return err
	}
	changes, err := gateway.EnsureCatalog(ctx, items)
	printChanges(changes, "The catalogue at Stripe is up to date.")
	printNotes(stripegw.SmallAmounts(items))
	if err != nil || s.WebhookURL == "" {
		return err
	}
	endpoint, err := gateway.EnsureEndpoint(ctx, s.WebhookURL)
	printChanges(endpoint.Changes, "The webhook endpoint is up to date.")
	printNotes(endpoint.Notes)
	if endpoint.Secret != "" {
		fmt.Printf("\nIts secret is shown this once:\n  STRIPE_WEBHOOK_SECRET=%s\n", endpoint.Secret)
	}
	return err
}

func printChanges(changes []stripegw.Change, none string) {
	if len(changes) == 0 {
		fmt.Println(none)
	}
	for _, c := range changes {
		fmt.Println("changed:", c)
	}
}

func printNotes(notes []string) {
	for _, n := range notes {
		fmt.Println("look:   ", n)
	}
}

type stripeCheckCmd struct {
	WebhookURL string `help:"Check this endpoint too."`

	listing
}

// Run checks Stripe.
func (s stripeCheckCmd) Run(ctx context.Context) error {
	gateway, items, now, err := stripeAndCatalog(ctx)
	if err != nil {
		return err
	}
	findings, err := gateway.Check(ctx, items, s.WebhookURL, now())
	if f, ok := checkLink(ctx, gateway); ok && err == nil {
		findings = append(findings, f)
	}
	if refused, ok := checkRefused(ctx, now()); ok {
		findings = append(findings, refused)
	}
	wrong, printErr := printFindings(findings, s.JSON)
	err = errors.Join(err, printErr)
	if err == nil && wrong > 0 {
		err = fmt.Errorf("%d of %d checks failed", wrong, len(findings))
	}
	return err
}

// printFindings prints what was checked, and returns how much of it is wrong.
func printFindings(findings []stripegw.Finding, asJSON bool) (wrong int, err error) {
	t := table{columns: []string{"ok", "what", "fix"}}
	for _, f := range findings {
		t.add(f.OK, f.What, f.Fix)
		if !f.OK {
			wrong++
		}
		switch {
		case asJSON:
		case f.OK:
			fmt.Printf("%s     %s\n", paint(os.Stdout, green, "ok"), f.What)
		default:
			fmt.Printf("%s  %s\n        fix: %s\n", paint(os.Stdout, red, "WRONG"), f.What, f.Fix)
		}
	}
	if asJSON {
		err = t.print(os.Stdout, true)
	}
	return wrong, err
}

// refusedFor is how long a webhook that matched no secret remains a finding.
const refusedFor = 24 * time.Hour

// checkRefused looks for webhooks that matched none of the secrets, if the environment names a database.
func checkRefused(ctx context.Context, now time.Time) (_ stripegw.Finding, ok bool) {
	c, err := config.Load(config.Database)
	if err != nil {
		return stripegw.Finding{}, false // this command needs no database
	}
	const fix = "Put the secret of each endpoint that sends here into STRIPE_WEBHOOK_SECRET, comma-separated, and delete endpoints that should not."
	db, err := openStore(ctx, c, time.Now, false)
	if err != nil {
		return stripegw.Finding{
			What: "the database could not be asked for refused webhooks",
			Fix:  "Look at DATABASE_URL, and run pointsync migrate.",
		}, true
	}
	defer db.Close()
	walk, err := db.EventWalk(ctx)
	switch {
	case err != nil:
		return stripegw.Finding{
			What: "the database could not be asked for refused webhooks", Fix: "Look at DATABASE_URL.",
		}, true
	case walk.RefusedAt != nil && now.Before(walk.RefusedAt.Add(refusedFor)):
		return stripegw.Finding{
			Fix: fix,
			What: fmt.Sprintf(
				"%d webhooks matched none of the secrets, the last one at %s", walk.Refused,
				walk.RefusedAt.Format(time.RFC3339),
			),
		}, true
	}
	return stripegw.Finding{OK: true, What: "no webhook of the last day was refused for its signature"}, true
}

func stripeAndCatalog(ctx context.Context) (*stripegw.Gateway, *catalog.Catalog, func() time.Time, error) {
	c, err := config.Load(config.Stripe)
	if err != nil {
		return nil, nil, nil, err
	}
	items, err := catalogOf(c)
	if err != nil {
		return nil, nil, nil, err
	}
	log := slog.New(slog.DiscardHandler)
	now, err := clockOf(ctx, c, log)
	if err != nil {
		return nil, nil, nil, err
	}
	gateway, err := newGateway(c, now, nil, log)
	return gateway, items, now, err
}
