package audit

import (
	"context"
	"log/slog"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
)

const (
	// A step of the periodic audit has this many batches. The next walk begins this long after the last one began.
	auditBatches = 5
	auditEvery   = time.Hour
	// The comparison with Stripe is much slower. Each account asks Stripe about 4 times, so 2 accounts a second leave
	// most of what Stripe allows (25 calls a second with a test key) to the customers. A step takes 8 seconds, and a
	// server that is told to stop waits for it.
	driftBatch = 16
	driftPace  = 500 * time.Millisecond
	driftEvery = 24 * time.Hour
	// stripeAway is how many accounts in a row must fail before the walk blames Stripe and not the accounts. Then it
	// keeps its place. A single account for which Stripe always fails is skipped, so that it does not stop the walk for
	// ever.
	stripeAway = 2
)

// walk is a periodic look at all accounts, done step by step.
type walk struct {
	kind    billing.RunKind
	every   time.Duration
	batches int // in one step
	size    int
	look    func(ctx context.Context, after billing.AccountID, limit int) (looked, error)
}

// looked is the result of one batch.
type looked struct {
	accounts, findings int
	last               billing.AccountID
	done               bool // there are no more
}

// Step does the next piece of the periodic audit, and records how far it has come. again waits between the two looks of
// Twice.
func Step(ctx context.Context, db *store.DB, again Wait, log *slog.Logger) error {
	w := walk{kind: billing.RunAudit, every: auditEvery, batches: auditBatches, size: BatchSize}
	w.look = func(ctx context.Context, after billing.AccountID, limit int) (looked, error) {
		b, err := Twice(ctx, db, after, limit, again)
		for _, v := range b.Violations {
			log.ErrorContext(
				ctx, "a rule that always holds is broken", "account", v.Account, "rule", v.Rule, "detail", v.Detail,
			)
		}
		return looked{b.Accounts, len(b.Violations), b.Last, b.Accounts < limit}, err
	}
	return w.step(ctx, db)
}

// StepDrift does the next piece of the periodic comparison with Stripe, which repairs what it can, and records how far
// it has come. A difference is counted, reported and repaired only if a second look finds it too. again waits between
// the two looks.
func StepDrift(ctx context.Context, db *store.DB, syncer *reconcile.Syncer, again Wait, log *slog.Logger) error {
	w := walk{kind: billing.RunDrift, every: driftEvery, batches: 1, size: driftBatch}
	w.look = func(ctx context.Context, after billing.AccountID, limit int) (looked, error) {
		c := Comparison{DB: db, Syncer: syncer, Pace: driftPace, LeaveWaiting: true}
		var suspects []Compared
		out := looked{last: after}
		ids, err := db.CustomerAccounts(ctx, after, limit)
		if err != nil {
			return out, err
		}
		held, silent := 0, 0 // accounts after out.last, and how many of them Stripe did not answer for
		for _, id := range ids {
			r := c.Account(ctx, id)
			if ctx.Err() != nil {
				return out, nil // the next step looks at this account
			}
			if len(r.Found) > 0 {
				suspects = append(suspects, r)
			} else {
				r.log(ctx, log)
			}
			held++
			switch {
			case billing.CodeOf(r.Err) == billing.EStripeUnavailable:
				if silent++; silent == stripeAway { // and at all of these accounts
					return c.lookAgain(ctx, suspects, after, out, again, log)
				}
			case r.LeftOut && silent > 0: // this does not show that Stripe is back
			default:
				out.accounts, out.last, held, silent = out.accounts+held, id, 0, 0
			}
		}
		out.done = len(ids) < limit && held == 0
		return c.lookAgain(ctx, suspects, after, out, again, log)
	}
	return w.step(ctx, db)
}

// step looks at the next accounts. If two replicas take the same step, only one of them counts.
func (w walk) step(ctx context.Context, db *store.DB) error {
	before, err := db.AuditRun(ctx, w.kind)
	if err != nil {
		return err
	}
	run, due := begin(before, db.Now(), w.every)
	if !due {
		return nil
	}
	for n := 0; n < w.batches && run.EndedAt == nil; n++ {
		b, err := w.look(ctx, run.Cursor, w.size)
		if err != nil {
			return err
		}
		run.Cursor, run.Accounts, run.Findings = b.last, run.Accounts+int64(b.accounts), run.Findings+int64(b.findings)
		if b.done {
			end(&run, db.Now())
		}
	}
	ctx = context.WithoutCancel(ctx) // the progress is recorded even if the server stops
	return db.InTx(ctx, func(tx *store.Tx) error {
		now, err := tx.LockAuditRun(ctx, run.Kind)
		if err != nil || now.Cursor != before.Cursor || !billing.SameTime(
			now.BeganAt, before.BeganAt,
		) || !billing.SameTime(now.EndedAt, before.EndedAt) {
			return err
		}
		return tx.SaveAuditRun(ctx, run)
	})
}

// Record records a walk that a person ran by hand from the first account to the last, so that the metrics show it.
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

// begin continues a run that is under way, or begins the next one if it is due.
func begin(run billing.AuditRun, now time.Time, every time.Duration) (_ billing.AuditRun, due bool) {
	switch {
	case run.BeganAt != nil && run.EndedAt == nil:
		return run, true
	case run.BeganAt != nil && now.Before(run.BeganAt.Add(every)):
		return run, false
	}
	run.BeganAt, run.EndedAt, run.Cursor, run.Accounts, run.Findings = &now, nil, "", 0, 0
	return run, true
}

func end(run *billing.AuditRun, now time.Time) {
	run.EndedAt, run.LastEndedAt, run.LastFindings = &now, &now, run.Findings
}
