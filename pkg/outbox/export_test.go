package outbox

import (
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// Details that the external tests use.
var (
	Delays  = delays
	IsLocal = isLocal
	Lease   = lease

	MaxPause  = maxPause
	MaxPutOff = int64(maxPutOff)

	Threshold = threshold
)

// Sign returns the signature header of a delivery.
func Sign(w billing.Webhook, d billing.Delivery, now time.Time) (string, error) {
	return sign(w, d, now)
}

// Hurry sets how long the courier waits for a reply.
func (c *Courier) Hurry(timeout time.Duration) { c.client.Timeout = timeout }

// Rounds sets how many accounts a round has.
func (c *Courier) Rounds(heads int) { c.heads = heads }

// NoSweeper stops the courier's periodic sweep, so that a test sees what happens without its repairs. Call it before
// Start.
func (c *Courier) NoSweeper() { c.sweeps = 24 * time.Hour }
