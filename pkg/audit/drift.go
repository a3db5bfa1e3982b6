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

// Twice compares accounts, and where that finds differences it looks again after a while, as often as the pace allows:
// Found is what both looks found, and a repair is done at the second one. It returns nothing where it is cut off, since
// what one look found may have been under way. Errors: the context's.
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

// second looks again at an account that a first look found to differ. What is left after a repair is told as it is: the
// repair was the newest look at Stripe.
func (c *Comparison) second(ctx context.Context, first Compared) Compared {
	r := c.Account(ctx, first.Account)
	r.Found = both(first.Found, r.Found, func(d billing.Drift) billing.Drift { d.Detail = ""; return d })
	if !c.Repair {
		r.Left = r.Found
	}
	return r
}

// lookAgain compares and repairs the suspects of a batch once more, as far as the batch got, and counts what both looks
// found. Where it is cut off, the batch is looked at again from its beginning.
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
