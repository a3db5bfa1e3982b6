package audit

import (
	"context"
	"log/slog"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
)

// Comparison compares accounts with Stripe, one after the other.
type Comparison struct {
	DB           *store.DB
	Syncer       *reconcile.Syncer
	Repair       bool          // what can be
	Pace         time.Duration // the least time from one account to the next
	LeaveWaiting bool          // leave out accounts with an event that waits: they are about to be synced

	next time.Time
}

// Compared is what came of one account.
type Compared struct {
	Account billing.AccountID
	LeftOut bool // because an event waits
	Found   []billing.Drift
	Left    []billing.Drift // after the repair, or all of it where none was asked for
	Err     error           // it could not be told
}

// Account compares one account, no sooner than the pace allows.
func (c *Comparison) Account(ctx context.Context, id billing.AccountID) (r Compared) {
	r.Account = id
	if r.Err = c.wait(ctx); r.Err != nil {
		return r
	}
	if c.LeaveWaiting {
		if waits, err := c.DB.HasPendingEvents(ctx, id); err != nil || waits {
			r.LeftOut, r.Err = waits, err
			return r
		}
	}
	if r.Found, r.Err = c.Syncer.Drift(ctx, id); r.Err != nil {
		return r
	}
	r.Left = r.Found
	if c.Repair && len(r.Found) > 0 {
		r.Left, r.Err = c.Syncer.Repair(ctx, id)
	}
	return r
}

// lookAgain compares and repairs the suspects of a batch once more, as far as the batch got, and counts what both looks found. Where it is cut
// off, the batch is looked at again from its beginning.
func (c *Comparison) lookAgain(ctx context.Context, suspects []Compared, after billing.AccountID, out looked, again Wait, log *slog.Logger) (looked, error) {
	if len(suspects) == 0 {
		return out, nil
	}
	if err := again(ctx); err != nil {
		return looked{last: after}, nil
	}
	repairs := *c
	repairs.Repair = true
	for _, first := range suspects {
		if first.Account > out.last {
			continue // the next step looks at it
		}
		second := repairs.Account(ctx, first.Account)
		if ctx.Err() != nil {
			return looked{last: after}, nil
		}
		second.Found = both(first.Found, second.Found, func(d billing.Drift) billing.Drift { d.Detail = ""; return d })
		second.log(ctx, log)
		out.findings += len(second.Found)
	}
	return out, nil
}

// wait keeps the pace. These are real seconds: Stripe's limits know no other clock.
func (c *Comparison) wait(ctx context.Context) error {
	pause := time.NewTimer(time.Until(c.next))
	defer pause.Stop()
	select {
	case <-pause.C:
		c.next = time.Now().Add(c.Pace)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r Compared) log(ctx context.Context, log *slog.Logger) {
	if r.Err != nil {
		log.WarnContext(ctx, "an account could not be compared with Stripe", "account", r.Account, "error", r.Err)
	}
	for _, d := range r.Found {
		log.WarnContext(ctx, "an account differs from Stripe", "account", d.Account, "kind", d.Kind, "ref", d.Ref, "detail", d.Detail)
	}
	for _, d := range r.Left {
		log.ErrorContext(ctx, "a repair left a difference from Stripe", "account", d.Account, "kind", d.Kind, "ref", d.Ref, "detail", d.Detail)
	}
}
