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
	t := table{columns: []string{"webhook", "address", "types", "delivered", "failed", "disabled"}}
	for _, h := range hooks {
		types := "all"
		if h.Types != nil {
			names := make([]string, len(h.Types))
			for i, t := range h.Types {
				names[i] = string(t)
			}
			types = strings.Join(names, ",")
		}
		t.add(h.ID, h.URL, cell{h.Types, types}, h.Delivered, h.Failed, h.DisabledWhy)
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
		say := fmt.Sprintf(
			"secret   %s\nuntil    %s the old one signs as well", w.Secret.Reveal(),
			w.OldUntil.UTC().Format(time.RFC3339),
		)
		return tell(r.JSON, say, map[string]any{
			"webhook": w.ID, "secret": w.Secret.Reveal(), "old_until": w.OldUntil,
		})
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
			t.add(a.CreatedAt, madeBy(a.AdminID), did, a.WebhookID, a.Reason)
		}
		return t.print(os.Stdout, h.JSON)
	})
}
