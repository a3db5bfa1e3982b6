package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/config"
	"github.com/pointsync/pointsync/pkg/outbox"
	"github.com/pointsync/pointsync/pkg/store"
)

type webhooksCmd struct {
	List    webhooksListCmd    `cmd:"" help:"List the endpoints that receive events, and the state of their deliveries."`
	Add     webhooksAddCmd     `cmd:"" help:"Add an endpoint that receives events, and print its secret, once."`
	Remove  webhooksRemoveCmd  `cmd:"" help:"Delete an endpoint, its secrets and its deliveries."`
	Roll    webhooksRollCmd    `cmd:"" help:"Give an endpoint a new secret and print it, once. For 24 hours the old one signs too."`
	Resend  webhooksResendCmd  `cmd:"" help:"Send an endpoint again what failed, and what it missed while disabled."`
	History webhooksHistoryCmd `cmd:"" help:"Who added, changed, rolled and removed endpoints, latest first."`
}

// withPost opens the database for a command about endpoints.
func (t target) withPost(ctx context.Context, f func(db *store.DB, post *outbox.Post) error) error {
	c, release, err := t.load(ctx, config.Database)
	if err != nil {
		return err
	}
	defer release()
	db, err := openStore(ctx, c, time.Now, false)
	if err != nil {
		return err
	}
	defer db.Close()
	return f(db, outbox.NewPost(db, c.LocalWebhooks))
}

type webhooksListCmd struct {
	listing
	target
}

// Run lists endpoints, without their secrets.
func (l webhooksListCmd) Run(ctx context.Context) error {
	return l.withPost(ctx, func(db *store.DB, _ *outbox.Post) error {
		hooks, err := db.Webhooks(ctx)
		if err != nil {
			return err
		}
		t := webhooksTable(hooks)
		return t.print(os.Stdout, l.JSON)
	})
}

func webhooksTable(hooks []billing.Webhook) table {
	t := table{columns: []string{"webhook", "address", "types", "delivered", "failed", "paused_until", "disabled"}}
	for _, h := range hooks {
		var pause *time.Time
		if h.PausedAt(time.Now()) {
			pause = h.PausedUntil
		}
		types := "all"
		if h.Types != nil {
			names := make([]string, len(h.Types))
			for i, t := range h.Types {
				names[i] = string(t)
			}
			types = strings.Join(names, ",")
		}
		t.add(h.ID, h.URL, cell{h.Types, types}, h.Delivered, h.Failed, timeCell(pause, ""), h.DisabledWhy)
	}
	return t
}

type webhooksAddCmd struct {
	URL   string   `arg:"" help:"https://…"`
	Types []string `help:"Which events to send, such as points.low,order.fulfilled; all by default."`

	outcome
	target
}

// Run adds an endpoint.
func (a webhooksAddCmd) Run(ctx context.Context) error {
	return a.withPost(ctx, func(_ *store.DB, post *outbox.Post) error {
		e := outbox.Endpoint{URL: a.URL}
		for _, t := range a.Types {
			e.Types = append(e.Types, billing.OutgoingType(t))
		}
		w, err := post.Add(ctx, "", e)
		if err != nil {
			return err
		}
		return tell(a.JSON, fmt.Sprintf("webhook  %s\nsecret   %s", w.ID, w.Secret.Reveal()), map[string]any{
			"webhook": w.ID, "secret": w.Secret.Reveal(),
		})
	})
}

type webhooksRemoveCmd struct {
	ID string `arg:"" help:"whk_…"`

	outcome
	target
}

// Run removes an endpoint.
func (r webhooksRemoveCmd) Run(ctx context.Context) error {
	return r.withPost(ctx, func(_ *store.DB, post *outbox.Post) error {
		if err := post.Remove(ctx, "", billing.WebhookID(r.ID)); err != nil {
			return fmt.Errorf("webhook %s: %w", r.ID, err)
		}
		return tell(r.JSON, "The webhook is gone.", map[string]any{"webhook": r.ID})
	})
}

type webhooksRollCmd struct {
	ID string `arg:"" help:"whk_…"`

	outcome
	target
}

// Run rolls a secret.
func (r webhooksRollCmd) Run(ctx context.Context) error {
	return r.withPost(ctx, func(_ *store.DB, post *outbox.Post) error {
		w, err := post.Roll(ctx, "", billing.WebhookID(r.ID))
		if err != nil {
			return fmt.Errorf("webhook %s: %w", r.ID, err)
		}
		say, until := "secret   "+w.Secret.Reveal(), time.Time{}
		for _, old := range w.OldSecrets {
			until = old.Until.UTC() // the last one is that of the secret before
			say += "\nuntil    " + until.Format(time.RFC3339) + " an old one signs as well"
		}
		return tell(r.JSON, say, map[string]any{"webhook": w.ID, "secret": w.Secret.Reveal(), "old_until": until})
	})
}

type webhooksResendCmd struct {
	ID     string     `arg:"" help:"whk_…"`
	Status []string   `help:"Which events: failed, missed, delivered." default:"failed,missed"`
	Types  []string   `help:"Only these types, such as points.low,order.fulfilled."`
	From   *time.Time `help:"Only events since this time, such as 2026-03-01T00:00:00Z."`
	To     *time.Time `help:"Only events before this time."`

	outcome
	target
}

// Run makes the events pending again, page by page. A running server sends them.
func (r webhooksResendCmd) Run(ctx context.Context) error {
	return r.withPost(ctx, func(_ *store.DB, post *outbox.Post) error {
		f := billing.DeliveryFilter{From: r.From, To: r.To}
		for _, s := range r.Status {
			f.Statuses = append(f.Statuses, billing.DeliveryStatus(s))
		}
		for _, t := range r.Types {
			f.Types = append(f.Types, billing.OutgoingType(t))
		}
		sum := 0
		for more := true; more; {
			sent, err := post.ResendMany(ctx, "", billing.WebhookID(r.ID), f)
			if err != nil {
				return fmt.Errorf("webhook %s, after %d events: %w", r.ID, sum, err)
			}
			sum += sent.Events
			f.After, more = sent.Last, sent.Last != ""
		}
		say := fmt.Sprintf("%d events will be sent again.", sum)
		return tell(r.JSON, say, map[string]any{"webhook": r.ID, "resent": sum})
	})
}

type webhooksHistoryCmd struct {
	Limit int `help:"How many at most." default:"100"`

	listing
	target
}

// Run prints who did what to endpoints, including removed ones.
func (h webhooksHistoryCmd) Run(ctx context.Context) error {
	if err := checkLimit(h.Limit, maxListed); err != nil {
		return err
	}
	return h.withPost(ctx, func(db *store.DB, _ *outbox.Post) error {
		deeds, err := db.WebhookActions(ctx, h.Limit)
		if err != nil {
			return err
		}
		t := table{columns: []string{"at", "who", "did", "webhook", "told"}}
		for _, a := range deeds {
			did := strings.TrimPrefix(string(a.Action), "webhook.")
			t.add(a.CreatedAt, madeBy(a.AdminID), did, a.Subject, a.Reason)
		}
		return t.print(os.Stdout, h.JSON)
	})
}
