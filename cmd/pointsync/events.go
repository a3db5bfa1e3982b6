package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"text/tabwriter"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/config"
	"github.com/pointsync/pointsync/pkg/inbox"
	"github.com/pointsync/pointsync/pkg/store"
)

type eventsCmd struct {
	List   eventsListCmd   `cmd:"" help:"The events last received."`
	Show   eventsShowCmd   `cmd:"" help:"One event and what became of it."`
	Replay eventsReplayCmd `cmd:"" help:"Make an event pending again: a running server will sync its account."`
}

type eventsListCmd struct {
	Status string `help:"Only these." enum:",pending,processed,ignored" default:""`
	Limit  int    `help:"How many at the most." default:"50"`
}

// Run lists events.
func (e eventsListCmd) Run(ctx context.Context) error {
	if e.Limit < 1 || e.Limit > 10_000 {
		return fmt.Errorf("--limit must be from 1 to 10000")
	}
	db, err := openForCommand(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	events, err := db.Events(ctx, billing.InboxStatus(e.Status), e.Limit)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RECEIVED\tEVENT\tTYPE\tACCOUNT\tSTATUS\tATTEMPTS\tREASON")
	for _, ev := range events {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\n", ev.ReceivedAt.Format(time.RFC3339), ev.ID, ev.Type, ev.AccountID, ev.Status, ev.Attempts, ev.Reason+ev.LastError)
	}
	return w.Flush()
}

type eventsShowCmd struct {
	ID string `arg:"" help:"evt_…"`
}

// Run shows one event.
func (e eventsShowCmd) Run(ctx context.Context) error {
	db, err := openForCommand(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	ev, err := db.Event(ctx, billing.StripeEventID(e.ID))
	if err != nil {
		return fmt.Errorf("event %s: %w", e.ID, err)
	}
	processed := "-"
	if ev.ProcessedAt != nil {
		processed = ev.ProcessedAt.Format(time.RFC3339)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, line := range [][2]any{
		{"event", ev.ID}, {"type", ev.Type}, {"API version", ev.APIVersion}, {"live", ev.Livemode}, {"object", ev.ObjectType + " " + ev.ObjectID},
		{"customer", ev.CustomerID}, {"account", ev.AccountID}, {"created", ev.CreatedAt.Format(time.RFC3339)},
		{"received", ev.ReceivedAt.Format(time.RFC3339)}, {"status", ev.Status}, {"reason", ev.Reason}, {"sync ticket", ev.Ticket},
		{"processed", processed}, {"attempts", ev.Attempts}, {"last error", ev.LastError},
	} {
		fmt.Fprintf(w, "%v\t%v\n", line[0], line[1])
	}
	return w.Flush()
}

type eventsReplayCmd struct {
	ID string `arg:"" help:"evt_…"`
}

// Run replays one event.
func (e eventsReplayCmd) Run(ctx context.Context) error {
	c, err := config.Load(config.Database, config.Stripe)
	if err != nil {
		return err
	}
	log := slog.New(slog.DiscardHandler)
	now, err := clockOf(ctx, c, log)
	if err != nil {
		return err
	}
	db, err := openStore(ctx, c, now, false)
	if err != nil {
		return err
	}
	defer db.Close()
	in, err := inbox.New(inbox.Options{DB: db, Livemode: c.Live(), Log: log})
	if err != nil {
		return err
	}
	if err := in.Replay(ctx, billing.StripeEventID(e.ID)); err != nil {
		return fmt.Errorf("event %s: %w", e.ID, err)
	}
	fmt.Println("The event is pending again.")
	return nil
}

func openForCommand(ctx context.Context) (*store.DB, error) {
	c, err := config.Load(config.Database)
	if err != nil {
		return nil, err
	}
	return openStore(ctx, c, time.Now, false)
}
