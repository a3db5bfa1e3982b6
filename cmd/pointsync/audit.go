package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/pointsync/pointsync/pkg/audit"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// maxListed limits how many findings a report lists (it counts all), and how many rows a list may be asked for.
const maxListed = 10_000

type auditCmd struct {
	After string `help:"Continue after this account, which a stopped audit names."`
	JSON  bool   `name:"json" help:"Print one JSON object."`

	target
}

// auditReport is what an audit found, and how far it got.
type auditReport struct {
	Accounts   int64            `json:"accounts"`
	Found      int64            `json:"found"`
	Complete   bool             `json:"complete"`
	Last       string           `json:"last"`
	Violations []violationEntry `json:"violations"`
}

type violationEntry struct {
	Account string `json:"account"`
	Rule    string `json:"rule"`
	Detail  string `json:"detail"`
}

// Run audits all accounts.
func (a auditCmd) Run(ctx context.Context) error {
	r := &auditReport{Last: a.After, Violations: []violationEntry{}}
	err := a.audit(ctx, r)
	if printErr := r.print(os.Stdout, a.JSON); err == nil {
		err = printErr
	}
	switch {
	case err != nil:
		return stopped(err, r.Last)
	case r.Found > 0:
		return ending{1, fmt.Errorf("%d findings: rules that always hold are broken", r.Found)}
	}
	return nil
}

func (a auditCmd) audit(ctx context.Context, r *auditReport) error {
	db, closeAll, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer closeAll()
	return a.walk(ctx, db, audit.AMoment, r)
}

// walk fills in the report until the end, a failure or an interrupt. again waits between the two looks that audit.Twice
// takes.
func (a auditCmd) walk(ctx context.Context, db *store.DB, again audit.Wait, r *auditReport) error {
	seen := newProgress("%d accounts looked at")
	defer seen.end()
	for began := db.Now(); ; {
		b, err := audit.Twice(ctx, db, billing.AccountID(r.Last), audit.BatchSize, again)
		if err != nil {
			return err
		}
		r.add(b)
		seen.at(r.Accounts)
		if b.Accounts < audit.BatchSize {
			r.Complete = true
			if a.After != "" { // it began in the middle, so it did not cover all accounts
				return nil
			}
			return audit.Record(ctx, db, billing.RunAudit, began, r.Accounts, r.Found)
		}
	}
}

func (r *auditReport) add(b audit.Batch) {
	r.Accounts, r.Found, r.Last = r.Accounts+int64(b.Accounts), r.Found+int64(len(b.Violations)), string(b.Last)
	for _, v := range b.Violations {
		if len(r.Violations) < maxListed {
			r.Violations = append(r.Violations, violationEntry{string(v.Account), v.Rule, v.Detail})
		}
	}
}

func (r *auditReport) print(out io.Writer, asJSON bool) error {
	if asJSON {
		return printJSON(out, r)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(r.Violations) > 0 {
		fmt.Fprintln(w, "ACCOUNT\tRULE\tDETAIL")
	}
	for _, v := range r.Violations {
		fmt.Fprintf(w, "%s\t%s\t%s\n", v.Account, v.Rule, v.Detail)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%d accounts looked at, %d violations\n", r.Accounts, r.Found)
	return err
}

// stopped returns an error that says how to continue a walk over all accounts that did not reach its end.
func stopped(err error, last string) error {
	if last == "" {
		return ending{2, err}
	}
	return ending{2, fmt.Errorf("%w; continue with --after %s", err, last)}
}

func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
