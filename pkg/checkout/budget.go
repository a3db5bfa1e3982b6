package checkout

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// Every request that asks Stripe is first taken out of a budget. There is one budget for each account and kind of
// request. It is kept in the database, so that all replicas share it. A repeat that the database alone can reply to
// costs nothing.

// lockAndTake locks the open account for a login and takes a request, in its own transaction. Errors: ETooMany,
// EUnauthorized, EAccountClosed.
func lockAndTake(
	ctx context.Context, db *store.DB, id billing.AccountID, login billing.SessionID, kind billing.RequestKind,
) error {
	return db.InTx(ctx, func(tx *store.Tx) error {
		if _, err := tx.LockOpen(ctx, id, login); err != nil {
			return err
		}
		return tx.TakeRequest(ctx, id, kind)
	})
}
