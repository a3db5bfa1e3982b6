package jobs

import (
	"context"
	"time"
)

// Pause waits for a real time. It returns an error if the context ends first.
func Pause(ctx context.Context, d time.Duration) error {
	pause := time.NewTimer(d)
	defer pause.Stop()
	select {
	case <-pause.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
