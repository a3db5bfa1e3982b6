package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/jobs"
)

const (
	// A cut-over that is older would grant periods that are long over. One that is later is a slip of the pen.
	maxCutOverAge   = 90 * 24 * time.Hour
	maxCutOverAhead = 31 * 24 * time.Hour
)

type importCmd struct {
	CutOver    time.Time `required:"" help:"When the earlier system stopped to give points, such as 2026-03-01T00:00:00Z. What is paid from then on brings points here; what was paid before does not. Give the same time in each run."`
	Grant      string    `help:"What of the money paid before the cut-over brings points: later months of a year (later), or also the period that ran at the cut-over (current)." enum:"later,current" default:"later"`
	ExternalID string    `help:"The key of a customer's metadata that holds your own id of the person." default:"external_id"`
	Balances   string    `help:"A CSV file of opening balances, with the columns customer, points, expires_at." type:"existingfile"`
	// OtherCutOver is for customers who are taken over at another time than those before.
	OtherCutOver bool    `help:"Allow another --cut-over or --grant than the accounts have that were imported before. They keep theirs."`
	Yes          bool    `help:"Do it. Without this, only print what would be done."`
	JSON         bool    `name:"json" help:"Print one JSON object."`
	Rate         float64 `help:"Customers a second; each asks Stripe about 4 times, and Stripe allows 25 calls a second with a test key, 100 with a live one." default:"4"`

	target
}

// importReport is what an import did, or would do.
type importReport struct {
	DryRun        bool           `json:"dry_run"`
	Complete      bool           `json:"complete"`
	CutOver       time.Time      `json:"cut_over"`
	Grant         string         `json:"grant"`
	Subscriptions int            `json:"subscriptions"`
	OtherPrices   []otherPrice   `json:"other_prices"`
	Made          int            `json:"made"`
	Linked        int            `json:"linked"`
	Known         int            `json:"known"`
	Skipped       int            `json:"skipped"`
	Failed        int            `json:"failed"`
	Granted       billing.Points `json:"granted"`
	Opening       billing.Points `json:"opening"`
	Customers     []importLine   `json:"customers"`
}

type otherPrice struct {
	Price         billing.PriceID `json:"price"`
	Subscriptions int             `json:"subscriptions"`
}

type importLine struct {
	Customer   billing.CustomerID    `json:"customer"`
	Outcome    account.ImportOutcome `json:"outcome"`
	Reason     account.ImportReason  `json:"reason,omitempty"`
	Detail     string                `json:"detail,omitempty"`
	Account    billing.AccountID     `json:"account,omitempty"`
	ExternalID string                `json:"external_id,omitempty"`
	Plan       string                `json:"plan,omitempty"`
	Granted    billing.Points        `json:"granted"`
	Opening    billing.Points        `json:"opening"`
}

// Run imports, or says what it would import. It ends with 1 if a customer was skipped, and with 2 if it did not finish.
func (i importCmd) Run(ctx context.Context) error {
	if err := checkRate(i.Rate); err != nil {
		return err
	}
	r := &importReport{
		DryRun: !i.Yes, CutOver: i.CutOver.UTC(), Grant: i.Grant, OtherPrices: []otherPrice{},
		Customers: []importLine{},
	}
	err := i.run(ctx, r, os.Stdout)
	if i.JSON {
		err = errors.Join(err, printJSON(os.Stdout, r))
	} else {
		err = errors.Join(err, r.sum(os.Stdout))
	}
	switch {
	case billing.CodeOf(err) == billing.EConflict:
		return ending{2, err} // it is refused again
	case err != nil:
		return ending{2, fmt.Errorf("%w; run it again: what is done is not done twice", err)}
	case r.Failed > 0:
		return ending{2, fmt.Errorf("%d customers failed; run it again: what is done is not done twice", r.Failed)}
	case r.Skipped > 0:
		return ending{1, fmt.Errorf("%d customers were skipped", r.Skipped)}
	}
	return nil
}

