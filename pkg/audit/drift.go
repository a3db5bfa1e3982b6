package audit

import (
	"context"
	"log/slog"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
)

// Comparison compares accounts with Stripe, one after another.
type Comparison struct {
	DB           *store.DB
	Syncer       *reconcile.Syncer
	Repair       bool          // repair what can be repaired
	Pace         time.Duration // the least time from one account to the next
	LeaveWaiting bool          // leave out accounts with a waiting event: they will be synced soon

	next time.Time
}

// Compared is the result for one account.
type Compared struct {
	Account billing.AccountID
	LeftOut bool // because an event waits
	Found   []billing.Drift
	Left    []billing.Drift // what is left after the repair, or all if no repair was requested
	Err     error           // the account could not be compared
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

// Twice compares accounts, and if it finds differences, looks again after a while, as often as the pace allows. Found
// is what both looks found, and the second look repairs. Twice returns nothing if it is cut off, because what one look
// found may have been under way. Errors: the context's.
func (c *Comparison) Twice(ctx context.Context, ids []billing.AccountID, again Wait) ([]Compared, error) {
	looks := *c
	looks.Repair = false
	all, differ := make([]Compared, 0, len(ids)), false
	for _, id := range ids {
		all = append(all, looks.Account(ctx, id))
		differ = differ || len(all[len(all)-1].Found) > 0
	}
	if differ {
		if err := again(ctx); err != nil {
			return nil, err
		}
	}
	repairs := looks
	repairs.Repair = c.Repair
	for n, first := range all {
		if len(first.Found) > 0 {
			all[n] = repairs.second(ctx, first)
		}
	}
	c.next = repairs.next
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return all, nil
}

// second looks again at an account that differed at the first look. What is left after a repair is reported as it is,
// because the repair was the newest look at Stripe.
func (c *Comparison) second(ctx context.Context, first Compared) Compared {
	r := c.Account(ctx, first.Account)
	r.Found = both(first.Found, r.Found, func(d billing.Drift) billing.Drift { d.Detail = ""; return d })
	if !c.Repair {
		r.Left = r.Found
	}
	return r
}

// lookAgain compares and repairs the suspects of a batch once more, as far as the batch got. It counts what both looks
// found. If it is cut off, the next step looks at the whole batch again.
func (c *Comparison) lookAgain(
	ctx context.Context, suspects []Compared, after billing.AccountID, out looked, again Wait, log *slog.Logger,
) (looked, error) {
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
		second := repairs.second(ctx, first)
		if ctx.Err() != nil {
			return looked{last: after}, nil
		}
		second.log(ctx, log)
		out.findings += len(second.Found)
	}
	return out, nil
}

// wait keeps the pace. It uses real seconds, because Stripe's limits know no other clock.
func (c *Comparison) wait(ctx context.Context) error {
	if err := jobs.Pause(ctx, time.Until(c.next)); err != nil {
		return err
	}
	c.next = time.Now().Add(c.Pace)
	return nil
}

func (r Compared) log(ctx context.Context, log *slog.Logger) {
	if r.Err != nil {
		log.WarnContext(ctx, "an account could not be compared with Stripe", "account", r.Account, "error", r.Err)
	}
	for _, d := range r.Found {
		log.WarnContext(
			ctx, "an account differs from Stripe", "account", d.Account, "kind", d.Kind, "ref", d.Ref, "detail",
			d.Detail,
		)
	}
	for _, d := range r.Left {
		log.ErrorContext(
			ctx, "a repair left a difference from Stripe", "account", d.Account, "kind", d.Kind, "ref", d.Ref, "detail",
			d.Detail,
		)
	}
}
