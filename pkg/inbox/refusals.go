package inbox

import (
	"context"
	"sync"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// refusalsNoted is how often webhooks that fit no secret are logged and counted. Anyone can send as many as they like.
const refusalsNoted = time.Minute

// refusals counts the webhooks of this process that fitted no secret and were not logged yet.
type refusals struct {
	mu    sync.Mutex
	count int64
	noted time.Time
}

// take adds one refusal, and returns how many there are to log, or 0 if the last ones were logged less than a minute
// ago.
func (r *refusals) take(now time.Time) (n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	if now.Before(r.noted.Add(refusalsNoted)) {
		return 0
	}
	n, r.count, r.noted = r.count, 0, now
	return n
}

// noteRefusal logs the likely cause of a webhook that is signed with none of our secrets. Nearly always it is Stripe's
// own, and otherwise only a 400 in the log would show it. The body's claims are not trusted; they may only suggest a
// cause.
func (in *Inbox) noteRefusal(ctx context.Context, body []byte) {
	n := in.refusals.take(time.Now())
	if n == 0 {
		return
	}
	cause := "its endpoint at Stripe was created again, its secret was rolled, or a second endpoint sends here too: add its secret, or delete the endpoint"
	e, ok := stripegw.Claims(body)
	switch {
	case !ok:
		cause = "it is not from Stripe: someone else sends to this address"
	case e.Livemode != in.livemode:
		cause = "an endpoint of the other mode (live or test) than the server's key sends here: delete it"
	}
	billing.SecurityEvent{Kind: billing.SecuritySignature, Count: n}.Log(ctx, in.log)
	in.log.WarnContext(ctx, "a webhook was refused: it matches none of the secrets in STRIPE_WEBHOOK_SECRET", "refused", n, "likely_cause", cause,
		"claims_event", storableID(e.ID), "claims_type", storableID(e.Type))
	err := in.db.InTx(ctx, func(tx *store.Tx) error { return tx.CountRefused(ctx, n) })
	if err != nil {
		in.log.WarnContext(ctx, "a refused webhook could not be counted", "error", err)
	}
}

// whyMissing returns why webhooks did not bring the events that a walk found: if a secret is missing, they were not
// lost on the way.
func (in *Inbox) whyMissing(ctx context.Context) string {
	walk, err := in.db.EventWalk(ctx)
	if err == nil && refusedLately(walk, in.db.Now()) {
		return "webhooks were refused: they match none of the secrets in STRIPE_WEBHOOK_SECRET"
	}
	return "webhooks were lost"
}

// lately is how long a refusal counts as the reason for missing events.
const lately = time.Hour

func refusedLately(walk billing.EventWalk, now time.Time) bool {
	return walk.RefusedAt != nil && now.Before(walk.RefusedAt.Add(lately))
}
