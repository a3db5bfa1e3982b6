package outbox

import (
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// delays are the pauses after each failed attempt except the last, as the scheme recommends.
var delays = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour,
	20 * time.Hour, 24 * time.Hour,
}

const (
	// runTime is how long one job delivers before it makes room for another. With one more attempt it stays below a
	// job's timeout.
	runTime = 20 * time.Second
	// lease is how long an endpoint stays taken if the process of its job died.
	lease = 45 * time.Second
	// maxPutOff is how often an endpoint may put off an event by Retry-After before that counts as an attempt.
	maxPutOff = 100
)

// Courier delivers outgoing events.
type Courier struct {
	db     *store.DB
	client *http.Client
	now    func() time.Time
	log    *slog.Logger
	sweeps time.Duration // the pause between two looks for what is due
	heads  int           // how many accounts a round has

	mu        sync.Mutex
	rotations map[billing.WebhookID]rotation // of the endpoints where something waits and no job runs
}

// NewCourier returns a Courier. local lets endpoints be on this machine or network: only for development. now is the
// machine's clock, even if the product uses another. Receivers compare a signature's time with their own clock, and
// jobs are due by the machine's.
func NewCourier(db *store.DB, local bool, now func() time.Time, log *slog.Logger) *Courier {
	return &Courier{
		db: db, client: newClient(local), now: now, log: log, sweeps: sweepInterval, heads: heads,
		rotations: map[billing.WebhookID]rotation{},
	}
}

// Run delivers what is due at an endpoint, for a while. One job at a time does that; busy reports that another one is
// doing it now.
//
// Accounts take turns, as turns describes. The events of one account are first tried one after another; one that fails
// does not delay the rest. next is when the endpoint must be looked at again, or nil if nothing waits. Errors: the
// database's.
func (c *Courier) Run(ctx context.Context, id billing.WebhookID) (next *time.Time, busy bool, err error) {
	began := c.now()
	until := began.Add(lease).UTC().Truncate(time.Microsecond)
	var w billing.Webhook
	var ok, known bool
	err = c.db.InTx(ctx, func(tx *store.Tx) error {
		w, ok, known, err = tx.TakeWebhook(ctx, id, began, until)
		return err
	})
	if err != nil || !ok {
		return nil, known && err == nil, err
	}
	runErr := c.deliver(ctx, w, began.Add(runTime))
	// This also runs if the job was cut off, so that no one has to wait until the lease expires.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err = c.db.InTx(ctx, func(tx *store.Tx) error { return tx.LeaveWebhook(ctx, id, until) })
	if runErr != nil {
		return nil, false, runErr
	}
	if err != nil {
		return nil, false, err
	}
	if next, err = c.next(ctx, id); err == nil && next == nil {
		c.takeRotation(id) // nothing waits, or the endpoint is gone
	}
	return next, false, err
}

// next returns when an endpoint must be looked at again, or nil if nothing waits there.
func (c *Courier) next(ctx context.Context, id billing.WebhookID) (*time.Time, error) {
	next, err := c.db.NextDelivery(ctx, id)
	if err != nil || next == nil {
		return nil, err
	}
	w, err := c.db.Webhook(ctx, id)
	if err != nil {
		return nil, unless(err, billing.ENotFound) // removed in the meantime
	}
	if w.PausedUntil != nil && w.PausedUntil.After(*next) {
		return w.PausedUntil, nil
	}
	return next, nil
}

// attempt sends one event and records the result. over reports that nothing more can be sent now: the endpoint is gone,
// or has asked to wait. An attempt that was cut off is not recorded: no one knows whether it arrived, so it is made
// again. Nor is one that failed at an address that was changed in the meantime: the new address did not refuse it.
func (c *Courier) attempt(ctx context.Context, w billing.Webhook, d billing.Delivery) (over bool, err error) {
	a := send(ctx, c.client, w, d, c.now())
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	pause := a.pause(c.now())
	after := c.outcome(d, a, pause)
	gone, saved, ends := a.status == http.StatusGone, false, false
	err = c.db.InTx(ctx, func(tx *store.Tx) error {
		hook, err := tx.LockWebhook(ctx, w.ID) // before any delivery, as everywhere
		if saved = err == nil && (a.err == "" || hook.URL == w.URL); !saved {
			return unless(err, billing.ENotFound) // removed in the meantime
		}
		if err := tx.SaveAttempt(ctx, d, after); err != nil {
			return err
		}
		switch ends = gone && hook.DisabledAt == nil; {
		case ends:
			return disable(ctx, tx, hook)
		case pause > 0:
			return c.putOff(ctx, tx, hook, pause)
		}
		return nil
	})
	if err == nil && saved && after.Status == billing.DeliveryFailed {
		c.log.WarnContext(
			ctx, "an outgoing event was given up", "webhook", w.ID, "event", d.ID, "type", d.Type, "attempts",
			after.Attempts, "error", a.err,
		)
	}
	if err == nil && ends {
		c.log.WarnContext(ctx, "a webhook was disabled", "webhook", w.ID, "reason", goneReason)
	}
	return gone || pause > 0, err
}

