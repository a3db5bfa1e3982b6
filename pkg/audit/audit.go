// Package audit looks at what the other rooms wrote and says where it breaks a rule that always holds. It walks over all
// accounts in bounded batches, in the order of their ids, so that a walk can stop and go on anywhere; it changes nothing but the note of
// how far it has come. What a rule means is the business of the room that keeps it: docs/audit.md lists them.
package audit

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
)

const (
	// BatchSize is how many accounts are looked at in one go.
	BatchSize = 100
	// jobless is how long an event may wait without a job: the sweeper gives it a new one within two and a half minutes.
	jobless = 5 * time.Minute
	// stepBatches bounds one step of the periodic walk, which shall be slow rather than felt.
	stepBatches = 5
	// runEvery is the least time from the begin of one periodic walk to the next.
	runEvery = time.Hour
)

// Batch is what came of looking at some accounts.
type Batch struct {
	Accounts   int               // how many; fewer than asked for when there are no more
	Last       billing.AccountID // where the next batch goes on
	Violations []billing.Violation
}

// Next audits up to limit accounts after the given one. Errors: the database's.
func Next(ctx context.Context, db *store.DB, after billing.AccountID, limit int) (Batch, error) {
	ids, err := db.AccountIDs(ctx, after, limit)
	if err != nil {
		return Batch{}, err
	}
	b := Batch{Accounts: len(ids), Last: after}
	if len(ids) > 0 {
		b.Last = ids[len(ids)-1]
	}
	b.Violations, err = db.Violations(ctx, store.AuditScope{
		After: after, Last: b.Last, CheckoutKey: reconcile.CheckoutKey(""), PendingBefore: db.Now().Add(-jobless),
	})
	if err != nil {
		return Batch{}, err
	}
	for _, id := range ids {
		var broken *billing.Violation
		switch err := ledger.Audit(ctx, db, id); {
		case errors.As(err, &broken):
			b.Violations = append(b.Violations, *broken)
		case err != nil && billing.CodeOf(err) != billing.ENotFound: // gone since it was listed
			return Batch{}, err
		}
	}
	return b, nil
}

// Step does the next piece of the periodic walk, and notes how far it has come. Where two replicas take the same step, one of them counts.
func Step(ctx context.Context, db *store.DB, log *slog.Logger) error {
	before, err := db.AuditRun(ctx, billing.RunAudit)
	if err != nil {
		return err
	}
	run, due := begin(before, db.Now())
	if !due {
		return nil
	}
	for n := 0; n < stepBatches && run.EndedAt == nil; n++ {
		b, err := Next(ctx, db, run.Cursor, BatchSize)
		if err != nil {
			return err
		}
		for _, v := range b.Violations {
			log.ErrorContext(ctx, "a rule that always holds is broken", "account", v.Account, "rule", v.Rule, "detail", v.Detail)
		}
		run.Cursor, run.Accounts, run.Findings = b.Last, run.Accounts+int64(b.Accounts), run.Findings+int64(len(b.Violations))
		if b.Accounts < BatchSize {
			end(&run, db.Now())
		}
	}
	return db.InTx(ctx, func(tx *store.Tx) error {
		now, err := tx.LockAuditRun(ctx, run.Kind)
		if err != nil || now.Cursor != before.Cursor || !sameTime(now.BeganAt, before.BeganAt) || !sameTime(now.EndedAt, before.EndedAt) {
			return err
		}
		return tx.SaveAuditRun(ctx, run)
	})
}

// Record notes a walk that somebody did by hand from the first account to the last one, so that the metrics show it.
func Record(ctx context.Context, db *store.DB, kind billing.RunKind, began time.Time, accounts, findings int64) error {
	return db.InTx(ctx, func(tx *store.Tx) error {
		run, err := tx.LockAuditRun(ctx, kind)
		if err != nil {
			return err
		}
		run.BeganAt, run.Cursor, run.Accounts, run.Findings = &began, "", accounts, findings
		end(&run, tx.Now)
		return tx.SaveAuditRun(ctx, run)
	})
}

// begin goes on with a run that is under way, or begins the next one when it is due.
func begin(run billing.AuditRun, now time.Time) (_ billing.AuditRun, due bool) {
	switch {
	case run.BeganAt != nil && run.EndedAt == nil:
		return run, true
	case run.BeganAt != nil && now.Before(run.BeganAt.Add(runEvery)):
		return run, false
	}
	run.BeganAt, run.EndedAt, run.Cursor, run.Accounts, run.Findings = &now, nil, "", 0, 0
	return run, true
}

func end(run *billing.AuditRun, now time.Time) {
	run.EndedAt, run.LastEndedAt, run.LastFindings = &now, &now, run.Findings
}

func sameTime(a, b *time.Time) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b)
}
