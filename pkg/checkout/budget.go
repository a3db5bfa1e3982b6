package checkout

import (
	"context"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// Every request that asks Stripe is first taken out of a budget. There is one budget for each account and kind of
// request. It is kept in the database, so that all replicas share it. A repeat that the database alone can reply to
// costs nothing.

// lockAndTake locks the open account for a login and calls takeRequest, in its own transaction. Errors: ETooMany,
// EUnauthorized, EAccountClosed.
func lockAndTake(
	ctx context.Context, db *store.DB, id billing.AccountID, login billing.SessionID, kind billing.RequestKind,
) error {
	return db.InTx(ctx, func(tx *store.Tx) error {
		if _, err := tx.LockOpen(ctx, id, login); err != nil {
			return err
		}
		return takeRequest(ctx, tx, id, kind)
	})
}

// takeRequest takes one request out of an account's budget. The caller holds the account's lock. Errors: ETooMany.
func takeRequest(ctx context.Context, tx *store.Tx, id billing.AccountID, kind billing.RequestKind) error {
	wholeAt, err := tx.RequestBudget(ctx, id, kind)
	if err != nil {
		return err
	}
	next, wait := billing.RequestBudgets[kind].Take(wholeAt, tx.Now)
	if wait > 0 {
		return &billing.Error{
			Code:       billing.ETooMany,
			RetryAfter: wait,
			Message:    "This account asked for this too often in a short time. Try again in a moment.",
		}
	}
	return tx.SaveRequestBudget(ctx, id, kind, next)
}
