package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/inbox"
	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

type eventsCmd struct {
	List     eventsListCmd     `cmd:"" help:"List the events received last."`
	Show     eventsShowCmd     `cmd:"" help:"Show one event and what happened to it."`
	Backfill eventsBackfillCmd `cmd:"" help:"Take events whose webhooks were lost from Stripe's own list, as a running server does every few minutes."`
	Replay   eventsReplayCmd   `cmd:"" help:"Make an event pending again: a running server will sync its account."`
}

type eventsListCmd struct {
	Status string `help:"Only events with this status." enum:",pending,processed,ignored" default:""`
	Limit  int    `help:"How many at most." default:"50"`

	listing
	target
}

// Run lists events.
func (e eventsListCmd) Run(ctx context.Context) error {
	if err := checkLimit(e.Limit, maxListed); err != nil {
		return err
	}
	db, closeAll, err := e.open(ctx)
	if err != nil {
		return err
	}
	defer closeAll()
	events, err := db.Events(ctx, billing.InboxStatus(e.Status), "", e.Limit)
	if err != nil {
		return err
	}
	t := table{columns: []string{"received_at", "event", "type", "account", "status", "attempts", "reason"}}
	for _, ev := range events {
		t.add(ev.ReceivedAt, ev.ID, ev.Type, ev.AccountID, ev.Status, ev.Attempts, ev.Reason+ev.LastError)
	}
	return t.print(os.Stdout, e.JSON)
}

type eventsShowCmd struct {
	ID   string `arg:"" help:"evt_…"`
	JSON bool   `name:"json" help:"Print one JSON object."`

	target
}

// Run shows one event.
func (e eventsShowCmd) Run(ctx context.Context) error {
	db, closeAll, err := e.open(ctx)
	if err != nil {
		return err
	}
	defer closeAll()
	ev, err := db.Event(ctx, billing.StripeEventID(e.ID))
	if err != nil {
		return fmt.Errorf("event %s: %w", e.ID, err)
	}
	t := table{columns: []string{
		"event", "type", "api_version", "live", "object_type", "object", "customer", "account", "created_at",
		"received_at", "status", "reason", "sync_ticket", "processed_at", "attempts", "last_error",
	}}
	t.add(
		ev.ID, ev.Type, ev.APIVersion, ev.Livemode, ev.ObjectType, ev.ObjectID, ev.CustomerID, ev.AccountID,
		ev.CreatedAt, ev.ReceivedAt, ev.Status, ev.Reason, ev.Ticket, timeCell(ev.ProcessedAt, "-"), ev.Attempts,
		ev.LastError,
	)
	return t.printOne(os.Stdout, e.JSON)
}

type eventsReplayCmd struct {
	ID     string `arg:"" help:"evt_…"`
	Reason string `help:"Why it is replayed; it is recorded." default:"asked for on the command line"`

	outcome
	target
}

// Run replays one event.
func (e eventsReplayCmd) Run(ctx context.Context) error {
	in, closeAll, err := e.inbox(ctx, nil)
	if err != nil {
		return err
	}
	defer closeAll()
	if err := in.Replay(ctx, billing.StripeEventID(e.ID), "", e.Reason); err != nil {
		return fmt.Errorf("event %s: %w", e.ID, err)
	}
	return tell(e.JSON, "The event is pending again.", map[string]any{"event": e.ID, "status": billing.InboxPending})
}

type eventsBackfillCmd struct {
	Since time.Duration `help:"How far to go back; by default to the last look. Stripe lists events of 30 days." placeholder:"48h"`
	JSON  bool          `name:"json" help:"Print one JSON object."`

	target
}

// Run walks over Stripe's list of events to its end.
func (e eventsBackfillCmd) Run(ctx context.Context) error {
	if e.Since < 0 || e.Since > stripegw.EventLifetime {
		return fmt.Errorf("--since must be from 0 to %s", stripegw.EventLifetime)
	}
	seen := newProgress("%d events looked at")
	in, closeAll, err := e.inbox(ctx, func(events int) { seen.at(int64(events)) })
	if err != nil {
		return err
	}
	defer closeAll()
	if e.Since > 0 {
		if err := in.Rewind(ctx, e.Since); err != nil {
			return err
		}
	}
	out, err := in.Backfill(ctx, math.MaxInt)
	seen.end()
	say := fmt.Sprintf(
		"%d events looked at, %d of them were missing, %d could not be stored.", out.Seen, out.Found, out.Failed,
	)
	if err := e.tell(out, say); err != nil {
		return err
	}
	switch {
	case err != nil:
		return fmt.Errorf("the walk stopped; the next run continues there: %w", err)
	case out.TooOld:
		return ending{
			1,
			fmt.Errorf(
				"the last look was longer ago than the 30 days that Stripe lists events for: run pointsync stripe reconcile",
			),
		}
	case out.Failed > 0:
		return ending{1, fmt.Errorf("%d events could not be stored: run pointsync stripe reconcile", out.Failed)}
	case !out.Through:
		return ending{2, fmt.Errorf("a running server is walking now: see its log")}
	}
	return nil
}

// tell prints the result of a back-fill.
func (e eventsBackfillCmd) tell(out inbox.Backfilled, say string) error {
	return tell(e.JSON, say, map[string]any{
		"seen": out.Seen, "found": out.Found, "failed": out.Failed, "too_old": out.TooOld, "complete": out.Through,
	})
}

// inbox returns an inbox that can receive and replay events, and runs no jobs.
func (t target) inbox(ctx context.Context, seen func(events int)) (_ *inbox.Inbox, closeAll func() error, err error) {
	log := slog.New(slog.DiscardHandler)
	at, err := t.openWithStripe(ctx, log)
	if err != nil {
		return nil, nil, err
	}
	runner, err := jobs.New(at.db, log)
	if err != nil {
		return nil, nil, errors.Join(err, at.close())
	}
	return inbox.New(
		inbox.Options{DB: at.db, Stripe: at.gateway, Jobs: runner, Livemode: at.config.Live(), Log: log, Seen: seen},
	), at.close, nil
}

// checkLimit refuses a --limit that is not from 1 to most.
func checkLimit(limit, most int) error {
	if limit < 1 || limit > most {
		return fmt.Errorf("--limit must be from 1 to %d", most)
	}
	return nil
}
