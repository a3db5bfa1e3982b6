package inbox

import (
	"context"
	"log/slog"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

const (
	// backfillOverlap is how far a walk goes back before the start of the last one: Stripe lists an event some time
	// after the event's own time.
	backfillOverlap = 10 * time.Minute
	// backfillPace is the pause between two pages: 4 calls a second of the 25 that Stripe allows with a test key, or
	// 100 with a live one.
	backfillPace = 250 * time.Millisecond
	// backfillPages is how many pages one job reads. The next job continues.
	backfillPages = 60
)

// Backfilled is the result of a walk over Stripe's list of events, or of a part of it.
type Backfilled struct {
	Seen    int  // events of our types
	Found   int  // of these, events that no webhook had brought
	Failed  int  // of these, events that could not be stored; `stripe reconcile` repairs their accounts
	TooOld  bool // the last look is longer ago than Stripe lists events
	Through bool // the walk reached its end
}

// Backfill walks over Stripe's list of events, newest first, back to where the last walk began. It receives the events
// that the inbox does not have, because their webhooks were lost. It continues a walk that was stopped, and reads at
// most the given number of pages. If two run at once, one of them stops, and no harm is done. Errors: those of the
// database and of Stripe, after which the walk can continue.
func (in *Inbox) Backfill(ctx context.Context, pages int) (Backfilled, error) {
	var out Backfilled
	walk, err := in.db.EventWalk(ctx)
	if err != nil {
		return out, err
	}
	for range pages {
		from := walk
		if walk.Until == nil {
			if walk, out.TooOld, err = in.beginWalk(ctx, walk); err != nil {
				return out, err
			}
		}
		page, err := in.stripe.Events(ctx, *walk.Since, walk.After)
		if billing.CodeOf(err) == billing.EStripeRefused && walk.After != "" {
			// Stripe no longer lists the event where the walk stopped: start over.
			page, err = in.stripe.Events(ctx, *walk.Since, "")
		}
		if err != nil {
			return out, err
		}
		if err := in.receiveMissing(ctx, page, &out); err != nil {
			return out, err
		}
		if in.seen != nil {
			in.seen(out.Seen)
		}
		if walk.After = page.Last; !page.More {
			now := in.db.Now()
			walk = billing.EventWalk{SeenUntil: walk.Until, LookedAt: &now}
			in.lookedAt.Store(time.Now().UnixNano())
			out.Through = true
		}
		mine := false
		err = in.db.InTx(ctx, func(tx *store.Tx) (err error) {
			mine, err = tx.SaveEventWalk(ctx, from, walk)
			return err
		})
		if err != nil || !mine || out.Through {
			return out, err
		}
		if err := jobs.Pause(ctx, backfillPace); err != nil {
			return out, err
		}
	}
	return out, nil
}

// beginWalk sets how far back a new walk goes: to where the last one began. If there was none, it goes back to the
// newest event that a webhook brought.
func (in *Inbox) beginWalk(ctx context.Context, walk billing.EventWalk) (_ billing.EventWalk, tooOld bool, err error) {
	now := in.db.Now()
	since := now.Add(-time.Hour)
	if walk.SeenUntil != nil {
		since = *walk.SeenUntil
	} else if newest, err := in.db.Events(ctx, "", "", 1); err != nil {
		return walk, false, err
	} else if len(newest) > 0 {
		since = newest[0].ReceivedAt
	}
	since = since.Add(-backfillOverlap)
	if oldest := now.Add(-stripegw.EventLifetime); since.Before(oldest) {
		level, last := slog.LevelError, in.lookedAt.Load()
		if walk.SeenUntil == nil { // there was no walk yet, and since is when an event was received
			last = in.receivedAt.Load()
		}
		if last > time.Now().Add(-stripegw.EventLifetime).UnixNano() {
			level = slog.LevelInfo // this process did so not long ago, so someone moved the clock
		}
		in.log.Log(
			ctx, level,
			"Stripe lists events of 30 days only, and the last look at them is longer ago: run pointsync stripe reconcile",
			"last_look", since.Add(backfillOverlap),
		)
		since, tooOld = oldest, true
	}
	walk.Since, walk.Until, walk.After = &since, &now, ""
	return walk, tooOld, nil
}

// receiveMissing receives the events of a page that the inbox does not have. An event that cannot be stored does not
// stop the walk, but a database that is down does.
func (in *Inbox) receiveMissing(ctx context.Context, page stripegw.EventPage, out *Backfilled) error {
	found := 0
	for _, e := range page.Events {
		out.Seen++
		_, err := in.db.Event(ctx, storableID(e.ID))
		if err == nil {
			continue
		}
		isNew := false
		if billing.CodeOf(err) == billing.ENotFound {
			isNew, err = in.receiveListed(ctx, e)
		}
		switch {
		case isNew && err == nil:
			found++
			out.Found++
		case err == nil: // it was received in between
		case ctx.Err() != nil || in.db.Ping(ctx) != nil: // it is the database, not the event
			return err
		default:
			out.Failed++
			in.log.ErrorContext(
				ctx, "an event that no webhook brought could not be stored", "event", e.ID, "type", e.Type, "error",
				err,
			)
		}
	}
	if found > 0 {
		in.log.WarnContext(ctx, in.whyMissing(ctx)+"; their events were taken from Stripe's list", "events", found)
	}
	return nil
}

// receiveListed is Receive for an event of Stripe's list, and counts the event if it is new.
func (in *Inbox) receiveListed(ctx context.Context, e stripegw.Event) (isNew bool, err error) {
	err = in.db.InTx(ctx, func(tx *store.Tx) (err error) {
		if _, isNew, err = in.receive(ctx, tx, e); err != nil || !isNew {
			return err
		}
		return tx.CountBackfilled(ctx)
	})
	return isNew, err
}

// Rewind makes the next walk go back that far.
func (in *Inbox) Rewind(ctx context.Context, by time.Duration) error {
	walk, err := in.db.EventWalk(ctx)
	if err != nil {
		return err
	}
	return in.db.InTx(ctx, func(tx *store.Tx) error {
		to := tx.Now.Add(backfillOverlap - by) // a walk subtracts the overlap again
		_, err := tx.SaveEventWalk(ctx, walk, billing.EventWalk{SeenUntil: &to, LookedAt: walk.LookedAt})
		return err
	})
}

// backfill is a job that continues the walk. If the walk is longer than one job, the job comes back at once.
func (in *Inbox) backfill(ctx context.Context) error {
	out, err := in.Backfill(ctx, backfillPages)
	if err == nil && !out.Through {
		return jobs.Again(time.Second)
	}
	return err
}
