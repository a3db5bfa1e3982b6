package inbox

import (
	"context"

	"github.com/pointsync/pointsync/pkg/stripegw"
)

// Receive stores an event as if a webhook had brought it, for tests that need no signature.
func (in *Inbox) Receive(ctx context.Context, e stripegw.Event) error {
	_, _, err := in.keep(ctx, e)
	return err
}