func (i importCmd) run(ctx context.Context, r *importReport, out io.Writer) (err error) {
	balances, err := readBalances(i.Balances)
	if err != nil {
		return err
	}
	at, syncer, err := i.openSyncer(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, at.close()) }()
	if now := at.db.Now(); i.CutOver.Before(now.Add(-maxCutOverAge)) || i.CutOver.After(now.Add(maxCutOverAhead)) {
		return fmt.Errorf(
			"--cut-over must be within the last 90 or the next 31 days; it is %s now", now.Format(time.RFC3339),
		)
	}
	// All subscriptions are read before the first customer. With --json, no lines show how far it is after that.
	reading, seen := newProgress("%d subscriptions read"), newProgress("%d customers")
	w := account.Import{
		DB: at.db, Stripe: at.gateway, Syncer: syncer, ExternalID: i.ExternalID, Balances: balances, DryRun: !i.Yes,
		CutOver: billing.CutOver{At: i.CutOver.UTC().Truncate(time.Second), Running: i.Grant == "current"},
		Pace:    paceOf(i.Rate), Wait: jobs.Pause, Reading: func(n int) { reading.at(int64(n)) },
		OtherCutOver: i.OtherCutOver,
	}
	defer seen.end()
	err = w.Run(ctx, func(found account.Read) {
		reading.end()
		r.read(found)
		if !i.JSON {
			r.head(out)
		}
	}, func(done account.Imported) error {
		r.add(done)
		if i.JSON {
			seen.at(int64(r.count()))
			return nil
		}
		_, err := io.WriteString(out, lineOf(done))
		return err
	})
	r.Complete = err == nil
	return err
}

func (r *importReport) count() int { return r.Made + r.Linked + r.Known + r.Skipped + r.Failed }

func (r *importReport) read(found account.Read) {
	r.Subscriptions = found.Subscriptions
	for _, p := range slices.Sorted(maps.Keys(found.OtherPrices)) {
		r.OtherPrices = append(r.OtherPrices, otherPrice{p, found.OtherPrices[p]})
	}
}

func (r *importReport) add(done account.Imported) {
	r.Granted, r.Opening = r.Granted+done.Granted, r.Opening+done.Opening
	switch done.Outcome {
	case account.ImportMade:
		r.Made++
	case account.ImportLinked:
		r.Linked++
	case account.ImportKnown:
		r.Known++
	case account.ImportSkipped:
		r.Skipped++
	case account.ImportFailed:
		r.Failed++
	}
	if len(r.Customers) < maxListed {
		r.Customers = append(r.Customers, importLine{
			Customer: done.Customer, Outcome: done.Outcome, Reason: done.Reason, Detail: done.Detail,
			Account: done.Account, ExternalID: done.ExternalID, Plan: done.Plan, Granted: done.Granted,
			Opening: done.Opening,
		})
	}
}

// head prints what was found at Stripe.
func (r *importReport) head(out io.Writer) {
	fmt.Fprintf(out, "%d subscriptions are live or wait for their first payment.\n", r.Subscriptions)
	for _, p := range r.OtherPrices {
		fmt.Fprintf(
			out, "not ours: %d of them have the price %s (pointsync stripe adopt %s PLAN)\n", p.Subscriptions, p.Price,
			p.Price,
		)
	}
}

func lineOf(done account.Imported) string {
	line := fmt.Sprintf("%-8s %-20s %-31s %-16s", done.Outcome, done.Customer, done.Account, done.Plan)
	if done.Outcome == account.ImportSkipped || done.Outcome == account.ImportFailed {
		return fmt.Sprintf("%s %s %s\n", line, done.Reason, done.Detail)
	}
	return fmt.Sprintf("%s granted %d, opening balance %d %s\n", line, done.Granted, done.Opening, done.Detail)
}

// sum prints the end of the report.
func (r *importReport) sum(out io.Writer) error {
	_, err := fmt.Fprintf(
		out, "%d customers: %d made, %d linked, %d known, %d skipped, %d failed; %d points granted, %d as opening balances\n",
		r.count(), r.Made, r.Linked, r.Known, r.Skipped, r.Failed, r.Granted, r.Opening,
	)
	if err == nil && r.DryRun {
		_, err = fmt.Fprintln(out, "Nothing was changed; add --yes.")
	}
	return err
}
