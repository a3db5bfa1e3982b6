package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/config"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

const (
	// linkPatience is how long a start waits for Stripe to say whose key it has.
	linkPatience = 5 * time.Second
	linkEvery    = time.Minute
)

// link refuses to serve a database that belongs to another Stripe account or mode than the key. A server need not wait
// for Stripe: if Stripe does not reply, linkLater asks again.
func (a *app) link(ctx context.Context) error {
	within, cancel := context.WithTimeout(ctx, linkPatience)
	defer cancel()
	l, err := reconcile.Link(within, a.db, a.stripe)
	switch code := billing.CodeOf(err); {
	case err == nil && l.AccountID == "":
		a.log.WarnContext(
			ctx, "the key may not read its Stripe account, so only the mode is compared with the database's", "fix",
			linkFix,
		)
	case code == billing.EStripeUnavailable, code == billing.EStripeRefused:
		a.unlinked = true
		a.log.WarnContext(ctx, "Stripe did not say whose key this is; it is asked again every minute", "error", err)
	default:
		return err
	}
	return nil
}

const linkFix = "give the restricted key the permission to read the account (GET /v1/account)"

// linkLater asks until Stripe has replied, and stops the server if the database belongs to another account.
func (a *app) linkLater(ctx context.Context, end context.CancelCauseFunc) {
	look := time.NewTicker(linkEvery)
	defer look.Stop()
	a.linkAt(ctx, look.C, end)
}

// linkAt asks at each of the given times until Stripe has replied.
func (a *app) linkAt(ctx context.Context, times <-chan time.Time, end context.CancelCauseFunc) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-times:
		}
		_, err := reconcile.Link(ctx, a.db, a.stripe)
		if err == nil {
			return
		}
		if billing.CodeOf(err) == billing.EConflict {
			a.log.ErrorContext(ctx, "the server ends: its database is of another Stripe account", "error", err)
			end(err)
			return
		}
	}
}

// refusedLater returns why linkLater stopped the server, or nil if it did not.
func refusedLater(ctx context.Context) error {
	if err := context.Cause(ctx); billing.CodeOf(err) == billing.EConflict {
		return err
	}
	return nil
}

// checkLink returns a finding for `stripe check`: whether the configured database belongs to the key's account.
func checkLink(ctx context.Context, gateway *stripegw.Gateway) (stripegw.Finding, bool) {
	c, err := config.Load(config.Database)
	if err != nil {
		return stripegw.Finding{}, false // no database is configured here
	}
	db, err := openStore(ctx, c, time.Now, false)
	if err != nil {
		return stripegw.Finding{}, false // it does not exist yet, or is not migrated: serve reports that
	}
	defer db.Close()
	return linkFinding(ctx, db, gateway)
}

func linkFinding(ctx context.Context, db *store.DB, gateway *stripegw.Gateway) (stripegw.Finding, bool) {
	theirs, err := gateway.Account(ctx)
	if err != nil {
		return stripegw.Finding{}, false // the other findings say why
	}
	ours, err := db.StripeLink(ctx)
	switch {
	case billing.CodeOf(err) == billing.ENotFound:
		return stripegw.Finding{
			OK: true, What: "the database belongs to no Stripe account yet; the first server writes it down",
		}, true
	case err != nil:
		return stripegw.Finding{}, false
	case theirs.AccountID == "" && ours.Livemode == theirs.Livemode:
		return stripegw.Finding{
			What: "the key may not read its account, so it cannot be compared with the database's", Fix: linkFix,
		}, true
	case ours == theirs:
		return stripegw.Finding{OK: true, What: fmt.Sprintf("the database belongs to this account: %s", ours)}, true
	}
	return stripegw.Finding{
		What: fmt.Sprintf("the database belongs to the Stripe account %s, and the key is of %s", ours, theirs),
		Fix:  "use the key or the database that fits, or move the database with pointsync stripe unlink",
	}, true
}

type stripeUnlinkCmd struct {
	Yes bool `help:"Do it. Without this, only print what would be done."`

	target
}

// Run unlinks the database from its Stripe account.
func (u stripeUnlinkCmd) Run(ctx context.Context) error {
	db, closeAll, err := u.open(ctx)
	if err != nil {
		return err
	}
	defer closeAll()
	link, err := db.StripeLink(ctx)
	if err != nil && billing.CodeOf(err) != billing.ENotFound {
		return err
	}
	of := "no Stripe account yet"
	if err == nil {
		of = "the Stripe account " + link.String()
	}
	n, err := db.Linked(ctx)
	if err != nil {
		return err
	}
	fmt.Printf(`The database belongs to %s. Untied from it,
  %d accounts lose their customer id; the ids are kept in former_customers
  %d accounts lose their subscription; its points run out when they would have
  %d orders that wait for their payment become expired
  %d orders that are paid and not fulfilled become expired too: see to them first
  %d changes of subscriptions become failed
  %d events that wait become ignored
  %d top-ups need attention
Points, entries, orders and history stay.
`, of, n.Customers, n.Subscriptions, n.Orders, n.PaidOrders, n.Changes, n.Events, n.TopUps)
	if !u.Yes {
		return errors.New("nothing was changed; stop all servers and add --yes")
	}
	if err := db.InTx(ctx, func(tx *store.Tx) error { return tx.UnlinkStripe(ctx) }); err != nil {
		return err
	}
	fmt.Println("Done. The next server that starts ties it to the account of its key.")
	return nil
}
