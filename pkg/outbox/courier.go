package outbox

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// delays are the pauses after each failed attempt except the last, as the scheme recommends.
var delays = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour,
	20 * time.Hour, 24 * time.Hour,
}

const (
	atOnce = 8   // accounts whose events are sent at a time, to one endpoint
	batch  = 100 // deliveries that are read at once
	// runTime is how long one job delivers before it makes room for another. With one more attempt it stays below a
	// job's timeout.
	runTime = 20 * time.Second
	// lease is how long an endpoint stays taken if the process of its job died.
	lease = 45 * time.Second
)

// Courier delivers outgoing events.
type Courier struct {
	db     *store.DB
	client *http.Client
	now    func() time.Time
	log    *slog.Logger
	sweeps time.Duration // the pause between two looks for what is due
}

// NewCourier returns a Courier. local lets endpoints be on this machine or network: only for development. now is the
// machine's clock, even if the product uses another. Receivers compare a signature's time with their own clock, and
// jobs are due by the machine's.
func NewCourier(db *store.DB, local bool, now func() time.Time, log *slog.Logger) *Courier {
	return &Courier{db: db, client: newClient(local), now: now, log: log, sweeps: sweepInterval}
}

// Run delivers what is due at an endpoint, for a while. One job at a time does that; busy reports that another one is
// doing it now.
//
// The events of one account form a line: each is first tried after the one before it, and one that fails does not delay
// the rest. next is when the endpoint must be looked at again, or nil if nothing waits. Errors: the database's.
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
	next, err = c.db.NextDelivery(ctx, id)
	return next, false, err
}

// deliver makes attempts until nothing is due, the endpoint is gone for good, or the time is up.
func (c *Courier) deliver(ctx context.Context, w billing.Webhook, end time.Time) error {
	for c.now().Before(end) {
		due, err := c.db.DueDeliveries(ctx, w.ID, c.now(), batch)
		if err != nil || len(due) == 0 {
			return err
		}
		lines := map[billing.AccountID][]billing.Delivery{}
		for _, d := range due {
			lines[d.AccountID] = append(lines[d.AccountID], d)
		}
		group, together := errgroup.WithContext(ctx)
		group.SetLimit(atOnce)
		for _, line := range lines {
			group.Go(func() error {
				for _, d := range line {
					if !c.now().Before(end) {
						return nil
					}
					if gone, err := c.attempt(together, w, d); err != nil || gone {
						return err
					}
				}
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
		if now, err := c.db.Webhook(ctx, w.ID); err != nil || now.DisabledAt != nil {
			return unless(err, billing.ENotFound)
		} else {
			w = now // a secret may have been rolled in the meantime
		}
	}
	return nil
}

// attempt sends one event and records the result. An attempt that was cut off is not recorded: no one knows whether it
// arrived, so it is made again.
func (c *Courier) attempt(ctx context.Context, w billing.Webhook, d billing.Delivery) (gone bool, err error) {
	a := send(ctx, c.client, w, d, c.now())
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	after := c.outcome(d, a)
	gone = a.status == http.StatusGone
	err = c.db.InTx(ctx, func(tx *store.Tx) error {
		hook, err := tx.LockWebhook(ctx, w.ID) // before any delivery, as everywhere
		if err != nil {
			return unless(err, billing.ENotFound) // removed in the meantime
		}
		if err := tx.SaveAttempt(ctx, d, after); err != nil || !gone {
			return err
		}
		hook.DisabledAt, hook.DisabledWhy = &tx.Now, "it responded 410 Gone"
		if err := tx.SaveWebhook(ctx, hook); err != nil {
			return err
		}
		return tx.GiveUpDeliveries(ctx, w.ID, disabled(hook))
	})
	if err == nil && after.Status == billing.DeliveryFailed {
		c.log.WarnContext(
			ctx, "an outgoing event was given up", "webhook", w.ID, "event", d.ID, "type", d.Type, "attempts",
			after.Attempts, "error", a.err,
		)
	}
	return gone, err
}

// outcome returns a delivery as it is after an attempt.
func (c *Courier) outcome(d billing.Delivery, a answer) billing.Delivery {
	now := c.now().UTC().Truncate(time.Microsecond)
	d.TriedAt, d.LastStatus, d.LastError = &now, a.status, a.err
	d.Attempts++
	switch {
	case a.err == "":
		d.Status, d.DeliveredAt = billing.DeliveryDelivered, &now
	case int(d.Attempts) > len(delays) || a.status == http.StatusGone:
		d.Status = billing.DeliveryFailed
	default:
		pause := delays[d.Attempts-1]
		d.NextAt = now.Add(pause + rand.N(pause/5+1)) // so an endpoint that comes back does not get all at once
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
			if w.DisabledAt != nil { // written while it was being disabled
				if err := tx.GiveUpDeliveries(ctx, w.ID, disabled(w)); err != nil {
					return err
				}
			}
		}
		return tx.DeleteDeliveries(ctx, tx.Now.Add(-keepFor), limit)
	})
}