// goneReason is why an endpoint is disabled.
const goneReason = "it responded 410 Gone"

// disable ends an endpoint that wants nothing more, fails what waits for it, and tells the other endpoints.
func disable(ctx context.Context, tx *store.Tx, w billing.Webhook) error {
	w.DisabledAt, w.DisabledWhy = &tx.Now, goneReason
	if err := tx.SaveWebhook(ctx, w); err != nil {
		return err
	}
	body, err := json.Marshal(event{
		billing.OutWebhookDisabled, billing.Time(tx.Now),
		aboutEndpoint{endpoint{w.ID, billing.Time(tx.Now), goneReason}},
	})
	if err != nil {
		return err
	}
	if err := tx.InsertDeliveriesBut(ctx, w.ID, billing.Delivery{
		ID: billing.NewMessageID(time.Now()), Type: billing.OutWebhookDisabled, Body: string(body), CreatedAt: tx.Now,
	}); err != nil {
		return err
	}
	return tx.GiveUpDeliveries(ctx, w.ID, disabled(w))
}

// putOff pauses an endpoint. Of two pauses the one that ends later counts.
func (c *Courier) putOff(ctx context.Context, tx *store.Tx, w billing.Webhook, pause time.Duration) error {
	until := c.now().Add(pause).UTC().Truncate(time.Microsecond)
	if w.PausedUntil != nil && !until.After(*w.PausedUntil) {
		return nil
	}
	w.PausedUntil = &until
	return tx.SaveWebhook(ctx, w)
}

// outcome returns a delivery as it is after an attempt. If the endpoint asked to wait, it was none: the event keeps its
// place and its attempts. An endpoint that asks each time would keep an event for ever, so that is limited.
func (c *Courier) outcome(d billing.Delivery, a answer, pause time.Duration) billing.Delivery {
	now := c.now().UTC().Truncate(time.Microsecond)
	d.TriedAt, d.LastStatus, d.LastError = &now, a.status, a.err
	if pause > 0 && d.PutOff < maxPutOff {
		d.PutOff++
		return d
	}
	d.Attempts++
	switch {
	case a.err == "":
		d.Status, d.DeliveredAt = billing.DeliveryDelivered, &now
	case int(d.Attempts) > len(delays) || a.status == http.StatusGone:
		d.Status = billing.DeliveryFailed
	default:
		delay := delays[d.Attempts-1]
		d.NextAt = now.Add(delay + rand.N(delay/5+1)) // so an endpoint that comes back does not get all at once
	}
	return d
}

func disabled(w billing.Webhook) string { return "the webhook was disabled: " + w.DisabledWhy }

func unless(err error, code billing.Code) error {
	if billing.CodeOf(err) == code {
		return nil
	}
	return err
}

// failWaiting fails what was written while an endpoint was being disabled. It reads the endpoint again, under its lock:
// if it was enabled in the meantime, what waits there is to be sent.
func failWaiting(ctx context.Context, tx *store.Tx, id billing.WebhookID) error {
	w, err := tx.LockWebhook(ctx, id)
	if err != nil || w.DisabledAt == nil {
		return unless(err, billing.ENotFound)
	}
	return tx.GiveUpDeliveries(ctx, id, disabled(w))
}

// keepFor is how long finished deliveries are kept.
const keepFor = 30 * 24 * time.Hour

// Sweep fails what waits at disabled endpoints, and deletes old deliveries and those of endpoints that are gone.
func Sweep(ctx context.Context, db *store.DB, limit int) error {
	hooks, err := db.Webhooks(ctx)
	if err != nil {
		return err
	}
	return db.InTx(ctx, func(tx *store.Tx) error {
		for _, w := range hooks {
			if w.DisabledAt != nil {
				if err := failWaiting(ctx, tx, w.ID); err != nil {
					return err
				}
			}
		}
		return tx.DeleteDeliveries(ctx, tx.Now.Add(-keepFor), limit)
	})
}
