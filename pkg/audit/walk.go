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
	// A step of the periodic audit is so many batches, the next walk begins so long after the last one began.
	auditBatches = 5
	auditEvery   = time.Hour
	// The comparison with Stripe is slower by far: 2 accounts a second, of which each asks Stripe about 4 times, leave
	// most of what Stripe allows (25 calls a second with a test key) to the customers. A step takes 8 seconds, which a
	// server that is told to end waits for.
	driftBatch = 16
	driftPace  = 500 * time.Millisecond
	driftEvery = 24 * time.Hour
	// stripeAway is after how many accounts in a row the walk takes Stripe, and not the accounts, for the reason, and
	// keeps its place. One that Stripe never answers for is passed by, lest it stop the walk for ever.
	stripeAway = 2
)

// walk is a look at all accounts that comes back by itself, step by step.
type walk struct {
	kind    billing.RunKind
	every   time.Duration
	batches int // in one step
	size    int
	look    func(ctx context.Context, after billing.AccountID, limit int) (looked, error)
}

// looked is what came of one batch.
type looked struct {
	accounts, findings int
	last               billing.AccountID
	done               bool // there are no more
}

// Step does the next piece of the periodic audit, and notes how far it has come. again waits between two looks: see
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

// StepDrift does the next piece of the periodic comparison with Stripe, which repairs what it can, and notes how far it
// has come. A difference counts, and is told and repaired, where it is there at a second look as well; again waits
// between the two.
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
		held, silent := 0, 0 // accounts after out.last, and those among them for which Stripe did not answer
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
				if silent++; silent == stripeAway { // and at all of these
					return c.lookAgain(ctx, suspects, after, out, again, log)
				}
			case r.LeftOut && silent > 0: // it does not show that Stripe answers
			default:
				out.accounts, out.last, held, silent = out.accounts+held, id, 0, 0
			}
		}
		out.done = len(ids) < limit && held == 0
		return c.lookAgain(ctx, suspects, after, out, again, log)
	}
	return w.step(ctx, db)
}

// step looks at the next accounts. Where two replicas take the same step, one of them counts.
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
	ctx = context.WithoutCancel(ctx) // what was looked at is noted also when the server stops
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
