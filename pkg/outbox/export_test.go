package outbox

import (
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// What tests look at from outside.
var (
	Delays  = delays
	IsLocal = isLocal
	Lease   = lease

	Threshold = threshold
)

// Sign is the signature header of a delivery.
func Sign(w billing.Webhook, d billing.Delivery, now time.Time) (string, error) {
	return sign(w, d, now)
}

// Hurry makes the courier wait for an answer no longer than this.
func (c *Courier) Hurry(timeout time.Duration) { c.client.Timeout = timeout }

// NoSweeper keeps the courier from looking again by itself: what happens then, no look of its repairs. Call it before
// Start.
func (c *Courier) NoSweeper() { c.sweeps = 24 * time.Hour }
