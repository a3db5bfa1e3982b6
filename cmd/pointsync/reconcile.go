package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"text/tabwriter"
	"time"

	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/audit"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/reconcile"
)

type stripeReconcileCmd struct {
	Account string  `arg:"" optional:"" help:"Only this account: its email, its id (acc_…) or its external id."`
	DryRun  bool    `help:"Report and change nothing."`
	JSON    bool    `name:"json" help:"Print one JSON object."`
	After   string  `help:"Continue after this account, which a stopped run names."`
	Rate    float64 `help:"Accounts a second; each asks Stripe about 4 times, and Stripe allows 25 calls a second with a test key, 100 with a live one." default:"4"`

	target
}

// driftReport is what a comparison with Stripe found, and how far it got.
type driftReport struct {
	Accounts  int64        `json:"accounts"`
	Differing int64        `json:"differing"`
	Found     int64        `json:"found"`
	Left      int64        `json:"left"`
	Failed    int64        `json:"failed"`
	DryRun    bool         `json:"dry_run"`
	Complete  bool         `json:"complete"`
	Last      string       `json:"last"`
	Drift     []driftEntry `json:"drift"`
	Errors    []driftError `json:"errors"`
}

type driftEntry struct {
	Account  string `json:"account"`
	Kind     string `json:"kind"`
	Ref      string `json:"ref"`
	Detail   string `json:"detail"`
	Repaired bool   `json:"repaired"`
}

type driftError struct {
	Account string `json:"account"`
	Error   string `json:"error"`
}

// Run compares one account, or all accounts that ever bought.
func (s stripeReconcileCmd) Run(ctx context.Context) error {
	if err := checkRate(s.Rate); err != nil {
		return err
	}
	r := &driftReport{DryRun: s.DryRun, Last: s.After, Drift: []driftEntry{}, Errors: []driftError{}}
	err := s.compare(ctx, r)
	if printErr := r.print(os.Stdout, s.JSON); err == nil {
		err = printErr
	}
	switch {
	case err != nil:
		return stopped(err, r.Last)
	case r.Failed > 0:
		return ending{2, fmt.Errorf("%d accounts could not be compared; run it again", r.Failed)}
	case r.Left > 0:
		return ending{1, fmt.Errorf("%d differences from Stripe are left", r.Left)}
	}
	return nil
}

func (s stripeReconcileCmd) compare(ctx context.Context, r *driftReport) error {
	c, closeAll, err := s.comparison(ctx)
	if err != nil {
		return err
	}
	defer closeAll()
	return s.walk(ctx, c, audit.AMoment, r)
}

// walk fills in the report until the end, a failure or an interrupt. again waits between the two looks that
// audit.Comparison takes.
func (s stripeReconcileCmd) walk(ctx context.Context, c *audit.Comparison, again audit.Wait, r *driftReport) error {
	if s.Account != "" {
		a, err := account.Named(ctx, c.DB, s.Account)
		if err != nil {
			return fmt.Errorf("account %s: %w", s.Account, err)
		}
		r.Complete = true
		return r.addAll(c.Twice(ctx, []billing.AccountID{a.ID}, again))
	}
	seen := newProgress("%d accounts compared")
	defer seen.end()
	for began := c.DB.Now(); ; {
		ids, err := c.DB.CustomerAccounts(ctx, billing.AccountID(r.Last), audit.BatchSize)
		if err != nil {
			return err
		}
		if err := r.addAll(c.Twice(ctx, ids, again)); err != nil {
			return err
		}
		seen.at(r.Accounts)
		if len(ids) < audit.BatchSize {
			r.Complete = true
			if s.After != "" { // it began in the middle, so it did not cover all accounts
				return nil
			}
			return audit.Record(ctx, c.DB, billing.RunDrift, began, r.Accounts, r.Found)
		}
	}
}

// comparison wires what a comparison needs.
func (s stripeReconcileCmd) comparison(ctx context.Context) (_ *audit.Comparison, closeAll func() error, err error) {
	at, syncer, err := s.openSyncer(ctx)
	if err != nil {
		return nil, nil, err
	}
	return &audit.Comparison{DB: at.db, Syncer: syncer, Repair: !s.DryRun, Pace: paceOf(s.Rate)}, at.close, nil
}

// openSyncer is openWithStripe for a command that syncs accounts.
func (t target) openSyncer(ctx context.Context) (at atStripe, syncer *reconcile.Syncer, err error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	if at, err = t.openWithStripe(ctx, log); err != nil {
		return at, nil, err
	}
	items, err := catalogOf(at.config)
	if err != nil {
		return at, nil, errors.Join(err, at.close())
	}
	return at, reconcile.New(at.db, at.gateway, items, policyOf(at.config), nil, log), nil
}

// checkRate refuses an impossible --rate, in accounts a second.
func checkRate(rate float64) error {
	if rate <= 0 || rate > 1000 {
		return ending{2, fmt.Errorf("--rate must be above 0 and up to 1000")}
	}
	return nil
}

// paceOf returns the least time from one account to the next.
func paceOf(rate float64) time.Duration { return time.Duration(float64(time.Second) / rate) }

func (r *driftReport) addAll(compared []audit.Compared, err error) error {
	for _, c := range compared {
		r.add(c)
	}
	return err
}

func (r *driftReport) add(c audit.Compared) {
	r.Accounts++
	r.Last = string(c.Account)
	if c.Err != nil {
		r.Failed++
		if len(r.Errors) < maxListed {
			r.Errors = append(r.Errors, driftError{string(c.Account), c.Err.Error()})
		}
	}
	if len(c.Found) > 0 {
		r.Differing++
	}
	r.Found, r.Left = r.Found+int64(len(c.Found)), r.Left+int64(len(c.Left))
	left := map[billing.Drift]bool{}
	for _, d := range c.Left {
		d.Detail = "" // the detail of the same difference may have changed
		left[d] = true
	}
	for _, d := range c.Found {
		if len(r.Drift) < maxListed {
			r.Drift = append(
				r.Drift,
				driftEntry{
					string(d.Account), string(d.Kind), d.Ref, d.Detail,
					c.Err == nil && !left[billing.Drift{Account: d.Account, Kind: d.Kind, Ref: d.Ref}],
				},
			)
		}
	}
}

func (r *driftReport) print(out io.Writer, asJSON bool) error {
	if asJSON {
		return printJSON(out, r)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(r.Drift) > 0 {
		fmt.Fprintln(w, "ACCOUNT\tKIND\tREF\tREPAIRED\tDETAIL")
	}
	for _, d := range r.Drift {
		fmt.Fprintf(w, "%s\t%s\t%s\t%v\t%s\n", d.Account, d.Kind, d.Ref, d.Repaired, d.Detail)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, e := range r.Errors {
		fmt.Fprintf(out, "%s: %s\n", e.Account, e.Error)
	}
	_, err := fmt.Fprintf(out, "%d accounts compared, %d differ: %d differences, %d left; %d accounts could not be compared\n",
		r.Accounts, r.Differing, r.Found, r.Left, r.Failed)
	return err
}
