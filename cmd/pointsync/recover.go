package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/jobs"
)

type stripeRecoverCmd struct {
	Since time.Time `required:"" help:"When the backup was made, or some minutes earlier: 2026-03-01T00:00:00Z."`
	Yes   bool      `help:"Do it. Without this, only print what would be done."`
	JSON  bool      `name:"json" help:"Print one JSON object."`
	Rate  float64   `help:"Orders a second; each asks Stripe about 4 times." default:"4"`

	target
}

// recoverReport is what a recovery did, or would do.
type recoverReport struct {
	DryRun   bool           `json:"dry_run"`
	Complete bool           `json:"complete"`
	Since    time.Time      `json:"since"`
	Known    int            `json:"known"`
	Restored int            `json:"restored"`
	Skipped  int            `json:"skipped"`
	Failed   int            `json:"failed"`
	Accounts int            `json:"accounts_made"`
	Linked   int            `json:"customers_linked"`
	Granted  billing.Points `json:"granted"`
	Orders   []recoverLine  `json:"orders"`
}

// recoverLine is an order that the database did not have.
type recoverLine struct {
	Order       billing.OrderID         `json:"order"`
	Outcome     account.RecoveryOutcome `json:"outcome"`
	Account     billing.AccountID       `json:"account"`
	Customer    billing.CustomerID      `json:"customer"`
	Item        string                  `json:"item"`
	Reason      account.ImportReason    `json:"reason,omitempty"`
	Detail      string                  `json:"detail,omitempty"`
	AccountMade bool                    `json:"account_made"`
	Linked      bool                    `json:"customer_linked"`
	Granted     billing.Points          `json:"granted"`
}

// Run restores orders, or says what it would restore. It ends with 1 if an order was skipped, and with 2 if it did not
// finish.
func (s stripeRecoverCmd) Run(ctx context.Context) error {
	if err := checkRate(s.Rate); err != nil {
		return err
	}
	r := &recoverReport{DryRun: !s.Yes, Since: s.Since.UTC(), Orders: []recoverLine{}}
	err := s.run(ctx, r)
	if s.JSON {
		err = errors.Join(err, printJSON(os.Stdout, r))
	} else {
		err = errors.Join(err, r.print(os.Stdout))
	}
	switch {
	case err != nil:
		return ending{2, fmt.Errorf("%w; run it again: what is done is not done twice", err)}
	case r.Failed > 0:
		return ending{2, fmt.Errorf("%d orders failed; run it again: what is done is not done twice", r.Failed)}
	case r.Skipped > 0:
		return ending{1, fmt.Errorf("%d orders were skipped: look at them at Stripe", r.Skipped)}
	}
	return nil
}

func (s stripeRecoverCmd) run(ctx context.Context, r *recoverReport) (err error) {
	at, syncer, err := s.openSyncer(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, at.close()) }()
	if now := at.db.Now(); s.Since.After(now) {
		return fmt.Errorf("--since must not be later than now, which is %s", now.UTC().Format(time.RFC3339))
	}
	items, err := catalogOf(at.config)
	if err != nil {
		return err
	}
	w := account.Recovery{
		DB: at.db, Stripe: at.gateway, Syncer: syncer, Catalog: items, Since: s.Since, DryRun: !s.Yes,
		Pace: paceOf(s.Rate), Wait: jobs.Pause,
	}
	seen := newProgress("%d orders")
	err = w.Run(ctx, func(done account.Recovered) error {
		r.add(done)
		seen.at(int64(r.Known + r.Restored + r.Skipped + r.Failed))
		return nil
	})
	seen.end()
	r.Complete = err == nil
	return err
}

func (r *recoverReport) add(done account.Recovered) {
	r.Granted += done.Granted
	switch done.Outcome {
	case account.OrderKnown:
		r.Known++
		return
	case account.OrderRestored:
		r.Restored++
	case account.OrderSkipped:
		r.Skipped++
	case account.OrderFailed:
		r.Failed++
	}
	if done.MadeAccount {
		r.Accounts++
	}
	if done.Linked {
		r.Linked++
	}
	if len(r.Orders) < maxListed {
		r.Orders = append(r.Orders, recoverLine{
			done.Order.ID, done.Outcome, done.Order.AccountID, done.Customer, done.Order.Item, done.Reason,
			done.Detail, done.MadeAccount, done.Linked, done.Granted,
		})
	}
}

func (r *recoverReport) print(out io.Writer) error {
	t := table{columns: []string{"order", "outcome", "account", "customer", "item", "granted", "also"}}
	for _, l := range r.Orders {
		also := l.Detail
		switch {
		case l.AccountMade:
			also = "made the account again"
		case l.Linked:
			also = "gave the account its customer"
		}
		t.add(l.Order, l.Outcome, l.Account, l.Customer, l.Item, l.Granted, also)
	}
	if len(r.Orders) > 0 {
		if err := t.print(out, false); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(
		out, "%d orders restored, %d known, %d skipped, %d failed; "+
			"%d accounts made, %d customers linked; %d points granted\n",
		r.Restored, r.Known, r.Skipped, r.Failed, r.Accounts, r.Linked, r.Granted,
	)
	if err == nil && r.DryRun {
		_, err = fmt.Fprintln(out, "Nothing was changed; add --yes.")
	}
	return err
}
